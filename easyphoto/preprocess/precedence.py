"""Decides which of two copies is the better one, and why, where that is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import BadPicture
from easyphoto.images.exif import taken_in
from easyphoto.images.opening import open_picture
from easyphoto.messages import Text, text

# Copies of a picture differ by up to 0.06 (quality 10) and, sharpened by an editor, by up to 0.14; a shaken picture of
# a burst by more.
_SHARPER = 0.15
# Detectors give copies of one size boxes that differ by up to 5 %.
_LARGER = 1.1
# Black and white dots make boxes 10 % larger, and sharpness of noise.
_MUCH_LARGER = 1.5
_FEW_COLOURS = ("1", "P", "PA", "L", "LA", "La", "I", "I;16", "I;16B")
# From this JPEG quality on compression is invisible, and a copy saved again may have the higher number.
_AS_GOOD_AS_NONE = 85
_LESS_COMPRESSED = 5
_LOSSLESS = ("PNG", "BMP", "TIFF")
# Sum of the luminance table in annex K.1 of the JPEG standard, which programs scale by their number for quality.
_STANDARD_TOTAL = 3688


@dataclass(frozen=True)
class FileFacts:
    """What a file's header says about the origin of its picture."""

    quality: int | None = None
    """JPEG quality of the last compression, 1..100 as most programs count it; None where unknown."""
    taken: str | None = None
    """The camera's date and time, sortable as text."""
    has_few_colours: bool = False
    """Whether it has greys alone, or a palette of at most 256 colours: somebody made it of the photo."""


@dataclass(frozen=True)
class Copy:
    """One of two copies, with the values that decide between them."""

    sharpness: float
    face_width: float
    """Width of the face in pixels of the file; of a picture without one, its longer side."""
    extent: float
    """The area of the picture in squares as wide as the face."""
    file: FileFacts
    number: int
    """Index among the given photos."""
    has_face: bool = True


def file_facts(photo: Path) -> FileFacts:
    """The facts in the file's header; empty where it cannot be read."""
    try:
        with open_picture(photo) as opened:
            taken = taken_in(opened.info)
            tables = getattr(opened, "quantization", None)
            has_few = opened.mode in _FEW_COLOURS
            quality = 100 if opened.format in _LOSSLESS else _jpeg_quality(tables[0]) if tables else None
    except BadPicture:
        return FileFacts()
    return FileFacts(quality, taken, has_few)


def better_because(one: Copy, other: Copy) -> Text | None:
    """Why the first of two copies is the better one, as a clause to follow "which"; None where it is not."""
    widths = sorted((one.face_width, other.face_width))
    if one.file.has_few_colours != other.file.has_few_colours and widths[1] < _MUCH_LARGER * widths[0]:
        return text("has all its colours") if other.file.has_few_colours else None
    if abs(one.sharpness - other.sharpness) > _SHARPER:
        return text("is sharper") if one.sharpness > other.sharpness else None
    if max(one.face_width, other.face_width) > _LARGER * min(one.face_width, other.face_width):
        if one.face_width < other.face_width:
            return None
        return text("shows the face larger") if one.has_face else text("is larger")
    mine, others = _seen_quality(one.file), _seen_quality(other.file)
    if mine is not None and others is not None and abs(mine - others) >= _LESS_COMPRESSED:
        return text("is less compressed") if mine > others else None
    if max(one.extent, other.extent) > _LARGER * min(one.extent, other.extent):
        return text("shows more around the face") if one.extent > other.extent else None
    if one.file.taken != other.file.taken:
        return _date_words(one.file.taken, other.file.taken)
    return text("comes first") if one.number < other.number else None


def _date_words(mine: str | None, others: str | None) -> Text | None:
    """Says which copy kept its date: messengers and editors often remove it."""
    if others is None:
        return text("still has the date on which it was taken")
    return text("was taken earlier") if mine is not None and mine < others else None


def _seen_quality(file: FileFacts) -> int | None:
    return None if file.quality is None else min(file.quality, _AS_GOOD_AS_NONE)


def _jpeg_quality(table: list[int]) -> int:
    """The quality, 1..100, by which the standard's table was scaled; approximate for other tables."""
    percent = 100 * sum(table) / _STANDARD_TOTAL
    return round(min(100.0, max(1.0, 100 - percent / 2 if percent <= 100 else 5000 / percent)))
