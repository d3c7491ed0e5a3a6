"""What a picture's file holds: its numbers, upright, with transparency and colour profile beside them."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from easyphoto.errors import BadPicture
from easyphoto.profiles import UnusableProfile, lab_to_srgb

# 12,000 × 9,000 is what large cameras deliver; a bomb claims far more than it holds.
MOST_PIXELS = 150_000_000

_ORIENTATION = 0x0112
# By EXIF's numbers; 1 is upright, and whatever else stands there (0 and 9 are met) means nothing.
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
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS = 256, 257, 258
_PNG = b"\x89PNG\r\n\x1a\n"
_DEEPEST = 65535


@dataclass(frozen=True, eq=False)
class Decoded:
    """The picture of a file, upright."""

    colours: Image.Image
    """L, RGB or CMYK; I;16 (0 to 65535) for greys of more than 8 bits."""
    alpha: Image.Image | None = None
    """L, of the same size; None where nothing is transparent."""
    profile: bytes | None = None
    kind: str = ""
    """What the file had instead: a palette, 1 bit, Lab; empty where it had what `colours` has."""
    bits: int = 8
    """Of each number in the file."""


def decoded(source: Path, *, longest: int | None = None) -> Decoded:
    """A file's picture; a large JPEG that is wanted no longer than `longest` comes at a half, quarter or eighth.

    Raises BadPicture for what is no picture, is cut off, or claims more than MOST_PIXELS.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open_picture(source) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise BadPicture(
                        f"{source.name} claims {opened.width}×{opened.height} pixels.",
                        advice=f"At most {MOST_PIXELS // 1_000_000} million pixels are read; reduce it first.",
                    )
                raw = _raw_mode(opened)
                if longest is not None:
                    # Decoded smaller at once: 12,000×9,000 in a second, not ten.
                    opened.draft("RGB", (longest, longest))
                opened.load()
                # A TIFF turns as it is loaded, and some versions of Pillow leave its tag as it was.
                turn = None if opened.format == "TIFF" else _TURNS.get(orientation_of(opened))
                upright = opened.copy() if turn is None else opened.transpose(turn)
                held = _parts(upright, str(opened.format), raw, source.name)
                # Neither the profile nor where a photo was taken goes along into what is made of it.
                held.colours.info = {}
                return held
    except BadPicture:
        raise
    except FileNotFoundError as error:
        raise BadPicture(f"{source} does not exist.", advice="Check the path.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(
            f"{source.name} cannot be read as a picture ({error}).", advice="Save it again as JPEG or PNG."
        ) from error


def upright_size(source: Path) -> tuple[int, int]:
    """Width and height of the whole picture, upright by its EXIF tag, from its header only. Raises BadPicture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open_picture(source) as opened:
                width, height = opened.size
                tags = _tiff_tags(opened)
                if tags is not None:
                    # Some versions of Pillow have turned a TIFF's size already, others have not.
                    width, height = tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT]
                is_sideways = orientation_of(opened) in _SIDEWAYS
    except Exception as error:  # Pillow's plugins raise nearly anything on broken headers
        raise BadPicture(f"{source.name} cannot be read as a picture ({error}).") from error
    return (height, width) if is_sideways else (width, height)


def orientation_of(opened: Image.Image) -> int:
    """1 to 8 by the EXIF tag; 1 where there is none, it says something else, or the tags are broken."""
    try:
        value = opened.getexif().get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, TypeError, LookupError, struct.error):
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _tiff_tags(opened: ImageFile.ImageFile) -> Mapping[int, Any] | None:
    return getattr(opened, "tag_v2", None)


def open_picture(source: Path | bytes) -> ImageFile.ImageFile:
    """As Pillow opens it, also where a PNG's colour profile is beyond it."""
    try:
        return Image.open(source if isinstance(source, Path) else io.BytesIO(source))
    except (UnidentifiedImageError, ValueError):
        content = source.read_bytes() if isinstance(source, Path) else source
        if not content.startswith(_PNG):
            raise
        # Pillow gives up the whole PNG for a profile that it cannot unpack, or of more than a megabyte.
        return Image.open(io.BytesIO(_without_profile(content)))


def _without_profile(png: bytes) -> bytes:
    """The file less its chunk iCCP; a chunk is length, name, content and checksum."""
    place = len(_PNG)
    while place + 12 <= len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        if name == b"iCCP":
            return png[:place] + png[place + 12 + length :]
        place += 12 + length
    return png


@dataclass(frozen=True)
class _Raw:
    """How the file holds a number, read before the picture is loaded: Pillow forgets it then."""

    bits: int
    is_grey: bool
    """Pillow makes grey with transparency of 16 bits to colours of 8."""


def _raw_mode(opened: ImageFile.ImageFile) -> _Raw:
    tags = _tiff_tags(opened)
    if tags is not None:
        return _Raw(int(np.max(tags.get(_TIFF_BITS, 8))), is_grey=False)
    words = str(opened.tile[0][3]) if opened.tile else ""
    return _Raw(16 if ";16" in words else 8, is_grey=words.startswith("LA"))


def _parts(picture: Image.Image, format: str, raw: _Raw, name: str) -> Decoded:
    """The picture's colours and transparency apart."""
    profile, bits = picture.info.get("icc_profile") or None, raw.bits
    mode, clear = picture.mode, picture.info.get("transparency")
    if mode[0] in "IF":
        return Decoded(_grey(picture, format, bits, name), _alpha_of_one(picture, clear), profile, bits=bits)
    if mode == "LAB":
        return Decoded(_from_lab(picture, name), kind="Lab", bits=bits)
    kind = {"P": "palette", "PA": "palette", "1": "1 bit"}.get(mode, "")
    is_grey = raw.is_grey or mode in ("1", "L", "LA", "La")
    if mode in ("RGBA", "RGBa", "LA", "La", "PA") or clear is not None:
        layered = picture.convert("RGBA")
        alpha = layered.getchannel("A")
        # Where nothing is transparent, the channel says nothing.
        has_alpha = alpha.getextrema() != (255, 255)
        return Decoded(layered.convert("L" if is_grey else "RGB"), alpha if has_alpha else None, profile, kind, bits)
    plain = picture if mode in ("L", "RGB", "CMYK") else picture.convert("L" if is_grey else "RGB")
    return Decoded(plain, None, profile, kind, bits)


def _alpha_of_one(picture: Image.Image, clear: object) -> Image.Image | None:
    """PNG may name one grey as transparent."""
    if not isinstance(clear, int):
        return None
    return Image.fromarray(np.where(np.asarray(picture) == clear, 0, 255).astype(np.uint8))


def _from_lab(picture: Image.Image, name: str) -> Image.Image:
    try:
        return lab_to_srgb(picture)
    except UnusableProfile as error:
        raise BadPicture(f"{name} is a Lab picture, and {error}.", advice="Save it as RGB.") from error


def _grey(picture: Image.Image, format: str, bits: int, name: str) -> Image.Image:
    """Greys of more than 8 bits, from 0 to 65535; as L where the format has 32 and no number is larger than 255."""
    values = np.asarray(picture)
    if picture.mode == "F":
        # Nothing in a file of floating point numbers says which of them is white.
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise BadPicture(
                f"{name} holds floating point numbers that are not between 0 and 1.",
                advice="Save it with 8 or 16 bits, as JPEG or PNG.",
            )
        white = 1
    elif picture.mode.startswith("I;16"):
        white = 2**bits - 1 if bits < 16 else _DEEPEST
    elif format in ("PNG", "PPM"):
        # Pillow before 10.3 gives 16-bit PNG as I, and PGM is scaled to 16 bits in any version.
        white = _DEEPEST
    else:
        highest = int(values.max())
        white = next(white for white in (255, _DEEPEST, 2**31 - 1) if highest <= white)
    if white == 255:
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if white != _DEEPEST:
        values = np.rint(values * (_DEEPEST / white))
    return Image.fromarray(np.clip(values, 0, _DEEPEST).astype(np.uint16))
