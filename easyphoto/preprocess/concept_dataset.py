"""The training set of a scene or an object: whole pictures of a scene, and squares around an object.

It has the form of a person's (see `dataset`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.geometry import Box, Size
from easyphoto.images.masks import dilated, feathered
from easyphoto.images.pictures import as_array, as_picture, blended, read_picture, resized, resized_mask
from easyphoto.messages import Text, note, phase
from easyphoto.preprocess.captions import caption_beside
from easyphoto.preprocess.concept_check import FEWEST, too_few_pictures
from easyphoto.preprocess.cutout import object_mask, square_of
from easyphoto.preprocess.dataset import (
    Dataset,
    building_place,
    called,
    caption_notes,
    move_into_place,
    read_dataset,
    write_pair,
    write_records,
    write_reference,
)
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import Progress
from easyphoto.settings.training import PreprocessSettings
from easyphoto.workspace.person_record import OBJECT

_NEARLY_SQUARE = 1.25
"""Longer ÷ shorter side up to which one square from the middle stands for the picture."""
_AROUND_OBJECT = 0.15
"""Loss weight beside the object: enough to learn where it stands, too little to learn the surroundings."""
_SOFT = 0.02
"""Width of the edge between the two weights, as a share of the square's side."""

MaskFinder = Callable[[Image.Image], "np.ndarray | None"]


@dataclass(frozen=True, eq=False)
class Square:
    """A training picture at the family's resolution."""

    picture: Image.Image
    mask: np.ndarray | None
    """(side, side) float32 in 0..1, 1 on the object; None: everything counts."""
    side: int
    """In pixels of the photo."""

    @property
    def weights(self) -> np.ndarray:
        """(side, side) float32 loss weights; the trainer divides them by their mean."""
        side = self.picture.width
        if self.mask is None:
            return np.ones((side, side), np.float32)
        soft = feathered(dilated(self.mask, _SOFT * side), max(1.0, _SOFT * side))
        return np.asarray(_AROUND_OBJECT + (1 - _AROUND_OBJECT) * np.clip(soft, 0, 1), np.float32)


def prepare_pictures(
    check: Check,
    family: Family,
    settings: PreprocessSettings,
    folder: Path,
    progress: Progress,
    *,
    words: str,
    find: MaskFinder = object_mask,
) -> Dataset:
    """Squares of the kept pictures, best first, with weights and captions. An earlier dataset in `folder` is replaced.

    `words` call the thing: they begin every caption. `find` finds an object's mask. Raises TooFewPhotos.
    """
    if len(check.kept) < FEWEST:
        raise too_few_pictures(check)
    building = building_place(folder)
    records: list[dict[str, Any]] = []
    beside = [caption_beside(verdict.path) if settings.caption_files else None for verdict in check.kept]
    whole: list[str] = []
    for number, verdict in enumerate(check.kept):
        progress.check()
        progress.step(number, len(check.kept), phase("crop", "cropping {name}", name=verdict.photo))
        picture = read_picture(verdict.path)
        squares = list(_squares(picture, check.kind, family.resolution, find))
        whole += [verdict.photo] if check.kind == OBJECT and squares[0].mask is None else []
        for square in squares:
            ready = _on_white(square) if settings.background == "white" else square.picture
            records.append(
                {
                    **write_pair(building, len(records), ready, square.weights),
                    "caption": called(words, beside[number]),
                    "photo": verdict.photo,
                    "rank": round(verdict.rank, 4),
                    # As of a face: SDXL is told of the square as of a whole picture, not as of a part cut out of one.
                    "side": square.side,
                }
            )
    progress.step(len(check.kept), len(check.kept), phase("write-dataset", "writing the training data"))
    write_reference(building, check)
    notes = (*caption_notes(beside), *_whole_notes(whole), *_unused_notes(check.kind, settings))
    write_records(building, records, check=check, family=family, notes=notes)
    move_into_place(building, folder)
    return read_dataset(folder)


def squares_in(size: Size) -> tuple[Box, ...]:
    """Squares of the shorter side that together show a whole picture: one, or several that overlap along a long one."""
    side, long = size.short, size.long
    count = 1 if long <= _NEARLY_SQUARE * side else math.ceil(long / side)
    starts = [(long - side) // 2] if count == 1 else [round(n * (long - side) / (count - 1)) for n in range(count)]
    corners = [(start, 0) if size.width == long else (0, start) for start in starts]
    return tuple(Box(left, top, left + side, top + side) for left, top in corners)


def _squares(picture: Image.Image, kind: str, resolution: int, find: MaskFinder) -> Iterator[Square]:
    mask = find(picture) if kind == OBJECT else None
    places = squares_in(Size.of(picture)) if mask is None else (square_of(mask),)
    for place in places:
        left, top, right, bottom = place.as_ints()
        cut = resized(picture.crop((left, top, right, bottom)), Size(resolution, resolution))
        part = None if mask is None else resized_mask(mask[top:bottom, left:right], Size(resolution, resolution))
        yield Square(cut, part, right - left)


def _on_white(square: Square) -> Image.Image:
    if square.mask is None:
        return square.picture
    side = square.picture.width
    alpha = feathered(dilated(square.mask, 0.004 * side), max(1.0, 0.008 * side))
    white = np.full((side, side, 3), 255, np.uint8)
    return as_picture(blended(white, as_array(square.picture), alpha))


def _whole_notes(whole: Sequence[str]) -> tuple[Text, ...]:
    if not whole:
        return ()
    return (
        note(
            "no-cut-out",
            "No object stands out from these pictures, so they are learned whole, with what is around it: {names}. "
            "A plain background helps.",
            names=", ".join(whole),
        ),
    )


def _unused_notes(kind: str, settings: PreprocessSettings) -> tuple[Text, ...]:
    if kind == OBJECT or settings.background == "keep":
        return ()
    return (note("background-kept", "The background of a scene is the scene: it was kept."),)
