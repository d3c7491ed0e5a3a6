"""Templates from the pictures that are already on this machine: the newest of a folder that show one usable face.

Only on a page that nobody but this machine's user reaches: the folder may be any, and may show anybody.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.commands.templates import TemplateEntry
from easyphoto.errors import BadPicture, ForeignFile, NameTaken
from easyphoto.images.formats import SUFFIXES
from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_BYTES
from easyphoto.messages import text
from easyphoto.storage.files import read_regular
from easyphoto.ui import compat
from easyphoto.ui.card import message_html
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders
from easyphoto.ui.template_faces import TemplateFaces
from easyphoto.ui.thumbnails import Thumbnails

MOST_LOOKED_AT, MOST_OFFERED = 60, 12
SECONDS = 8.0
"""After which what was found is offered, and the rest of the folder is left."""
DEPTH = 3
MOST_ENTRIES = 50_000
_SIDE = 240


@dataclass(frozen=True)
class PictureFinder:
    folder: Any
    look: Any
    found: Any
    orders: Orders
    words: Translator
    thumbnails: Thumbnails
    faces: TemplateFaces = field(default_factory=TemplateFaces)


def place_finder(prefix: str, service: Service, words: Translator, thumbnails: Thumbnails) -> PictureFinder | None:
    """Return None on a page that others can reach."""
    if not service.facts().is_local:
        return None
    own = service.app.host.pictures_folder()
    with gr.Accordion(words("Add from your pictures"), open=False, elem_id=f"{prefix}_pictures"):
        hint = words("The newest pictures of the folder with one face that can be replaced are offered.")
        gr.HTML(f'<p class="easyphoto-hint">{escape(hint)}</p>')
        folder = gr.Textbox(
            str(own or ""), label=words("Folder"), max_lines=1, elem_id=f"{prefix}_pictures_folder", interactive=True
        )
        look = gr.Button(words("Show its pictures"), size="sm", elem_id=f"{prefix}_pictures_look")
        found = gr.HTML("", elem_id=f"{prefix}_pictures_said")
    return PictureFinder(folder, look, found, place_orders(f"{prefix}_pictures"), words, thumbnails)


def connect_finder(
    finder: PictureFinder | None, service: Service, message: Any, tiles: Any, tiles_html: Callable[[], str]
) -> None:
    """`tiles` shows the templates, as `tiles_html` says them."""
    if finder is None:
        return
    words = finder.words

    def looked(folder: str) -> dict[Any, Any]:
        files = usable_pictures(service, finder.faces, checked_folder(service, folder))
        return {finder.found: offered_html(files, finder)}

    def ordered(order: str, folder: str) -> dict[Any, Any]:
        entry = add_picture(service, Path(str(json.loads(order)[0])), checked_folder(service, folder))
        said = message_html(words("{name} is one of your templates now.", name=entry.title), is_good=True)
        return {message: said, tiles: tiles_html()}

    compat.listen(
        finder.look.click, saying(message, words, looked), inputs=[finder.folder], outputs={message, finder.found}
    )
    connect_orders(
        finder.orders, saying(message, words, ordered), inputs=[finder.folder], outputs={message, tiles, finder.found}
    )


def checked_folder(service: Service, typed: str | None) -> Path:
    """Raises ForeignFile where there is none, or others can reach the page."""
    folder = Path(os.path.expanduser((typed or "").strip()))
    if not service.facts().is_local or not (typed or "").strip() or not folder.is_dir():
        raise ForeignFile(
            text("{name!r} is not a folder on this machine.", name=typed or ""), advice=text("Give its whole path.")
        )
    return folder


def newest_pictures(folder: Path) -> tuple[Path, ...]:
    """Return the newest pictures of the folder and those below it; links are not followed."""
    found = sorted(_pictures_below(folder, DEPTH, [MOST_ENTRIES]), reverse=True)
    return tuple(path for _, path in found[:MOST_LOOKED_AT])


def _pictures_below(folder: Path, depth: int, left: list[int]) -> Iterator[tuple[float, Path]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        left[0] -= 1
        if left[0] < 0 or entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir() and depth > 1:
            yield from _pictures_below(Path(entry.path), depth - 1, left)
        elif entry.is_file() and _is_picture(entry.name):
            yield entry.stat().st_mtime, Path(entry.path)


def usable_pictures(service: Service, faces: TemplateFaces, folder: Path) -> tuple[Path, ...]:
    """Return the newest pictures that show one face which can be replaced. Raises what a missing detector raises."""
    found: list[Path] = []
    until = time.monotonic() + SECONDS
    for file in newest_pictures(folder):
        if len(found) == MOST_OFFERED or time.monotonic() > until:
            break
        try:
            seen = faces.of(file, service.app)
        except (BadPicture, OSError):
            continue
        if len(seen.faces) == 1 and seen.reasons(None) == (None,) and seen.covered == (None,):
            found.append(file)
    return tuple(found)


def add_picture(service: Service, file: Path, folder: Path) -> TemplateEntry:
    """Copy a picture of the folder to the user's templates. Raises ForeignFile for any other file, BadPicture."""
    inside = os.path.realpath(file).startswith(os.path.join(os.path.realpath(folder), ""))
    if not inside or not _is_picture(file.name) or not file.is_file():
        raise ForeignFile(
            text("{path} is not a file in this folder.", path=file), advice=text("Copy what you want into a folder.")
        )
    content, name = read_regular(file, MOST_BYTES), name_of(file.name)
    for number in range(2, 100):
        try:
            return service.add_template(name, content)
        except NameTaken:
            name = f"{name_of(file.name)[:60]}-{number}"
    return service.add_template(name, content)


def name_of(file: str) -> str:
    """Derive a template's name from the file name."""
    stem = re.sub(r"[^a-z0-9_-]+", "-", Path(file.replace("\\", "/")).stem.lower()).strip("-_")
    return stem[:64] or "template"


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def offered_html(files: Sequence[Path], finder: PictureFinder) -> str:
    words = finder.words
    if not files:
        said = words("None of the newest pictures there shows one face that can be replaced.")
        return f'<p class="easyphoto-empty">{escape(said)}</p>'
    tiles = "".join(_tile(file, finder) for file in files)
    return f'<div class="easyphoto-tiles" lang="{words.tag}">{tiles}</div>'


def _tile(file: Path, finder: PictureFinder) -> str:
    words, name = finder.words, file.name
    label = words("Add {name} to your templates", name=name)
    button = order_button(words("Add"), json.dumps([str(file)]), to=finder.orders.id, label=label)
    return (
        f'<article class="easyphoto-tile" aria-label="{escape(name)}">'
        f'<img src="{finder.thumbnails.link(file, _SIDE)}" alt="">'
        f'<div class="easyphoto-tile-words"><p class="easyphoto-name" title="{escape(name)}">{escape(name)}</p></div>'
        f'<div class="easyphoto-orders">{button}</div></article>'
    )
