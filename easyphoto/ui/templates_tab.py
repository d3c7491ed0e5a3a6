"""The Templates tab: shipped templates, the user's own, and drawing one from words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from easyphoto.commands.draw_template import MOST_SEED, MOST_STEPS, DrawTemplate
from easyphoto.commands.templates import TemplateEntry
from easyphoto.errors import EasyPhotoError
from easyphoto.host.base import HostFacts
from easyphoto.jobs.records import Job, JobEvent, State, error_record
from easyphoto.jobs.service import Service
from easyphoto.settings.drawing import MOST_SIDE
from easyphoto.ui import compat
from easyphoto.ui.base_names import BaseNames
from easyphoto.ui.card import error_html, message_html
from easyphoto.ui.client_files import PICTURE_TYPES, ClientFile, FileButton, brought
from easyphoto.ui.file_chooser import FileChooser, connect_chooser, place_chooser
from easyphoto.ui.handlers import Renewal, saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import LiveCard, connect_card, place_card, show_job
from easyphoto.ui.orders import Orders, connect_orders, order_button, place_orders
from easyphoto.ui.picture_finder import PictureFinder, connect_finder, name_of, place_finder
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.ui.train_form import base_update, first
from easyphoto.workspace.shipped import shipped_templates

PREFIX = "easyphoto_templates"
KIND = "template"
PICTURE = 384
ASK, DELETE, KEEP = "ask", "delete", "keep"
LEAST_SIDE, SIDE_STEP = 256, 64


@dataclass(frozen=True)
class DrawForm:
    """The fields of "make one"."""

    name: Any
    prompt: Any
    negative: Any
    width: Any
    height: Any
    steps: Any
    seed: Any
    base: Any
    bases: BaseNames
    chooser: FileChooser | None
    start: Any
    live: LiveCard

    @property
    def inputs(self) -> set[Any]:
        return {self.name, self.prompt, self.negative, self.width, self.height, self.steps, self.seed, self.base}


@dataclass(frozen=True)
class TemplatesTab:
    upload: Any
    message: Any
    tiles: Any
    orders: Orders
    drawing: DrawForm
    view: TemplateTiles
    words: Translator
    finder: PictureFinder | None


@dataclass(frozen=True)
class TemplateTiles:
    words: Translator
    thumbnails: Thumbnails
    to: str

    def html(self, entries: Sequence[TemplateEntry], *, asked: str | None = None) -> str:
        """Return the user's own first; `asked` is the one about to be deleted."""
        own = [self._own(entry, is_asked=entry.id == asked) for entry in entries if entry.is_own]
        facts = {one.file: one for one in shipped_templates()}
        shipped = [self._shipped(entry, facts[entry.path]) for entry in entries if not entry.is_own]
        words = self.words
        empty = f'<p class="easyphoto-empty">{escape(words("None yet. Add pictures above, or make one."))}</p>'
        yours = self._grid(own) if own else empty
        return (
            f'<div lang="{words.tag}"><h2 class="easyphoto-title">{escape(words("Yours"))}</h2>{yours}'
            f'<h2 class="easyphoto-title">{escape(words("With EasyPhoto"))}</h2>{self._grid(shipped)}</div>'
        )

    def _grid(self, tiles: Sequence[str]) -> str:
        return f'<div class="easyphoto-tiles">{"".join(tiles)}</div>'

    def _shipped(self, entry: TemplateEntry, about: Any) -> str:
        words = self.words
        faces = words("Faces: {count}", count=about.faces)
        made = words.translate(about.author)
        rows = f'<p>{escape(faces)}</p><p class="easyphoto-hint">{escape(made)} · {escape(about.licence)}</p>'
        return self._tile(entry, rows, "")

    def _own(self, entry: TemplateEntry, *, is_asked: bool) -> str:
        words = self.words
        if is_asked:
            asked = f'<p role="alert"><strong>{escape(words("Delete this template?"))}</strong></p>'
            buttons = self._button(DELETE, entry, words("Delete")) + self._button(KEEP, entry, words("Keep"))
            return self._tile(entry, asked, buttons)
        return self._tile(entry, "", self._button(ASK, entry, words("Delete")))

    def _tile(self, entry: TemplateEntry, rows: str, buttons: str) -> str:
        title = escape(self.words.translate(entry.title))
        orders = f'<div class="easyphoto-orders">{buttons}</div>' if buttons else ""
        return (
            f'<article class="easyphoto-tile" aria-label="{title}">'
            f'<img src="{self.thumbnails.link(entry.path, PICTURE)}" alt="">'
            f'<div class="easyphoto-tile-words"><h3>{title}</h3>{rows}</div>{orders}</article>'
        )

    def _button(self, verb: str, entry: TemplateEntry, label: str) -> str:
        named = f"{label}: {self.words.translate(entry.title)}"
        return order_button(label, json.dumps([verb, entry.id]), to=self.to, label=named)


def build(service: Service, words: Translator) -> TemplatesTab:
    view = TemplateTiles(words, Thumbnails(), f"{PREFIX}_order")
    with gr.Row(elem_classes=["easyphoto-columns"]):
        with gr.Column(scale=5, min_width=320):
            upload = FileButton(
                words("Add pictures …"), file_count="multiple", file_types=PICTURE_TYPES, size="sm",
                elem_id=f"{PREFIX}_upload",
            )  # fmt: skip
            finder = place_finder(PREFIX, service, words, view.thumbnails)
            message = gr.HTML("", elem_id=f"{PREFIX}_message")
            # Filled when the tab is opened, because rendering the pictures takes a while.
            tiles = gr.HTML("", elem_id=f"{PREFIX}_tiles")
        with gr.Column(scale=4, min_width=320):
            drawing = _place_drawing(words, service.facts())
    return TemplatesTab(upload, message, tiles, place_orders(PREFIX), drawing, view, words, finder)


def _place_drawing(words: Translator, facts: HostFacts) -> DrawForm:
    hint = escape(words("A picture is drawn from words; its face is then replaced."))
    gr.HTML(f'<h2 class="easyphoto-heading">{escape(words("Make one"))}</h2><p class="easyphoto-hint">{hint}</p>')
    one = {"interactive": True}
    name = gr.Textbox(
        "",
        label=words("Name"),
        max_lines=1,
        info=words("Letters a-z, digits, _ and -."),
        elem_id=f"{PREFIX}_name",
        **one,
    )
    prompt = gr.Textbox("", label=words("Prompt"), lines=2, elem_id=f"{PREFIX}_prompt", **one)
    negative = gr.Textbox("", label=words("Negative prompt"), lines=1, elem_id=f"{PREFIX}_negative", **one)
    sides = {"minimum": LEAST_SIDE, "maximum": MOST_SIDE, "step": SIDE_STEP, **one}
    with gr.Row():
        width = gr.Slider(value=512, label=words("Width"), elem_id=f"{PREFIX}_width", **sides)
        height = gr.Slider(value=640, label=words("Height"), elem_id=f"{PREFIX}_height", **sides)
    with gr.Row():
        steps = gr.Slider(1, MOST_STEPS, value=30, step=1, label=words("Steps"), elem_id=f"{PREFIX}_steps", **one)
        seed = gr.Number(value=0, precision=0, label=words("Seed"), elem_id=f"{PREFIX}_seed", **one)
    bases = BaseNames(words)
    base = gr.Dropdown(
        bases.plain(facts.checkpoints), value=first(facts, bases), label=words("Checkpoint"),
        allow_custom_value=True, elem_id=f"{PREFIX}_base", **one,
    )  # fmt: skip
    chooser = place_chooser(PREFIX, words, is_local=facts.is_local)
    start = gr.Button(words("Draw"), variant="primary", elem_id=f"{PREFIX}_start")
    live = place_card(PREFIX, words)
    return DrawForm(name, prompt, negative, width, height, steps, seed, base, bases, chooser, start, live)


def connect(tab: TemplatesTab, service: Service) -> None:
    _connect_own(tab, service)
    connect_finder(tab.finder, service, tab.message, tab.tiles, lambda: tab.view.html(service.templates()))
    _connect_drawing(tab, service)


def renewal(tab: TemplatesTab, service: Service) -> Renewal:
    base = tab.drawing.base

    def renewed(chosen: str | None) -> dict[Any, Any]:
        return {tab.tiles: tab.view.html(service.templates()), base: base_update(service, tab.drawing.bases, chosen)}

    return Renewal(renewed, {tab.tiles, base}, [base])


def _connect_own(tab: TemplatesTab, service: Service) -> None:
    words = tab.words

    def added(upload: Any) -> dict[Any, Any]:
        said = "".join(_added(service, file, words) for file in brought(upload))
        return {tab.message: said, tab.tiles: tab.view.html(service.templates())}

    def ordered(order: str) -> dict[Any, Any]:
        verb, id = (str(each) for each in json.loads(order))
        if verb == DELETE:
            service.delete_template(id)
        return {tab.tiles: tab.view.html(service.templates(), asked=id if verb == ASK else None)}

    outputs = {tab.message, tab.tiles}
    compat.listen(tab.upload.upload, saying(tab.message, words, added), inputs=[tab.upload], outputs=outputs)
    connect_orders(tab.orders, saying(tab.message, words, ordered), outputs=outputs)


def _added(service: Service, file: ClientFile, words: Translator) -> str:
    """Add one of several files; returns a message, so that an error does not stop the others."""
    try:
        entry = service.add_template(name_of(file.name), file.take())
    except EasyPhotoError as error:
        return error_html(error_record(error), words)
    return message_html(words("{name} is one of your templates now.", name=entry.title), is_good=True)


def _connect_drawing(tab: TemplatesTab, service: Service) -> None:
    part, words = tab.drawing, tab.words
    connect_chooser(part.chooser, service, part.base, part.bases)

    def started(values: Mapping[Any, Any]) -> dict[Any, Any]:
        command = DrawTemplate(
            name=str(values[part.name] or ""),
            prompt=str(values[part.prompt] or ""),
            negative=str(values[part.negative] or ""),
            size=(int(values[part.width]), int(values[part.height])),
            seed=min(max(int(values[part.seed] or 0), 0), MOST_SEED),
            steps=int(values[part.steps]),
            options=replace(service.app.options, base=part.bases.named(values[part.base]) or None),
        )
        return show_job(part.live, service, service.submit(command).id, words=words)

    def drawn(job: Job, events: Sequence[JobEvent]) -> dict[Any, Any]:
        return {tab.tiles: tab.view.html(service.templates())} if job.state is State.DONE else {}

    connect_card(
        part.live,
        service,
        words,
        kinds=(KIND,),
        body=lambda job, events: drawn_html(service, job, tab.view.thumbnails, words),
        extra=drawn,
        extra_outputs=[tab.tiles],
    )
    compat.listen(
        part.start.click,
        saying(tab.message, words, started),
        inputs=part.inputs,
        outputs={tab.message, *part.live.outputs},
    )


def drawn_html(service: Service, job: Job, thumbnails: Thumbnails, words: Translator) -> str:
    """Return the picture as far as it is drawn."""
    name = (job.result or {}).get("file") or (job.previews[-1] if job.previews else None)
    try:
        file = service.queue.file(job.id, str(name)) if name else None
    except EasyPhotoError:
        return ""
    if file is None:
        return ""
    alt = escape(words("The picture so far") if job.state is not State.DONE else words("The drawn template"))
    return f'<img class="easyphoto-drawn" src="{thumbnails.link(file, PICTURE)}" alt="{alt}">'
