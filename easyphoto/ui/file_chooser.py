"""A chooser of checkpoint files on this machine, for pages that only its own user reaches."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.backends.folders import CHECKPOINTS
from easyphoto.errors import ForeignFile
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.ui import compat
from easyphoto.ui.base_names import BaseNames
from easyphoto.ui.card import error_html
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders

OPEN, TAKE, CLOSE = "open", "take", "close"
MOST_SHOWN = 300
LEAST_BYTES = 1_000_000_000
"""In half precision a Stable Diffusion 1.5 has 2 GB; pruned further, 1.7."""
USUAL_PLACES = (
    "stable-diffusion-webui/models/Stable-diffusion", "stable-diffusion-webui-forge/models/Stable-diffusion",
    "ComfyUI/models/checkpoints", "models", "Downloads",
)  # fmt: skip


@dataclass(frozen=True)
class FileChooser:
    browse: Any
    listing: Any
    orders: Orders
    words: Translator


def place_chooser(prefix: str, words: Translator, *, is_local: bool) -> FileChooser | None:
    """Return None on a page that others can reach: nobody else may look into this machine's folders."""
    if not is_local:
        return None
    browse = gr.Button(words("Choose a file …"), size="sm", elem_id=f"{prefix}_browse")
    listing = gr.HTML("", elem_id=f"{prefix}_folder_said")
    return FileChooser(browse, listing, place_orders(f"{prefix}_folder"), words)


def connect_chooser(chooser: FileChooser | None, service: Service, base: Any, names: BaseNames) -> None:
    """`base` gets the chosen file."""
    if chooser is None:
        return

    def browsed() -> dict[Any, Any]:
        return {chooser.listing: listing_html(service, start_folder(service), chooser)}

    def ordered(order: str) -> dict[Any, Any]:
        verb, path = (str(each) for each in json.loads(order))
        try:
            if verb == OPEN:
                return {chooser.listing: listing_html(service, Path(path), chooser)}
            if verb == TAKE:
                file = checked_file(service, Path(path))
                return {chooser.listing: "", base: compat.update(value=names.shown(str(file), service))}
        except ForeignFile as error:
            return {chooser.listing: error_html({"message": error.message, "advice": error.advice}, chooser.words)}
        return {chooser.listing: ""}

    compat.listen(chooser.browse.click, browsed, outputs={chooser.listing})
    connect_orders(chooser.orders, ordered, outputs={chooser.listing, base})


def start_folder(service: Service) -> Path:
    """Return the folder of the checkpoints that are there, else the user's home folder."""
    folders = {str(file.parent) for file in service.app.host.checkpoint_files().values()}
    try:
        return Path(os.path.commonpath(folders)) if folders else Path.home()
    except ValueError:  # on several drives
        return Path.home()


def usual_checkpoints(home: Path) -> tuple[Path, ...]:
    """Return the checkpoints in folders where other programs and browsers keep them, the newest first."""
    folders = (home / place for place in USUAL_PLACES)
    found = [file for folder in folders if folder.is_dir() for file in _files_in(folder)]
    return tuple(sorted(found, key=lambda file: file.stat().st_mtime, reverse=True))


def _files_in(folder: Path) -> list[Path]:
    """Return what is large enough for a checkpoint: LoRAs and face models have the same suffixes."""
    try:
        entries = [entry for entry in os.scandir(folder) if Path(entry.name).suffix.lower() in CHECKPOINTS]
        return [Path(entry.path) for entry in entries if entry.is_file() and entry.stat().st_size >= LEAST_BYTES]
    except OSError:
        return []


def checked_file(service: Service, file: Path) -> Path:
    """Raises ForeignFile for anything but a checkpoint file, or on a page that others can reach."""
    if not service.facts().is_local or file.suffix.lower() not in CHECKPOINTS or not file.is_file():
        raise _refused(file)
    return file.absolute()


def entries_of(service: Service, folder: Path) -> tuple[list[Path], list[Path]]:
    """Return a folder's folders and checkpoint files, by name. Raises ForeignFile where it cannot be read."""
    if not service.facts().is_local:
        raise _refused(folder)
    folders, files = [], []
    try:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name.lower()):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(Path(entry.path))
            elif entry.is_file() and Path(entry.name).suffix.lower() in CHECKPOINTS:
                files.append(Path(entry.path))
    except OSError as error:
        raise _refused(folder) from error
    return folders[:MOST_SHOWN], files[:MOST_SHOWN]


def listing_html(service: Service, folder: Path, chooser: FileChooser) -> str:
    """Return the folder with a button for each folder and file. Raises ForeignFile."""
    words, to = chooser.words, chooser.orders.id
    folder = Path(os.path.abspath(folder))
    folders, files = entries_of(service, folder)

    def button(label: str, verb: str, path: Path, *, hint: str = "") -> str:
        order = json.dumps([verb, str(path)])
        said = f" <span>{escape(hint)}</span>" if hint else ""
        return f"<li>{order_button(label, order, to=to)}{said}</li>"

    up = "" if folder.parent == folder else button("⬑ ..", OPEN, folder.parent)
    home = "" if folder == Path.home() else button(f"⌂ {words('Home folder')}", OPEN, Path.home())
    down = "".join(button(f"▸ {each.name}", OPEN, each) for each in folders)
    own = "".join(button(each.name, TAKE, each, hint=_size(each)) for each in files)
    none = "" if files else f'<p class="easyphoto-hint">{escape(words("There is no checkpoint in this folder."))}</p>'
    close = order_button(words("Close"), json.dumps([CLOSE, ""]), to=to)
    return (
        f'<section class="easyphoto-folder" lang="{words.tag}" aria-label="{escape(words("Choose a checkpoint"))}">'
        f"<header><strong>{escape(str(folder))}</strong>{close}</header>"
        f"<ul>{up}{home}{own}{down}</ul>{none}</section>"
    )


def _size(file: Path) -> str:
    try:
        return f"{file.stat().st_size / 1e9:.1f} GB"
    except OSError:
        return ""


def _refused(path: Path) -> ForeignFile:
    return ForeignFile(
        text("{name!r} cannot be opened here.", name=str(path)), advice=text("Type the path of the file instead.")
    )
