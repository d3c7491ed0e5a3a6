"""HEIC and AVIF: pictures in boxes of ISO 14496-12, read by pillow-heif and by Pillow 11.3 or later."""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from PIL import ImageFile

from easyphoto.images.kinds import NotRead
from easyphoto.messages import text

_AVIF, _HEIC = (b"avif", b"avis"), (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
# Brands that name the container only; the ones that follow say what is in it.
_CONTAINERS = (b"mif1", b"msf1", b"miaf", b"mif2", b"1pic")
_MOST_META = 16_000_000
_MOST_STEPS = 100_000
# The list of items names the type of each.
_EXIF = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)
_BITS = re.compile(rb"pixi\0{4}[\x01-\x04](.)", re.DOTALL)


def is_avif(beginning: bytes) -> bool:
    """Whether a file that begins so (64 bytes) says that it holds AV1 pictures."""
    return _has_brand(beginning, _AVIF)


def is_heic(beginning: bytes) -> bool:
    """Whether a file that begins so (64 bytes) says that it holds HEVC pictures, or not what its pictures are."""
    return not is_avif(beginning) and (_has_brand(beginning, _HEIC) or beginning[8:12] in _CONTAINERS)


def _has_brand(beginning: bytes, brands: tuple[bytes, ...]) -> bool:
    if beginning[4:8] != b"ftyp":
        return False
    if beginning[8:12] in brands:
        return True
    size = min(int.from_bytes(beginning[:4], "big"), len(beginning))
    further = (beginning[place : place + 4] for place in range(16, size - 3, 4))
    return beginning[8:12] in _CONTAINERS and any(brand in brands for brand in further)


def open_heic(stream: BinaryIO) -> ImageFile.ImageFile:
    """Raises NotRead where pillow-heif is missing. libheif turns the picture upright and clears the EXIF tag."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise NotRead(
            text("It is HEIC, and pillow-heif, which reads that, is not installed."),
            text("Install it (pip install pillow-heif) in the environment that runs EasyPhoto, or save it as JPEG."),
        ) from error
    opened: ImageFile.ImageFile = HeifImageFile(stream)
    return opened


def open_avif(stream: BinaryIO) -> ImageFile.ImageFile:
    """Raises NotRead where neither Pillow nor an older pillow-heif reads AVIF."""
    # Pillow copies all values of an EXIF block to find one, so a megabyte can become gigabytes: see `exif`. It holds
    # nothing that is needed; how the picture is turned stands beside it.
    bare = io.BytesIO(_EXIF.sub(rb"\1free", stream.read()))
    try:
        from PIL.AvifImagePlugin import SUPPORTED, AvifImageFile

        if SUPPORTED:
            return AvifImageFile(bare)
    except ImportError:
        pass
    try:
        from pillow_heif import AvifImageFile as EarlierAvifFile
    except ImportError as error:
        raise NotRead(
            text("It is AVIF, which this version of Pillow does not read."),
            text("Install Pillow 11.3 or later in the environment that runs EasyPhoto, or save it as JPEG."),
        ) from error
    opened: ImageFile.ImageFile = EarlierAvifFile(bare)
    return opened


def claimed_bytes(stream: BinaryIO) -> int:
    """Bytes that the file's items claim: thousands may refer to the same bytes, and each is read.

    Raises ValueError for boxes that cannot be followed.
    """
    meta = _meta(stream)
    places = [(start, end) for kind, start, end in _boxes(meta, 4, len(meta)) if kind == b"iloc"]
    return sum(_claimed_in(meta[start:end], stream.seek(0, os.SEEK_END)) for start, end in places)


def bits_of(stream: BinaryIO) -> int:
    """Most bits per channel that a picture of the file has."""
    return max((found[0] for found in _BITS.findall(_meta(stream))), default=8)


def _meta(stream: BinaryIO) -> bytes:
    """The content of the box that lists the file's items; only its version and flags where there is none."""
    end, start, found = stream.seek(0, os.SEEK_END), 0, b"\0" * 4
    for _ in range(_MOST_STEPS):
        stream.seek(start)
        head = stream.read(16)
        if len(head) < 8:
            break
        size, header = _size_of(head, end - start)
        if start + size > end:
            raise ValueError("image file is truncated")
        if head[4:8] == b"meta":
            if size > _MOST_META:
                raise ValueError("its list of contents is too long")
            stream.seek(start + header)
            found = stream.read(size - header)
        start += size
    return found


def _size_of(head: bytes, left: int) -> tuple[int, int]:
    """The size of a box and of its header, in bytes."""
    size, header = int.from_bytes(head[:4], "big"), 8
    if size == 1:
        size, header = int.from_bytes(head[8:16], "big"), 16
    size = left if size == 0 else size
    if size < header:
        raise ValueError("its boxes are damaged")
    return size, header


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start + 8 <= end:
        size, header = _size_of(content[start : start + 16], end - start)
        yield content[start + 4 : start + 8], start + header, min(start + size, end)
        start += size


def _claimed_in(box: bytes, whole: int) -> int:
    """The sum of the items' lengths (ISO 14496-12, 8.11.3); a length of 0 is the whole file."""
    version, widths = box[0], [half for byte in box[4:6] for half in (byte >> 4, byte & 15)]
    numbers = io.BytesIO(box[6:])

    def number(width: int) -> int:
        return int.from_bytes(numbers.read(width), "big")

    of_offset, of_length, of_base, of_index = widths
    wide = 4 if version == 2 else 2
    claimed = 0
    for _ in range(min(number(wide), _MOST_STEPS)):
        numbers.seek(wide + (2 if version in (1, 2) else 0) + 2 + of_base, os.SEEK_CUR)
        for _ in range(number(2)):
            numbers.seek((of_index if version in (1, 2) else 0) + of_offset, os.SEEK_CUR)
            claimed += (number(of_length) or whole) if of_length else whole
        if numbers.tell() > len(box):
            raise struct.error("its list of contents is damaged")
    return claimed
