"""Sends files as answers."""

import mimetypes
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from fastapi.responses import StreamingResponse

from easyphoto.errors import EasyPhotoError, NotAFile
from easyphoto.images.formats import MEDIA_TYPES
from easyphoto.storage.files import open_regular

PIECE = 1 << 20


def file_answer(file: Path, *, gone: EasyPhotoError, headers: Mapping[str, str] | None = None) -> StreamingResponse:
    """Stream the file's content. It is opened here: a missing file raises `gone`; one deleted later is sent whole.

    (The framework's FileResponse looks for the file when only status 500 is left to answer.)
    """
    try:
        stream = open_regular(file)
    except (FileNotFoundError, NotADirectoryError, NotAFile) as error:
        raise gone from error
    size = os.fstat(stream.fileno()).st_size
    # Python does not know all formats of pictures.
    known = MEDIA_TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0]
    kind = known or "application/octet-stream"
    return StreamingResponse(
        _pieces(stream, size), media_type=kind, headers={**(headers or {}), "Content-Length": str(size)}
    )


def _pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield exactly `size` bytes at most, even if the file still grows."""
    with stream:
        while size > 0 and (piece := stream.read(min(PIECE, size))):
            size -= len(piece)
            yield piece
