"""Decodes picture files: pixels, transparency and colour profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from easyphoto.errors import BadPicture
from easyphoto.images.exif import orientation_in
from easyphoto.images.formats import (
    Around,
    memory_for,
)
from easyphoto.images.mending import check_whole
from easyphoto.images.opening import check_memory, check_pixels, opened_file, quiet
from easyphoto.images.profiles import UnusableProfile, lab_to_srgb
from easyphoto.messages import text

# EXIF orientation (1 is upright) → the transposition that turns the picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_TURN = 256, 257, 258, 274
_DEEPEST = 65535
# Side in pixels of the blocks that are converted at a time: whole copies of 100 megapixels would need gigabytes.
_BLOCK = 1024
Place = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """The picture of an open file, not yet turned; `turn` brings it upright."""

    raw: Image.Image
    mode: str
    """Mode of its colours: L, RGB or CMYK; I;16 (0..65535) for greys of more than 8 bits."""
    name: str
    white: int = 255
    """The value of white where `raw` has greys of more than 8 bits."""
    turn: Image.Transpose | None = None
    profile: bytes | None = None
    kind: str = ""
    """The file's own kind where it differs from `mode`: palette, 1 bit, Lab; otherwise empty."""
    bits: int = 8
    """Bits per channel in the file."""

    @property
    def has_alpha(self) -> bool:
        return has_alpha(self.raw)

    @cached_property
    def is_clear(self) -> bool:
        """Whether anything is transparent; often an alpha channel is opaque throughout."""
        return self.has_alpha and any(
            alpha is not None and alpha.getextrema() != (255, 255)
            for alpha in (self.parts(place)[1] for place in places(self.raw.size))
        )

    def parts(self, place: Place) -> tuple[Image.Image, Image.Image | None]:
        """The colours of a part in `mode`, and its alpha in mode L; None without one."""
        part = self.raw.crop(place)
        if self.raw.mode[0] in "IF":
            return _grey(part, self.white), _alpha_of_one(part)
        if self.raw.mode == "LAB":
            return _from_lab(part, self.name), None
        if not self.has_alpha:
            return (part if part.mode == self.mode else part.convert(self.mode)), None
        layered = part.convert("RGBA")
        return layered.convert(self.mode), layered.getchannel("A")


@contextmanager
def decoded(source: Path, *, longest: int | None = None, keeps_alpha: bool = False) -> Iterator[Decoded]:
    """Yield a file's picture; with `longest` (pixels) a large JPEG is decoded at a half, quarter or eighth of its size.

    `keeps_alpha`: the caller needs the alpha channel as a picture of its own. Raises BadPicture for a file that is not
    a picture, is truncated, or would take more memory than MOST_MEMORY.
    """
    with opened_file(source, source.name) as (opened, around):
        raw = _raw_mode(opened, around)
        if longest is not None and opened.format == "JPEG":
            # Decoding at reduced size takes one second for 12,000×9,000 instead of ten. (A HEIC would be replaced by
            # its thumbnail, which may show what the picture was before it was edited.)
            opened.draft("RGB", _least(opened.size, longest))
        made = 0 if longest is not None else 5 if keeps_alpha and has_alpha(opened) else 4
        check_memory(opened, around, made, source.name)
        stream = opened.fp
        with quiet():
            opened.load()
            if around.lacks_end and stream is not None:
                check_whole(opened, stream)
        check_pixels(opened, source.name)
        # Pillow turns a TIFF on loading, and some versions leave its orientation tag unchanged.
        turn = None if opened.format == "TIFF" else _TURNS.get(orientation_of(opened))
        yield _held(opened, turn, raw, source.name)


def turned(picture: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return picture if turn is None else picture.transpose(turn)


def places(size: tuple[int, int], side: int = _BLOCK) -> Iterator[Place]:
    """The blocks that cover a picture of that size, each at most `side` × `side` pixels."""
    width, height = size
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield left, top, min(left + side, width), min(top + side, height)


def put_together(
    size: tuple[int, int], mode: str, part: Callable[[Place], Image.Image], *, factor: int = 1
) -> Image.Image:
    """A picture assembled from the blocks that `part` makes for a picture of `size`, each reduced by `factor`."""
    whole = Image.new(mode, (-(-size[0] // factor), -(-size[1] // factor)))
    for place in places(size, max(1, _BLOCK // factor) * factor):
        made = part(place)
        whole.paste(made.reduce(factor) if factor > 1 else made, (place[0] // factor, place[1] // factor))
    return whole


def _least(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size that a reduced picture must not fall below: both sides, because Pillow compares each with its own."""
    return max(1, size[0] * longest // max(size)), max(1, size[1] * longest // max(size))


def upright_size(source: Path) -> tuple[int, int]:
    """Width and height in pixels, upright by the EXIF tag, read from the header only. Raises BadPicture."""
    return header_of(source).size


@dataclass(frozen=True)
class PictureHeader:
    """What a file's header says of its picture."""

    size: tuple[int, int]
    """Width and height in pixels, upright by the EXIF tag."""
    memory: int
    """Bytes of memory for reading it at its full size."""


def header_of(source: Path) -> PictureHeader:
    """Read from the header only. Raises BadPicture."""
    with opened_file(source, source.name) as (opened, around):
        width, height = opened.size
        tags = _tiff_tags(opened)
        if tags is not None:
            # Some versions of Pillow turn a TIFF's size, others do not.
            width, height = tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT]
        size = (height, width) if orientation_of(opened) in _SIDEWAYS else (width, height)
        return PictureHeader(size, memory_for(opened, around, 4))


def orientation_of(opened: ImageFile.ImageFile) -> int:
    """EXIF orientation, 1..8; 1 where the tag is missing or invalid, or the tags are broken."""
    tags = _tiff_tags(opened)
    value = orientation_in(opened.info) if tags is None else tags.get(_TIFF_TURN, 1)
    return value if isinstance(value, int) and value in _TURNS else 1


def _tiff_tags(opened: ImageFile.ImageFile) -> Mapping[int, Any] | None:
    return getattr(opened, "tag_v2", None)


@dataclass(frozen=True)
class _Raw:
    """The file's own pixel format, read before the picture is loaded, because Pillow drops it then."""

    bits: int
    is_grey: bool
    """Whether the file has grey with alpha, which Pillow converts from 16 bits to 8-bit colours."""


def _raw_mode(opened: ImageFile.ImageFile, around: Around) -> _Raw:
    if around.bits is not None:
        return _Raw(around.bits, is_grey=False)
    tags = _tiff_tags(opened)
    if tags is not None:
        return _Raw(int(np.max(tags.get(_TIFF_BITS, 8))), is_grey=False)
    words = str(opened.tile[0][3]) if opened.tile else ""
    return _Raw(16 if ";16" in words else 8, is_grey=words.startswith("LA"))


def has_alpha(picture: Image.Image) -> bool:
    """Whether something may be transparent, by the mode or by PNG's tRNS colour."""
    return picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or picture.info.get("transparency") is not None


def _held(picture: ImageFile.ImageFile, turn: Image.Transpose | None, raw: _Raw, name: str) -> Decoded:
    profile, mode, bits = picture.info.get("icc_profile") or None, picture.mode, raw.bits
    if mode[0] in "IF":
        white = _white_of(picture, str(picture.format), bits, name)
        return Decoded(picture, "L" if white == 255 else "I;16", name, white, turn, profile, bits=bits)
    if mode == "LAB":
        return Decoded(picture, "RGB", name, turn=turn, kind="Lab", bits=bits)
    kind = {"P": "palette", "PA": "palette", "1": "1 bit"}.get(mode, "")
    is_grey = raw.is_grey or mode in ("1", "L", "LA", "La")
    is_plain = mode in ("L", "RGB", "CMYK") and not has_alpha(picture)
    return Decoded(picture, mode if is_plain else "L" if is_grey else "RGB", name, 255, turn, profile, kind, bits)


def _alpha_of_one(picture: Image.Image) -> Image.Image | None:
    """The alpha of a PNG that names one grey as transparent; None for others."""
    clear = picture.info.get("transparency")
    if not isinstance(clear, int):
        return None
    return Image.fromarray(np.where(np.asarray(picture) == clear, 0, 255).astype(np.uint8))


def _from_lab(picture: Image.Image, name: str) -> Image.Image:
    try:
        return lab_to_srgb(picture)
    except UnusableProfile as error:
        raise BadPicture(
            text("{name} is a Lab picture, and {error}.", name=name, error=error), advice=text("Save it as RGB.")
        ) from error


def _white_of(picture: Image.Image, format: str, bits: int, name: str) -> int:
    """The value of white in greys of more than 8 bits; 255 for 32-bit formats without larger values."""
    if picture.mode.startswith("I;16"):
        return 2**bits - 1 if bits < 16 else _DEEPEST
    if picture.mode != "F" and format == "PNG":
        # Pillow before 10.3 opens 16-bit PNG in mode I.
        return _DEEPEST
    extremes = [_extremes(np.asarray(picture.crop(place))) for place in places(picture.size)]
    lowest, highest = np.min(extremes), np.max(extremes)
    if picture.mode != "F":
        return next(white for white in (255, _DEEPEST, 2**31 - 1) if highest <= white)
    # A file of floating-point numbers does not say which value is white. (NaN compares as not larger.)
    if not (lowest >= 0 and highest <= 1):
        raise BadPicture(
            text("{name} contains floating point numbers that are not between 0 and 1.", name=name),
            advice=text("Save it with 8 or 16 bits, as JPEG or PNG."),
        )
    return 1


def _extremes(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _grey(picture: Image.Image, white: int) -> Image.Image:
    """Greys of more than 8 bits as I;16 (0..65535), or as L where white is 255."""
    values = np.asarray(picture)
    if white == 255:
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if white != _DEEPEST:
        values = np.rint(values * (_DEEPEST / white))
    return Image.fromarray(np.clip(values, 0, _DEEPEST).astype(np.uint16))
