"""Uploaded files of an event: accepted only from gradio's upload folder, and opened only after that check.

An event can name any path. Gradio opens named files before a handler sees them, and its versions differ in whether they
check the path first; so the components here open nothing, and `brought` is the only way to an upload.
"""

from __future__ import annotations

import os
import re
import stat
from abc import ABCMeta
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.errors import BadPicture, ForeignFile
from easyphoto.images.formats import SUFFIXES
from easyphoto.jobs.uploads import MOST_BYTES, MOST_FILES
from easyphoto.messages import text
from easyphoto.storage.files import read_regular

# Gradio's folder for one upload: a random name in gradio 3, a digest of the content from 4 on.
_UPLOAD = re.compile(r"[0-9a-f]{40,64}")
PICTURE_TYPES = ["image", *SUFFIXES]
"""What dialogs offer: browsers and gradio do not count all formats that are read among the images."""
MOST_ENTRIES = 100_000
"""Limit for the entries of a named folder; a web UI's outputs hold some thousands."""


@dataclass(frozen=True)
class Claims:
    """The files that an event claims to bring, unopened: pairs of the user's file name and a path."""

    files: tuple[tuple[str, str], ...]
    folder: Path
    """Gradio's folder for uploads."""


@dataclass(frozen=True)
class ClientFile:
    name: str
    """The user's file name; only its letters are used."""
    path: Path

    def take(self) -> bytes:
        """Return a picture's bytes and delete the page's copy: the picture is stored elsewhere, or rejected.

        Raises BadPicture if it is too large.
        """
        try:
            return read_regular(self.at_most(MOST_BYTES), MOST_BYTES)
        except OSError as error:
            raise _foreign(self.name) from error
        finally:
            with suppress(OSError):
                self.path.unlink()

    def at_most(self, most: int) -> Path:
        """Return the path of a file that is not a picture. Raises BadPicture if it has more than `most` bytes."""
        if self.path.stat().st_size > most:
            raise BadPicture(
                text("{name} is too large.", name=self.name),
                advice=text("At most {size} MB are accepted.", size=most // 1_000_000),
            )
        return self.path


def brought(value: Any) -> tuple[ClientFile, ...]:
    """Return the files of a component of this module. Raises ForeignFile for too many, or a file not uploaded."""
    if value is None:
        return ()
    if not isinstance(value, Claims):
        raise _foreign("This")
    if len(value.files) > MOST_FILES:
        raise ForeignFile(
            text("These are {count} files.", count=len(value.files)),
            advice=text("Give at most {count} at once.", count=MOST_FILES),
        )
    return tuple(ClientFile(name, uploaded_path(path, value.folder)) for name, path in value.files)


def uploaded_path(claim: str, folder: Path) -> Path:
    """Return the path of an upload below gradio's folder. Raises ForeignFile for any other path, a link or a device."""
    try:
        path = Path(claim)
        place, above = path.parent, path.parent.parent
        is_there = path.is_absolute() and os.path.realpath(above) == os.path.realpath(folder)
        is_upload = is_there and _UPLOAD.fullmatch(place.name) is not None
        if is_upload and stat.S_ISDIR(os.lstat(place).st_mode) and stat.S_ISREG(os.lstat(path).st_mode):
            return path
    except (OSError, ValueError) as error:
        raise _foreign(Path(claim).name) from error
    raise _foreign(path.name)


def named_folder(typed: str) -> Path:
    """Return a folder of this machine that the user typed, where the page allows that. Raises ForeignFile.

    It may hold only files and folders; a link must stay within it.
    """
    folder = Path(os.path.expanduser(typed))
    if not folder.is_dir():
        raise ForeignFile(
            text("{name!r} is not a folder on this machine.", name=typed), advice=text("Give its whole path.")
        )
    root, count = os.path.realpath(folder), 0
    for place, folders, names in os.walk(root):
        for entry in (*folders, *names):
            path, count = os.path.join(place, entry), count + 1
            mode = os.lstat(path).st_mode
            is_inside = os.path.realpath(path).startswith(os.path.join(root, ""))
            if not is_inside or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                raise ForeignFile(
                    text("{path} is not a file in this folder.", path=path),
                    advice=text("Copy what you want into a folder."),
                )
        if count > MOST_ENTRIES:
            raise ForeignFile(
                text("{name!r} contains too much.", name=typed), advice=text("Give the folder of the person.")
            )
    return folder


def _foreign(name: str) -> ForeignFile:
    return ForeignFile(
        text("{name} was not uploaded through this page.", name=name[:100]),
        advice=text("Choose or drop the file again."),
    )


def _claimed(payload: Any) -> Iterator[tuple[str, str]]:
    """Yield name and path of each file in the payload of any gradio version; "" for a payload without a path."""
    listed = getattr(payload, "root", payload)
    for each in listed if isinstance(listed, (list, tuple)) else [listed]:
        record = each if isinstance(each, Mapping) else getattr(each, "__dict__", {})
        path = record.get("path", record.get("name"))
        path = path if isinstance(path, str) else ""
        name = record.get("orig_name")
        yield (name if isinstance(name, str) and name else Path(path).name), path


def gradio_folder(component: Any) -> Path:
    """Return gradio's folder for uploads and results."""
    return Path(getattr(component, "GRADIO_CACHE", None) or component.DEFAULT_TEMP_DIR)


def _claims(component: Any, payload: Any) -> Claims | None:
    return None if payload is None else Claims(tuple(_claimed(payload)), gradio_folder(component))


async def left_alone(component: Any, path: str) -> str:
    """Replaces gradio's function that copies a named file into its cache, or fetches it from elsewhere."""
    return path


def _seen(component: Any, payload: Any) -> Any:
    """Check a shown picture that an event sends back, because gradio opens it for the host's own handlers."""
    path = payload.get("path") if isinstance(payload, Mapping) else getattr(payload, "path", None)
    if path is not None:
        try:
            uploaded_path(path, gradio_folder(component))
        except ForeignFile as error:
            raise gr.Error(str(error)) from error
    return gr.Image.preprocess(component, payload)


def client_kind(base: Any, **members: Any) -> Any:
    """Return a component class that looks like `base` and overrides `members`.

    With a class statement gradio 4 and later would write a .pyi file beside this one.
    """
    maker = ABCMeta if issubclass(type(base), ABCMeta) else type
    members |= {"__module__": __name__, "is_template": True}
    return maker.__new__(type(base), f"Client{base.__name__}", (base,), members)


_TAKING = {
    "preprocess": _claims,
    "async_move_resource_to_block_cache": left_alone,
}
FileDrop = client_kind(gr.File, **_TAKING)
FileButton = client_kind(gr.UploadButton, **_TAKING)
SeenImage = client_kind(gr.Image, preprocess=_seen)
