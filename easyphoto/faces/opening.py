"""Which face engine serves: the one asked for, or the one that fits the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from easyphoto.errors import BadPicture, EnvironmentFailure, InputError
from easyphoto.faces.engine import Domain, FaceEngine
from easyphoto.faces.photo_opening import open_photo_engine, photo_lines
from easyphoto.families import models_folder
from easyphoto.images import as_array, read_picture
from easyphoto.progress import Progress
from easyphoto.settings import FaceSettings
from easyphoto.weights.store import WeightStore

ENGINES = (Domain.DRAWINGS.value, Domain.PHOTOGRAPHS.value)
_SAMPLE = 7
_LONGEST = 512
_STATISTICS_SIDE = 192
_AS_DECLARED = FaceSettings()


def open_engine(name: str, store: WeightStore, progress: Progress, faces: FaceSettings = _AS_DECLARED) -> FaceEngine:
    """The engine `drawings` or `photographs`; `faces` says what the latter is made of.

    Raises WeightsMissing, or another EnvironmentFailure, with advice where its files cannot be had or run.
    """
    match name:
        case Domain.DRAWINGS.value:
            return _drawn()
        case Domain.PHOTOGRAPHS.value:
            return open_photo_engine(store, progress, faces)
    raise InputError(f"There is no face engine {name!r}.", advice=f"Choose one of: {', '.join(ENGINES)}.")


def engine_lines(store: WeightStore) -> Iterator[str]:
    """For doctor: what the engine of photographs could be made of, a line each; `!` marks what needs mending."""
    yield from photo_lines(store)


def choose_engine(
    photos: Sequence[Path], store: WeightStore, progress: Progress, faces: FaceSettings = _AS_DECLARED
) -> FaceEngine:
    """The engine for what most of the pictures are; a few of them are looked at."""
    pictures = _readable(photos)
    drawn = sum(looks_drawn(picture) for picture in pictures)
    if not pictures or 2 * drawn > len(pictures):
        return _drawn()
    try:
        return open_engine(Domain.PHOTOGRAPHS.value, store, progress, faces)
    except EnvironmentFailure:
        # A wrong guess about the pictures must not stand in the way of somebody offline with drawings.
        engine = _drawn(
            notes=(
                "The pictures look like photographs, but YuNet is not at hand: analysed as drawings instead. "
                "Run: easyphoto weights get yunet",
            )
        )
        if 2 * sum(bool(engine.detect(picture)) for picture in pictures) > len(pictures):
            return engine
        raise


def looks_drawn(picture: Image.Image) -> bool:
    """Whether a picture is drawn: few colours and even areas between edges, where a photograph has fine detail.

    On 15 photographs and 64 drawings the score was 0.2–0.6 (four outliers above: letterboxed, out of focus, grey) and
    0.75–1.7; the pictures of a person vote, so a single outlier does not decide.
    """
    return drawn_score(picture) > 0.68


def drawn_score(picture: Image.Image) -> float:
    """Share of even pixels and of pixels in the 24 commonest colours, less the share of fine detail; −1 to 2."""
    import cv2

    factor = _STATISTICS_SIDE / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    way = Image.Resampling.BOX if factor < 1 else Image.Resampling.LANCZOS
    image = as_array(picture.resize(size, way))
    lightness = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32), (0, 0), 1.0)
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    slope = np.hypot(cv2.Sobel(lightness, -1, 1, 0), cv2.Sobel(lightness, -1, 0, 1)) / 8
    detail = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    coarse = (cv2.medianBlur(image, 3) >> 4).astype(np.int64)
    counts = np.sort(np.bincount((coarse @ np.array([256, 16, 1])).ravel()))[::-1]
    return float((slope < 1.0).mean() + counts[:24].sum() / counts.sum() - ((detail > 1.5) & (detail < 8)).mean())


def _drawn(notes: tuple[str, ...] = ()) -> FaceEngine:
    from easyphoto.faces.drawn_engine import DrawnEngine  # torch: a second and more

    return DrawnEngine(models_folder() / "miniature" / "faces", notes=notes)


def _readable(photos: Sequence[Path]) -> list[Image.Image]:
    """Up to `_SAMPLE` pictures, spread over the list; unreadable ones get their verdict later."""
    stride = max(1, len(photos) // _SAMPLE)
    pictures = []
    for photo in photos[::stride][: 2 * _SAMPLE]:
        try:
            pictures.append(read_picture(photo, longest=_LONGEST))
        except BadPicture:
            continue
    return pictures[:_SAMPLE]
