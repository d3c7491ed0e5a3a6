"""The test pictures of a training, by checkpoint, and the choice of one in place of the training's LoRA."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.commands.choose_checkpoint import ChooseCheckpoint
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.records import Job, JobEvent
from easyphoto.jobs.service import Service
from easyphoto.persons.checkpoints import Checkpoints, checkpoints_of
from easyphoto.training.pictures import kept_pictures
from easyphoto.ui import compat
from easyphoto.ui.handlers import Renewal, saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import LiveCard, connect_card, place_card, show_job, show_nothing
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.workspace.person_record import Person

SIDE = 192
MOST_PICTURES = 3
"""Test pictures that are shown of each checkpoint."""


@dataclass(frozen=True)
class CheckpointsDialog:
    """A dialog for one person's checkpoints."""

    group: Any
    sheet: Any
    orders: Orders
    close: Any
    live: LiveCard
    words: Translator
    thumbnails: Thumbnails

    @property
    def outputs(self) -> set[Any]:
        return {self.group, self.sheet, *self.live.outputs}

    def opened(self, person: Person, name: str, service: Service) -> dict[Any, Any]:
        """Raises UnknownCheckpoint where the training is gone."""
        found = checkpoints_of(service.app.workspace, person)
        return {
            **show_nothing(self.live),
            self.group: compat.update(visible=True),
            self.sheet: self.html(person, name, found),
        }

    def closed(self) -> dict[Any, Any]:
        return {self.group: compat.update(visible=False)}

    def html(self, person: Person, name: str, found: Checkpoints) -> str:
        words = self.words
        title = words("Test pictures of {name}, by step of the training", name=name)
        hint = words(
            "Later ones follow the photos more closely, and words less. The LoRA is replaced by the one you choose."
        )
        own = self._button(words("The LoRA that the training wrote"), person, None, is_on=found.chosen is None)
        rows = "".join(self._row(person, step, found) for step in found.steps)
        return (
            f'<div lang="{words.tag}"><h2 class="easyphoto-title">{escape(title)}</h2>'
            f'<p class="easyphoto-hint">{escape(hint)}</p><div class="easyphoto-orders">{own}</div>'
            f'<div class="easyphoto-tiles">{rows}</div></div>'
        )

    def _row(self, person: Person, step: int, found: Checkpoints) -> str:
        words = self.words
        said = words("Step {step}", step=step)
        files = [found.folder.root / one.path for one in (kept_pictures(found.folder, step) or ())[:MOST_PICTURES]]
        links = [link for file in files if (link := self.thumbnails.link_or_none(file, SIDE)) is not None]
        pictures = "".join(f'<img src="{link}" alt="">' for link in links)
        button = self._button(words("Take this one"), person, step, is_on=found.chosen == step, label=said)
        return (
            f'<article class="easyphoto-tile" aria-label="{escape(said)}">'
            f'<div class="easyphoto-painted">{pictures}</div>'
            f'<div class="easyphoto-tile-words"><h3>{escape(said)}</h3></div>'
            f'<div class="easyphoto-orders">{button}</div></article>'
        )

    def _button(self, text: str, person: Person, step: int | None, *, is_on: bool, label: str = "") -> str:
        named = f"{text}: {label}" if label else ""
        return order_button(text, json.dumps([person.id, step]), to=self.orders.id, label=named, is_on=is_on)


def place_checkpoints(prefix: str, words: Translator, thumbnails: Thumbnails) -> CheckpointsDialog:
    prefix = f"{prefix}_steps"
    with gr.Column(visible=False, elem_id=prefix, elem_classes=["easyphoto-question"]) as group:
        sheet = gr.HTML("", elem_id=f"{prefix}_said")
        live = place_card(prefix, words)
        close = gr.Button(words("Close"), size="sm", elem_id=f"{prefix}_no")
    return CheckpointsDialog(group, sheet, place_orders(prefix), close, live, words, thumbnails)


def connect_checkpoints(part: CheckpointsDialog, service: Service, message: Any, tiles: Renewal) -> None:
    """`tiles` shows everybody anew."""

    def chosen(order: str) -> dict[Any, Any]:
        id, step = json.loads(order)
        command = ChooseCheckpoint(str(id), None if step is None else int(step))
        return show_job(part.live, service, service.submit(command).id, words=part.words)

    def installed(job: Job, events: Sequence[JobEvent]) -> dict[Any, Any]:
        if not job.state.is_over or not job.result:
            return {}
        try:
            person = service.app.workspace.person(str(job.result["person"]))
            return {
                part.sheet: part.html(person, person.name, checkpoints_of(service.app.workspace, person)),
                **tiles.handler(),
            }
        except EasyPhotoError:  # deleted since
            return tiles.handler()

    connect_orders(part.orders, saying(message, part.words, chosen), outputs={message, *part.live.outputs})
    compat.listen(part.close.click, part.closed, outputs={part.group})
    connect_card(part.live, service, part.words, kinds=(), extra=installed, extra_outputs=[part.sheet, *tiles.outputs])


def has_checkpoints(service: Service, person: Person) -> bool:
    """Return whether there are several checkpoints to choose from."""
    try:
        return len(checkpoints_of(service.app.workspace, person).steps) > 1
    except EasyPhotoError:
        return False
