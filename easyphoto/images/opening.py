"""Opens picture files: what they may be, how large they may be, and why one cannot be read.

No other module opens pictures.
"""

from __future__ import annotations

import errno
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from PIL import ImageFile

from easyphoto.errors import BadPicture, EasyPhotoError, NotAFile
from easyphoto.images.formats import (
    END_OF_JPEG,
    MOST_BESIDE,
    MOST_BYTES,
    MOST_MEMORY,
    MOST_PIXELS,
    NAMES,
    Around,
    Format,
    format_of,
    memory_for,
)
from easyphoto.images.kinds import NotRead, why_not
from easyphoto.images.mending import MOST_TO_MEND, PNG, without_profile
from easyphoto.messages import text
from easyphoto.storage.files import cause_of, open_regular

_LONGEST_REASON = 200
_BEGINNING = 512


@contextmanager
def open_picture(source: Path | bytes, name: str = "") -> Iterator[ImageFile.ImageFile]:
    """Open a picture file with Pillow; no other function opens pictures.

    Raises BadPicture, also for any error that Pillow raises about the file's content inside the block.
    """
    with opened_file(source, name or (source.name if isinstance(source, Path) else "The picture")) as (opened, _):
        yield opened


def readable_format(content: bytes, name: str) -> Format:
    """The format of a file's content. Raises BadPicture for content that cannot be read as a photo."""
    with opened_file(content, name) as (opened, around):
        check_memory(opened, around, 0, name)
    format = format_of(content[:_BEGINNING])
    assert format is not None
    return format


def check_kind(source: Path) -> None:
    """Raises BadPicture for a file whose beginning says that it is no picture that is read, and for a missing one."""
    with _explained(source, source.name), _stream(source) as stream:
        _format_in(stream, source.name)


@contextmanager
def opened_file(source: Path | bytes, name: str) -> Iterator[tuple[ImageFile.ImageFile, Around]]:
    with _explained(source, name), _stream(source) as stream:
        with quiet():
            opened, around = _open(stream, name)
        with opened:
            check_pixels(opened, name)
            try:
                yield opened, around
            finally:
                opened.close()  # frees its pixels at once


def check_pixels(opened: ImageFile.ImageFile, name: str) -> None:
    if opened.width * opened.height > MOST_PIXELS:
        raise BadPicture(
            text("{name} claims to have {width}×{height} pixels.", name=name, width=opened.width, height=opened.height),
            advice=text("At most {count} million pixels are read; reduce it first.", count=MOST_PIXELS // 1_000_000),
        )
    if min(opened.size) < 1:
        raise ValueError("it has no pixels")


def check_memory(opened: ImageFile.ImageFile, around: Around, made: int, name: str) -> None:
    needed = memory_for(opened, around, made)
    if needed > MOST_MEMORY:
        raise BadPicture(
            text(
                "{name}, with {width}×{height} pixels, would take {needed} MB of memory.",
                name=name,
                width=opened.width,
                height=opened.height,
                needed=needed // 1_000_000,
            ),
            advice=text(
                "At most {most} MB are accepted: reduce it, or save it as an ordinary JPEG.",
                most=MOST_MEMORY // 1_000_000,
            ),
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Pillow's warnings about large pictures and unusual tags, which end reading where warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _explained(source: Path | bytes, name: str) -> Iterator[None]:
    """Makes a BadPicture of whatever reading the file raises."""
    try:
        yield
    except NotAFile as error:
        raise BadPicture(
            text("{name} is {what}", name=name, what=error.message.rpartition(" is ")[2]),
            advice=text("Name a picture."),
        ) from error
    except EasyPhotoError:
        raise
    except NotRead as error:
        said = text("{name} cannot be read as a picture. {why}", name=name, why=error.why)
        raise BadPicture(said, advice=error.advice, why=error.why) from error
    except MemoryError as error:
        raise BadPicture(
            text("{name} does not fit into this machine's memory.", name=name),
            advice=text("Close other programs, or reduce it first."),
        ) from error
    except PermissionError as error:
        why = text("Its permissions forbid it.")
        said = text("{name} cannot be read as a picture. {why}", name=name, why=why)
        raise BadPicture(said, advice=text("Change its permissions, or copy it elsewhere."), why=why) from error
    except OSError as error:
        # Links may also lead in a circle.
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise _unreadable(name, error) from error
        raise BadPicture(text("{source!s} does not exist.", source=source), advice=text("Check the path.")) from error
    # Pillow's plugins raise nearly anything on broken content: OSError, SyntaxError, struct.error, KeyError,
    # zlib.error, RecursionError …, and later versions raise others.
    except Exception as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> BadPicture:
    return BadPicture(
        text("{name} cannot be read as a picture ({reason}).", name=name, reason=_reason(error)),
        advice=text("Save it again as JPEG or PNG."),
    )


def _reason(error: Exception) -> str:
    text = cause_of(error) if isinstance(error, OSError) else str(error) or type(error).__name__
    return " ".join(text.split())[:_LONGEST_REASON]


@contextmanager
def _stream(source: Path | bytes) -> Iterator[BinaryIO]:
    with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source) as stream:
        if stream.seek(0, io.SEEK_END) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES // 1_000_000} MB")
        stream.seek(0)
        yield stream


def _format_in(stream: BinaryIO, name: str) -> Format:
    beginning = stream.read(_BEGINNING)
    format, known = format_of(beginning), why_not(beginning, name)
    if known is not None and (format is None or format.name == "TIFF"):
        raise known
    if format is None:
        raise ValueError(f"it is no {NAMES}")
    return format


def _open(stream: BinaryIO, name: str) -> tuple[ImageFile.ImageFile, Around]:
    format = _format_in(stream, name)
    around = format.look(stream)
    if around.beside > MOST_BESIDE:
        raise ValueError(f"it holds {around.beside // 1_000_000} MB of something else beside its picture")
    stream.seek(0)
    if around.lacks_end:
        content = stream.read(MOST_TO_MEND)
        stream, around = io.BytesIO(content + END_OF_JPEG), replace(around, beside=around.beside + 2 * len(content))
    try:
        return format.open(stream), around
    except (SyntaxError, ValueError):
        stream.seek(0)
        content = stream.read(MOST_TO_MEND + 1)
        if not content.startswith(PNG) or len(content) > MOST_TO_MEND:
            raise
        return format.open(io.BytesIO(without_profile(content))), Around(around.beside + len(content))
