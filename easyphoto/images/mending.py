"""What is read although Pillow refuses it: a JPEG without its end marker, a PNG with a profile that is broken."""

from __future__ import annotations

import io
import struct
from typing import IO

from PIL import ImageFile

from easyphoto.images.formats import END_OF_JPEG, JpegFile

PNG = b"\x89PNG\r\n\x1a\n"
MOST_TO_MEND = 100_000_000
_BLOCK = 1 << 20


def check_whole(opened: ImageFile.ImageFile, stream: IO[bytes]) -> None:
    """Raises ValueError for a loaded JPEG, whose end marker was added, and whose picture is not all there.

    Where something is missing, libjpeg takes whatever follows for a part of the picture, and grey where nothing does.
    """
    stream.seek(0)
    # No byte of what is added is 255, which would begin a marker.
    further = bytes(37 * number % 251 for number in range(256))
    with JpegFile(io.BytesIO(stream.read().removesuffix(END_OF_JPEG) + further + END_OF_JPEG)) as other:
        other.draft("RGB", opened.size)
        other.load()
        rows = max(1, _BLOCK // opened.width)
        for top in range(0, opened.height, rows):
            part = (0, top, opened.width, min(top + rows, opened.height))
            if opened.crop(part).tobytes() != other.crop(part).tobytes():
                raise ValueError("image file is truncated")


def without_profile(png: bytes) -> bytes:
    """The file without its iCCP chunk; a chunk is length, name, content and checksum.

    Pillow rejects the whole PNG for a profile that it cannot unpack or that exceeds a megabyte.
    """
    place = len(PNG)
    while place + 12 <= len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        if name == b"iCCP":
            return png[:place] + png[place + 12 + length :]
        place += 12 + length
    return png
