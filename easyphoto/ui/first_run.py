"""The guided first run at the top of the Train tab: three steps, each with what is there and a button for the rest.

It is shown until there is a person or a result, and can be closed.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.architectures.registry import FAMILIES
from easyphoto.jobs.service import Service
from easyphoto.ui import compat
from easyphoto.ui.base_names import BaseNames
from easyphoto.ui.fetch_buttons import fetch_buttons
from easyphoto.ui.file_chooser import OPEN, TAKE, start_folder, usual_checkpoints
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders
from easyphoto.ui.train_checks import Checking
from easyphoto.ui.train_form import TrainForm
from easyphoto.ui.train_kind import PREFIX as TRAIN
from easyphoto.ui.train_photos import PhotoPart, PhotoSet
from easyphoto.ui.weights_panel import PanelState, is_in_use, needs_shown

PREFIX = f"{TRAIN}_guide"
DRAWN, CLOSE, ADD, TRAIN_NOW = "drawn", "close", "add", "train"
DRAWN_NAME = "demo"
MOST_FOUND = 3
Made = Callable[[Mapping[Any, Any]], dict[Any, Any]]
CHOOSER = f"{TRAIN}_folder_order"


@dataclass(frozen=True)
class FirstRun:
    said: Any
    closed: Any
    """State: whether this page's visitor has closed it."""
    orders: Orders
    words: Translator

    @property
    def outputs(self) -> set[Any]:
        return {self.said, self.closed}


def place_guide(words: Translator) -> FirstRun:
    said = gr.HTML("", elem_id=f"{PREFIX}_said")
    return FirstRun(said, gr.State(False), place_orders(PREFIX), words)


@dataclass(frozen=True)
class Guiding:
    """The handlers of the guide; each returns updates by component."""

    guide: FirstRun
    part: PhotoPart
    form: TrainForm
    service: Service
    made: Mapping[str, Made] = field(default_factory=dict)
    """What the buttons "add" and "train" do with the form's values."""

    def shown(self, closed: bool, record: Mapping[str, Any] | None, base: str | None) -> dict[Any, Any]:
        return {self.guide.said: self._html(bool(closed), PhotoSet.of(record), base)}

    @property
    def inputs(self) -> list[Any]:
        return [self.guide.closed, self.part.held, self.form.base]

    def ordered(self, order: str, *row: Any) -> dict[Any, Any]:
        values = dict(zip(self.order_inputs, row, strict=True))
        if order in self.made:
            return self.made[order](values)
        if order == DRAWN:
            return self._drawn(values)
        return {self.guide.closed: True, self.guide.said: ""}

    @property
    def order_inputs(self) -> list[Any]:
        return [self.part.held, self.part.check, *sorted(self.form.inputs, key=lambda component: component._id)]

    @property
    def outputs(self) -> set[Any]:
        return {*self.guide.outputs, *self.part.outputs, self.form.name, self.form.base}

    def _drawn(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Draw a person's photos, hold them, and look at them with the model that draws."""
        checking = Checking(self.part, self.form, self.service, self.guide.words)
        base = self.form.bases.shown(FAMILIES.default.id, self.service)
        name = (values[self.form.name] or "").strip() or DRAWN_NAME
        values = {**values, self.form.base: base, self.form.name: name}
        held = PhotoSet().with_photos(drawn_photos(self.service))
        updates = checking.begun(held, values)
        return {
            **updates,
            self.form.base: base,
            self.form.name: name,
            self.guide.said: self._html(False, held, base),
        }

    def _html(self, closed: bool, held: PhotoSet, base: str | None) -> str:
        if closed or is_in_use(self.service):
            return ""
        return _Steps(self.service, self.form.bases, self.guide.words).html(held, base)


def connect_guide(guiding: Guiding, *ticks: Any, outputs: set[Any]) -> None:
    """`ticks` are the hidden buttons of what changes the steps (a check, a job), `outputs` what a new job shows."""
    guide, part = guiding.guide, guiding.part
    for event in (*(tick.click for tick in ticks), guiding.form.base.change):
        compat.listen(event, guiding.shown, inputs=guiding.inputs, outputs={guide.said})
    handler = saying(part.message, guide.words, guiding.ordered)
    connect_orders(guide.orders, handler, inputs=guiding.order_inputs, outputs=guiding.outputs | outputs)


def paints_drawn_people(service: Service) -> bool:
    """A web UI without diffusers cannot run the miniature: what is drawn there would end in a refusal."""
    return FAMILIES.default.id in service.facts().checkpoints


def drawn_photos(service: Service) -> tuple[str, ...]:
    """Draw the demo's photos of one person, some of them of no use, and keep them like uploads; return their names."""
    from easyphoto.bench.demo import draw_photos

    # Of its own, because two visitors may ask at the same time.
    folder = service.app.workspace.page / f"drawn-{secrets.token_hex(8)}"
    try:
        files = sorted(draw_photos(folder, 0).iterdir())
        return tuple(service.keep(file.name, file.read_bytes()).name for file in files)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Steps:
    service: Service
    names: BaseNames
    words: Translator

    def html(self, held: PhotoSet, base: str | None) -> str:
        words = self.words
        close = order_button(words("Close"), CLOSE, to=f"{PREFIX}_order", label=words("Close the guide"))
        title = escape(words("Your first portrait"))
        return (
            f'<section class="easyphoto-guide" lang="{words.tag}" aria-label="{title}"><header><h2>{title}</h2>{close}'
            f"</header><ol>{self._model(base)}{self._photos(held)}{self._last(held)}</ol></section>"
        )

    def _model(self, base: str | None) -> str:
        """Photographs need a checkpoint, and the files that find faces."""
        words = self.words
        missing = [need for need in needs_shown(self.service, PanelState()) if need.is_needed]
        parts = [self._checkpoint(base)]
        if paints_drawn_people(self.service):
            parts.insert(0, _line(True, words("The miniature is here; it paints drawn people only.")))
        for need in missing:
            size = f"{need.bytes / 1e6:,.0f}"
            said = words("Missing for photographs: {what}, {size} MB", what=words.translate(need.title), size=size)
            parts.append(_line(False, said) + self._fetching(need.name))
        return _step(True, words("A model that paints"), parts)

    def _fetching(self, name: str) -> str:
        if self.service.app.store.is_offline:
            return f"<br>{escape(self.words('Nothing is downloaded: the offline switch is on.'))}"
        return fetch_buttons([name], self.words)

    def _checkpoint(self, base: str | None) -> str:
        words, files = self.words, self.service.app.host.checkpoint_files()
        chosen = self.names.named(base)
        own = [choice for choice in self.names.choices(self.service) if self.names.named(choice) in files]
        if chosen and chosen not in FAMILIES:
            return _line(True, words("For photographs: {name}", name=base))
        if own:
            said = words("For photographs: {name}. Choose it as the base checkpoint below.", name=own[0])
            return _line(True, said)
        return _line(False, words("For photographs a Stable Diffusion checkpoint is missing.")) + self._found()

    def _found(self) -> str:
        """Buttons for checkpoints in usual places of this machine, and for others; none where others see the page."""
        words = self.words
        if not self.service.facts().is_local:
            return ""
        buttons = [
            order_button(
                words("Use {name}", name=file.name), json.dumps([TAKE, str(file)]), to=CHOOSER, label=str(file)
            )
            for file in usual_checkpoints(Path.home())[:MOST_FOUND]
        ]
        start = json.dumps([OPEN, str(start_folder(self.service))])
        buttons.append(order_button(words("Choose a file …"), start, to=CHOOSER))
        return f'<span class="easyphoto-orders">{"".join(buttons)}</span>'

    def _photos(self, held: PhotoSet) -> str:
        words, title = self.words, self.words("Photos of one person")
        if held.photos:
            return _step(True, title, [escape(words("Photos: {count}", count=len(held.photos)))])
        said = escape(words("Drop 5 to 20 photos below."))
        if not paints_drawn_people(self.service):
            outside = words(
                "No photos? Run python start.py ui in EasyPhoto's folder: there it can be tried with drawn people."
            )
            return _step(False, title, [said, escape(outside)])
        button = order_button(words("Try it with drawn people first"), DRAWN, to=f"{PREFIX}_order")
        return _step(False, title, [f'{said} <span class="easyphoto-orders">{button}</span>'])

    def _last(self, held: PhotoSet) -> str:
        words = self.words
        said = words("Give a name below. Adding takes seconds; a training gives a better likeness.")
        parts = [escape(said)]
        if held.photos:
            orders = ((ADD, words("Add without training")), (TRAIN_NOW, words("Start training")))
            buttons = "".join(order_button(label, order, to=f"{PREFIX}_order") for order, label in orders)
            parts.append(f'<span class="easyphoto-orders">{buttons}</span>')
        return _step(False, words("Train or add, then photograph"), parts)


def _step(is_done: bool, title: str, parts: list[str]) -> str:
    content = "".join(f"<p>{part}</p>" for part in parts)
    return f'<li data-done="{str(is_done).lower()}"><h3>{_line(is_done, title)}</h3>{content}</li>'


def _line(is_done: bool, said: str) -> str:
    return f"{'✓' if is_done else '○'} {escape(said)}"
