"""The format of a file of tensors, told by its content: a pickle is opened with care whatever its name."""

from __future__ import annotations

import zipfile
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.storage.files import cause_of, open_regular
from easyphoto.weights.contents import ARCHIVE, ENOUGH, begins_like_safetensors, mistaken

_ARCHIVE, _PICKLE = b"PK", b"\x80"
_UNFINISHED = ".aria2"
"""Of the file beside a download into a file that has its full size from the beginning."""
_PICKLE_IN_ARCHIVE = "data.pkl"


class FileFormat(Enum):
    SAFETENSORS = "safetensors"
    PICKLE = "pickle"
    """Torch's own: an archive with a pickle in it, or the bare pickle of torch before 1.6."""


def format_of(file: Path) -> FileFormat:
    """The format of the file. Reads its beginning, of an archive also the list of its entries.

    Raises InputError for anything else, and says what it is.
    """
    if file.with_name(file.name + _UNFINISHED).exists():
        raise InputError(
            text("{name} is incomplete: its download has not finished.", name=file.name),
            advice=text("Let the program finish that fetches it, or download the file again."),
        )
    try:
        with open_regular(file) as stream:
            beginning = stream.read(ENOUGH)
            if beginning.startswith(_ARCHIVE) and begins_like_pickle(beginning):
                _require_pickle_in(file, stream)
    except OSError as error:
        raise unreadable(file, error) from error
    if begins_like_pickle(beginning):
        return FileFormat.PICKLE
    refuse_mistaken(file, beginning)
    return FileFormat.SAFETENSORS


def begins_like_pickle(beginning: bytes) -> bool:
    """Whether the file is torch's archive or a bare pickle; a header's length may begin with the same bytes."""
    return beginning.startswith((_ARCHIVE, _PICKLE)) and not begins_like_safetensors(beginning)


def refuse_mistaken(file: Path, beginning: bytes) -> None:
    """Raise InputError if something else than a model was saved under the file's name."""
    other = mistaken(beginning)
    if other is not None:
        raise InputError(text("{source} is {what}.", source=file.name, what=other.what), advice=other.advice)


def unreadable(file: Path, error: OSError) -> InputError:
    return InputError(
        text("{source} cannot be read: {cause}.", source=file, cause=cause_of(error)),
        advice=text("Check the path and its permissions."),
    )


def _require_pickle_in(file: Path, stream: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError) as error:
        # The list of its entries stands last.
        raise InputError(
            text("{name} is incomplete: its end is missing.", name=file.name),
            advice=text("Download or copy the file again."),
        ) from error
    if not any(name.rpartition("/")[2] == _PICKLE_IN_ARCHIVE for name in names):
        raise InputError(
            text("{source} is {what}.", source=file.name, what=ARCHIVE.what),
            advice=ARCHIVE.advice,
        )
