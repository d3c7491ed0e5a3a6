"""Files made for a visitor to download: below gradio's own folder for results, which every version serves.

Each lies in a folder of its own whose name cannot be guessed, with a note of whom it shows, so that it is removed with
the person.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from easyphoto.errors import EasyPhotoError
from easyphoto.storage.files import make_private_folder
from easyphoto.storage.records import read_json, write_json
from easyphoto.ui.client_files import gradio_folder
from easyphoto.workspace.folders import EXPORT_NOTE, texts_in

EXPORTS = "easyphoto-exports"


def exports_folder(file: Any) -> Path:
    return gradio_folder(file) / EXPORTS


def new_export(folder: Path, name: str, persons: tuple[str, ...], asker: str) -> Path:
    """Return a path for a file about these persons; earlier files of the same visitor are removed."""
    for note, record in list(_notes(folder)):
        if record.get("asker") == asker:
            shutil.rmtree(note.parent, ignore_errors=True)
    own = folder / secrets.token_hex(20)
    make_private_folder(own)
    write_json(own / EXPORT_NOTE, {"persons": list(persons), "asker": asker})
    return own / name


def is_for(file: Path, tag: str) -> bool:
    """Return whether the requester of that tag may have the file: an export is for who asked for it alone."""
    note = file.parent / EXPORT_NOTE
    try:
        return not note.is_file() or read_json(note).get("asker") == tag
    except EasyPhotoError:
        return False


def remove_exports(folder: Path, id: str) -> None:
    """Delete what was exported of a person, which would otherwise stay in a temporary folder after them."""
    for note, record in list(_notes(folder)):
        if id in texts_in(record, "persons"):
            shutil.rmtree(note.parent, ignore_errors=True)


def _notes(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for note in folder.glob(f"*/{EXPORT_NOTE}"):
        with suppress(EasyPhotoError):
            yield note, read_json(note)
