"""Files as answers."""

import mimetypes
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from fastapi.responses import StreamingResponse

from easyphoto.errors import EasyPhotoError, NotAFile
from easyphoto.storage.files import open_regular

PIECE = 1 << 20


def file_answer(file: Path, *, gone: EasyPhotoError, headers: Mapping[str, str] | None = None) -> StreamingResponse:
    """The file's content. It is opened here: what is no more is `gone`, what is deleted from now on is sent whole.

    (The framework's own answer looks for the file when it is too late to say anything but 500.)
    """
    try:
        stream = open_regular(file)
    except (FileNotFoundError, NotADirectoryError, NotAFile) as error:
        raise gone from error
    size = os.fstat(stream.fileno()).st_size
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return StreamingResponse(
        _pieces(stream, size), media_type=kind, headers={**(headers or {}), "Content-Length": str(size)}
    )


def _pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """No more than was said, also where somebody writes on."""
    with stream:
        while size > 0 and (piece := stream.read(min(PIECE, size))):
            size -= len(piece)
            yield piece
