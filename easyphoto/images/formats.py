"""The picture formats that are read, and an estimate of a file's memory before anything is decoded.

Pillow knows forty more formats, one of which starts another program (EPS), and trusts a file's claims about itself.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from easyphoto.images.heif import bits_of, claimed_bytes, is_avif, is_heic, open_avif, open_heic

# Large cameras deliver 12,000 × 9,000 pixels. Turning a picture takes two copies of 4 bytes per pixel, which fit into
# MOST_MEMORY.
MOST_PIXELS = 112_000_000
MOST_MEMORY = 900_000_000
"""Most bytes of memory for reading a picture: small machines cannot spare whole gigabytes."""
MOST_BYTES = 700_000_000
"""Most bytes of a file; 108 million uncompressed pixels of three 16-bit channels take 648 MB."""
MOST_BESIDE = 200_000_000
"""Most bytes of a file besides its picture (profiles, previews, layers), which are read whole."""
_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
END_OF_JPEG = b"\xff\xd9"
_MOST_STEPS = 100_000
# Most scans of a JPEG, more than any encoder writes; each passes over the whole picture.
_MOST_SCANS = 100
_BLOCK = 1 << 20
# Bytes of a Python number, and of a Python object for one chunk of a PNG.
_NUMBER, _PIECE = 40, 100
_MOST_PIECES = 10_000
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""TIFF's field types → bytes of one value."""
_ROWS, _TILE_WIDTH, _TILE_HEIGHT, _BITS, _SAMPLES = 278, 322, 323, 258, 277
_BYTES_A_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Pillow's bytes per pixel by mode; four in all other modes."""


class JpegFile(JpegImagePlugin.JpegImageFile):
    """A JPEG without Pillow's look-up of the resolution, which is not needed and copies all EXIF values: see `exif`."""

    def getexif(self) -> Image.Exif:
        return Image.Exif()


@dataclass(frozen=True)
class Around:
    """Bytes that a file holds besides its picture, and bytes that decoding needs besides its result."""

    beside: int = 0
    decoding: int = 0
    bits: int | None = None
    """Bits per channel, where Pillow does not tell them."""
    lacks_end: bool = False
    """Whether a JPEG has no end marker."""


@dataclass(frozen=True)
class Format:
    """A format that is read. `look` reads markers and lengths only, and raises ValueError for an invalid file."""

    name: str
    suffixes: tuple[str, ...]
    """The usual suffix first."""
    media: str
    """Its media type."""
    begins: Callable[[bytes], bool]
    """Whether a file that begins so (64 bytes) has the format, whatever its name."""
    open: Callable[[BinaryIO], ImageFile.ImageFile]
    look: Callable[[BinaryIO], Around]


def format_of(beginning: bytes) -> Format | None:
    """The format by the first 64 bytes, whatever the file's name; None for one that is not read."""
    return next((format for format in FORMATS if format.begins(beginning)), None)


def memory_for(opened: ImageFile.ImageFile, around: Around, made: int) -> int:
    """Bytes of memory for decoding the picture, plus `made` bytes per pixel for what is made of it."""
    pixels, own = opened.width * opened.height, _BYTES_A_PIXEL.get(opened.mode, 4)
    decoding = around.decoding + _decoder_needs(opened, pixels) + own * pixels
    return around.beside + max(decoding, (max(own, 4) + made) * pixels)


def _decoder_needs(opened: ImageFile.ImageFile, pixels: int) -> int:
    match opened.format:
        case "WEBP":
            return 12 * pixels  # two canvases, and their copy on the way to Pillow
        case "HEIF" | "AVIF":
            return 8 * pixels  # planes of up to 16 bits, or 7 to 9 bytes in all of 8 bits (measured)
        case "GIF":
            return pixels
        case "BMP":
            return 3 * pixels  # Python unpacks the run lengths
        case "TIFF":
            return _tiff_piece(opened)
    return 0


def _tiff_piece(opened: ImageFile.ImageFile) -> int:
    """Bytes of a strip or tile, which is unpacked whole."""
    tags = opened.tag_v2  # type: ignore[attr-defined]
    bits = int(np.max(tags.get(_BITS, 8))) * max(int(tags.get(_SAMPLES, 1)), 1)
    if _TILE_WIDTH in tags:
        return int(tags[_TILE_WIDTH]) * int(tags.get(_TILE_HEIGHT, 1)) * bits // 8
    return opened.width * min(int(tags.get(_ROWS, opened.height)), opened.height) * bits // 8


def _look_at_jpeg(stream: BinaryIO) -> Around:
    """Reads segments up to the first scan. A picture of several scans is held as 16-bit coefficients while decoding."""
    beside, numbers, channels, is_progressive = 0, 0, 0, False
    for marker, length in _segments(stream):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            _, height, width, channels = struct.unpack(">BHHB", stream.read(6))
            shares = [(byte >> 4) * (byte & 15) for byte in stream.read(3 * channels)[1::3]]
            numbers = width * height * sum(shares) // max(*shares, 1)
            is_progressive = marker in (0xC2, 0xC6, 0xCA, 0xCE)
        elif marker == 0xDA:
            lacks_end = _lacks_end(stream)
            if not (is_progressive or stream.read(1)[0] < channels):
                return Around(beside, lacks_end=lacks_end)
            _check_scans(stream)
            return Around(beside, 2 * numbers, lacks_end=lacks_end)
        beside += length
    raise ValueError("there is no picture in it")


def _segments(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Markers with the length of their segment, the stream standing at its start; skips other bytes, as Pillow does."""
    stream.seek(2)
    for _ in range(_MOST_STEPS):
        if stream.read(1) != b"\xff":
            continue
        while (marker := stream.read(1)) == b"\xff":
            pass
        if not marker:
            return
        if marker[0] in (0x00, 0x01, *range(0xD0, 0xDA)):
            continue
        (length,) = struct.unpack(">H", stream.read(2))
        start = stream.tell()
        yield marker[0], length - 2
        stream.seek(start + max(length - 2, 0))


def _lacks_end(stream: BinaryIO) -> bool:
    """Whether no end marker follows the place where the stream stands, in the first scan; it stands there again then.

    Among the numbers of a scan the byte 255 is always followed by a 0 or a restart marker.
    """
    start, last = stream.tell(), b""
    stream.seek(-2, os.SEEK_END)
    lacks = stream.read() != END_OF_JPEG
    stream.seek(start)
    # Other things may follow the picture: a second one, or a phone's own notes.
    while lacks and (block := stream.read(_BLOCK)):
        lacks, last = END_OF_JPEG not in last + block, block[-1:]
    stream.seek(start)
    return lacks


def _check_scans(stream: BinaryIO) -> None:
    count, last = 0, b""
    while block := stream.read(_BLOCK):
        # A marker may lie across two blocks.
        count += (last + block).count(b"\xff\xda")
        last = block[-1:]
    if count > _MOST_SCANS:
        raise ValueError(f"it has {count} scans, which would take hours")


def _look_at_png(stream: BinaryIO) -> Around:
    beside = 0
    stream.seek(8)
    for _ in range(_MOST_STEPS):
        head = stream.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return Around(beside)
        length = int.from_bytes(head[:4], "big")
        beside += 0 if head[4:] == b"IDAT" else length + _PIECE
        stream.seek(length + 4, os.SEEK_CUR)
    raise ValueError("it is in too many pieces")


def _look_at_webp(stream: BinaryIO) -> Around:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(4)
    if int.from_bytes(stream.read(4), "little") + 8 > size:
        raise ValueError("image file is truncated")
    # Pillow reads the whole file, and libwebp keeps what Pillow read.
    return Around(2 * size)


def _look_at_gif(stream: BinaryIO) -> Around:
    """Reads blocks up to the first picture. Pillow joins a comment of n pieces in n² steps."""
    stream.seek(10)
    (flags,) = stream.read(1)
    stream.seek(13 + (3 << (flags & 7) + 1 if flags & 128 else 0))
    pieces = 0
    while (mark := stream.read(1)) == b"!":
        stream.seek(1, os.SEEK_CUR)
        while length := stream.read(1)[0]:
            stream.seek(length, os.SEEK_CUR)
            pieces += 1
            if pieces > _MOST_PIECES:
                raise ValueError("it is in too many pieces")
    if mark != b",":
        raise ValueError("there is no picture in it")
    return Around(256 * pieces)


def _look_at_heif(stream: BinaryIO) -> Around:
    # The file is read whole, its decoder copies it, and each of its items is read.
    size = stream.seek(0, os.SEEK_END)
    return Around(2 * size + claimed_bytes(stream), bits=bits_of(stream))


def _look_at_tiff(stream: BinaryIO) -> Around:
    """Bytes that the first page's tags claim: thousands may refer to the same bytes, and each is read."""
    stream.seek(0)
    mark = stream.read(4)
    order, is_big = "<" if mark[:2] == b"II" else ">", b"+" in mark
    stream.seek(8 if is_big else 4)
    (table,) = struct.unpack(f"{order}{'Q' if is_big else 'I'}", stream.read(8 if is_big else 4))
    stream.seek(table)
    (count,) = struct.unpack(f"{order}{'Q' if is_big else 'H'}", stream.read(8 if is_big else 2))
    entry = struct.Struct(f"{order}{'HHQ8x' if is_big else 'HHI4x'}")
    content, beside = stream.read(entry.size * min(count, _MOST_STEPS)), 0
    for _, kind, number in entry.iter_unpack(content[: len(content) // entry.size * entry.size]):
        size = _SIZES.get(kind, 0)
        beside += number * (size if size == 1 else _NUMBER)
    return Around(beside)


def _is_webp(beginning: bytes) -> bool:
    return beginning.startswith(b"RIFF") and beginning[8:12] == b"WEBP"


def _beginning(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda beginning: beginning.startswith(marks)


_PNG, _GIF = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_JPEGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
FORMATS = (
    Format("JPEG", _JPEGS, "image/jpeg", _beginning(b"\xff\xd8\xff"), JpegFile, _look_at_jpeg),
    Format("PNG", (".png", ".apng"), "image/png", _beginning(_PNG), PngImagePlugin.PngImageFile, _look_at_png),
    Format("WebP", (".webp",), "image/webp", _is_webp, WebPImagePlugin.WebPImageFile, _look_at_webp),
    Format("HEIC", (".heic", ".heif", ".hif"), "image/heic", is_heic, open_heic, _look_at_heif),
    Format("AVIF", (".avif",), "image/avif", is_avif, open_avif, _look_at_heif),
    Format(
        "TIFF", (".tif", ".tiff"), "image/tiff", _beginning(*_TIFF_MARKS), TiffImagePlugin.TiffImageFile, _look_at_tiff
    ),
    Format("BMP", (".bmp", ".dib"), "image/bmp", _beginning(b"BM"), BmpImagePlugin.BmpImageFile, lambda _: Around()),
    Format("GIF", (".gif",), "image/gif", _beginning(*_GIF), GifImagePlugin.GifImageFile, _look_at_gif),
)
"""The formats that are read; dialogs, uploads and folders follow this list."""
SUFFIXES = tuple(suffix for format in FORMATS for suffix in format.suffixes)
NAMES = f"{', '.join(format.name for format in FORMATS[:-1])} or {FORMATS[-1].name}"
MEDIA_TYPES = {suffix: format.media for format in FORMATS for suffix in format.suffixes}
