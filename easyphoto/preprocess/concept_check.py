"""Judges pictures of a scene or an object: whether they are readable, large and sharp enough, and no copies.

Nothing is asked of a face; that all pictures show one thing is for the user to see.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.errors import BadPicture, TooFewPhotos
from easyphoto.faces.score import exposure_of, sharpness_of
from easyphoto.geometry import Size
from easyphoto.images.decoding import header_of
from easyphoto.messages import Text, note, text
from easyphoto.parallel import Budget
from easyphoto.preprocess.copies import without_copies
from easyphoto.preprocess.duplicates import picture_signature
from easyphoto.preprocess.look import Look, set_aside, unreadable_words
from easyphoto.preprocess.looking import best_kept, look_at_all, praised
from easyphoto.preprocess.reading import DecodedPhoto
from easyphoto.preprocess.verdict import Check, Reason, Verdict
from easyphoto.progress import Progress
from easyphoto.settings.training import PreprocessSettings

FEWEST = 3
"""Pictures needed: of one or two every angle and light is learned as part of the thing."""
_FEW = 5
_LEAST_SHARE = 0.5
"""Of the family's resolution, for the shorter side: an enlargement to more than twice its size is visibly soft."""
# Sharpness is measured in tiles of the width at which faces are measured, on a picture four tiles high.
_TILE, _TILES = 112, 4


def check_pictures(
    photos: Sequence[Path],
    kind: str,
    family: Family,
    settings: PreprocessSettings,
    progress: Progress,
    *,
    threads: int | None = None,
) -> Check:
    """A verdict for every picture of a scene or an object, `kind`. Raises TooFewPhotos for an empty list."""
    if not photos:
        raise TooFewPhotos(
            text("There are no photos."),
            advice=text("Give a folder with at least {fewest} pictures (JPEG, PNG or WebP).", fewest=FEWEST),
        )
    start = time.perf_counter()

    def look(path: Path, name: str, budget: Budget) -> Look:
        return _look_at(path, name, family, settings, budget)

    looks = best_kept(without_copies(look_at_all(photos, look, progress, threads=threads)), settings.keep)
    verdicts = tuple(praised(look.verdict) if look.verdict.kept else look.verdict for look in looks)
    check = Check(
        verdicts, reference=None, engine="", domain="", embedder=None, notes=(), seconds=0.0, kind=kind,
    )  # fmt: skip
    kept = check.kept
    return replace(
        check,
        reference=kept[0].photo if kept else None,
        notes=_count_notes(len(kept)),
        seconds=time.perf_counter() - start,
    )


def too_few_pictures(check: Check) -> TooFewPhotos:
    """The error where fewer than FEWEST pictures are kept."""
    if not check.kept:
        return TooFewPhotos(check.none_kept, advice=text("Add sharp pictures of it, then try again."))
    return TooFewPhotos(
        text("Only {count} pictures can be used; at least {fewest} are needed.", count=len(check.kept), fewest=FEWEST),
        advice=text("Add pictures from other sides, in other light. The verdicts say why some were set aside."),
    )


def picture_sharpness(picture: Image.Image) -> float:
    """0 (blurred everywhere) to 1: of the sharpest part, because what lies behind an object is often out of focus."""
    grey = _grey(picture)
    return max(sharpness_of(tile) for tile in _tiles(grey))


def _look_at(photo: Path, name: str, family: Family, settings: PreprocessSettings, budget: Budget) -> Look:
    try:
        header = header_of(photo)
        with budget.spent(header.memory):
            decoded = DecodedPhoto.of(photo, Size(*header.size), _TILE * _TILES)
            return _measured(decoded, name, family, settings)
    except BadPicture as error:
        return Look(Verdict(name, photo, False, Reason.UNREADABLE, *unreadable_words(error)))


def _measured(decoded: DecodedPhoto, name: str, family: Family, settings: PreprocessSettings) -> Look:
    picture = decoded.at(2 * _TILE * _TILES)
    sharp, light = picture_sharpness(picture), exposure_of(_grey(picture))
    verdict = Verdict(
        name, decoded.path, True, None, text(""), text(""), sharpness=sharp, exposure=light,
        quality=float(np.sqrt(sharp * light)), notes=decoded.notes,
    )  # fmt: skip
    fault = _fault(verdict, decoded.full, family, settings)
    if fault is not None:
        return Look(set_aside(verdict, *fault))
    return Look(verdict, signature=picture_signature(picture), longer_side=float(decoded.full.long))


def _fault(
    verdict: Verdict, full: Size, family: Family, settings: PreprocessSettings
) -> tuple[Reason, Text, Text] | None:
    least = round(_LEAST_SHARE * family.resolution)
    if full.short < least:
        return (
            Reason.TOO_SMALL,
            text(
                "The picture has {width}×{height} pixels; its shorter side needs at least {least}.",
                width=full.width,
                height=full.height,
                least=least,
            ),
            text("Use the original photo."),
        )
    if verdict.sharpness < settings.blur_limit:
        return (
            Reason.BLURRED,
            text(
                "The picture is blurred everywhere (sharpness {sharpness:.2f}, needed {limit:.2f}).",
                sharpness=verdict.sharpness,
                limit=settings.blur_limit,
            ),
            text("Use a sharper picture: steady camera, more light."),
        )
    return None


def _grey(picture: Image.Image) -> np.ndarray:
    """(height, width) float32 grey in 0..255, the shorter side at most `_TILES` tiles."""
    grey = picture.convert("L")
    factor = min(1.0, _TILE * _TILES / min(grey.size))
    if factor < 1:
        size = (max(1, round(grey.width * factor)), max(1, round(grey.height * factor)))
        grey = grey.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(grey, np.float32)


def _tiles(grey: np.ndarray) -> list[np.ndarray]:
    """The tiles of a picture, or the picture where it is smaller than one."""
    height, width = grey.shape
    tops, lefts = (range(0, max(1, side - _TILE + 1), _TILE) for side in (height, width))
    return [grey[top : top + _TILE, left : left + _TILE] for top in tops for left in lefts]


def _count_notes(kept: int) -> tuple[Text, ...]:
    if kept >= _FEW:
        return ()
    if kept == 0:
        return (note("no-photo-usable", "No photo can be used; the verdicts say why."),)
    return (
        note(
            "few-pictures",
            "Only {kept} pictures are kept; {few} to 20 from several sides give a better result.",
            kept=kept,
            few=_FEW,
        ),
    )
