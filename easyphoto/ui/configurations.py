"""Saved settings: a fold in which Train and Photograph save their form under a name, load, export and import it."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import InputError
from easyphoto.host.base import HostFacts
from easyphoto.jobs.service import Service
from easyphoto.messages import Text, text
from easyphoto.settings.declarations import Settings
from easyphoto.settings.options import Options
from easyphoto.ui import compat
from easyphoto.ui.base_names import BaseNames
from easyphoto.ui.card import message_html
from easyphoto.ui.client_files import FileButton, brought
from easyphoto.ui.fields import PresetChoice, SettingFields, declared_of
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import Orders, connect_orders, mark_html, order_button, place_orders
from easyphoto.workspace.configurations import (
    MOST_BYTES,
    SUFFIX,
    Configuration,
    Configurations,
    configuration_in,
    configuration_of,
)

LOAD, EXPORT, ASK, DELETE, REPLACE, KEEP = "load", "export", "ask", "delete", "replace", "keep"


@dataclass(frozen=True)
class SavedPart:
    """The components of the fold."""

    fold: Any
    rows: Any
    name: Any
    save: Any
    upload: Any
    said: Any
    orders: Orders

    @property
    def outputs(self) -> set[Any]:
        return {self.rows, self.name, self.said}


def place_saved(prefix: str, words: Translator) -> SavedPart:
    """The rows are filled in when the tab is opened, because saved settings are shared by all visitors."""
    prefix = f"{prefix}_saved"
    with gr.Accordion(words("Saved settings"), open=False, elem_id=prefix) as fold:
        rows = gr.HTML("", elem_id=f"{prefix}_rows")
        with gr.Row(elem_classes=["easyphoto-joined"]):
            name = gr.Textbox(
                "", label=words("Save what is set here as"), max_lines=1, elem_id=f"{prefix}_name",
                placeholder=words("a name of your own"), interactive=True, scale=5,
            )  # fmt: skip
            save = gr.Button(words("Save"), size="sm", scale=0, min_width=90, elem_id=f"{prefix}_save")
        upload = FileButton(words("Import a file …"), file_types=[SUFFIX], size="sm", elem_id=f"{prefix}_import")
        said = gr.HTML("", elem_id=f"{prefix}_said")
    return SavedPart(fold, rows, name, save, upload, said, place_orders(prefix))


@dataclass(frozen=True)
class ConfiguredForm:
    """The part of a tab's form that a configuration holds."""

    kind: str
    fields: Mapping[str, SettingFields[Any]]
    """By their keys in the file."""
    base: Any
    bases: BaseNames
    engine: Any
    preset: Any
    presets: PresetChoice
    options: Callable[[Mapping[Any, Any]], Options]
    no_base: str | None
    """What the field of the checkpoint shows where none was chosen."""
    words: Translator

    @property
    def inputs(self) -> set[Any]:
        return {self.base, self.engine}.union(*(each.inputs for each in self.fields.values()))

    @property
    def outputs(self) -> set[Any]:
        return {*self.inputs, self.preset}

    def read(self, name: str, values: Mapping[Any, Any]) -> Configuration:
        """Raises BadSettings and BadName."""
        parts = [self.fields[key].read(values) for key in self.fields if key not in ("faces", "weights")]
        return configuration_of(self.kind, name, self.options(values), *parts)

    def show(self, configuration: Configuration, service: Service) -> tuple[dict[Any, Any], tuple[Text, ...]]:
        """Return updates that show the configuration, and what of it is not here."""
        updates: dict[Any, Any] = {}
        missing: list[Text] = []
        for key, fields in self.fields.items():
            settings, absent = _at_hand(configuration.parts[key], fields.more)
            updates |= fields.show(settings)
            missing += absent
        base = configuration.base
        if base is not None and not _is_there(base, service.facts()):
            missing.append(text("The checkpoint {name!r} is not here.", name=base))
            base = None
        preset = self.presets.fitting(configuration.settings)
        updates |= {
            self.base: compat.update(value=self.bases.shown(base, service) if base else self.no_base),
            self.engine: compat.update(value=self.words(configuration.engine)),
            # A radio takes its value away only by an update: a bare None is no choice of some versions of gradio.
            self.preset: compat.update(value=preset),
        }
        return updates, tuple(missing)


@dataclass(frozen=True)
class Saving:
    """The handlers of the fold; each returns updates by component."""

    part: SavedPart
    form: ConfiguredForm
    service: Service

    @property
    def words(self) -> Translator:
        return self.form.words

    @property
    def known(self) -> Configurations:
        return Configurations(self.service.app.workspace, self.form.kind)

    def listed(self, *, current: str = "", asked: str = "") -> dict[Any, Any]:
        """Return the rows; `current` is the one that the form shows, `asked` the one about to be deleted."""
        return {self.part.rows: rows_html(self.known.names(), self.words, self.part.orders.id, current, asked)}

    def save(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Save the form's settings, or ask first where the name is taken."""
        name = (values[self.part.name] or "").strip()
        if not name:
            raise InputError(text("The settings have no name yet."), advice=text("Give them one."))
        configuration = self.form.read(name, values)
        if not self.known.has(name):
            return self._saved(configuration)
        asked = self.words("There are settings called {name} already.", name=configuration.name)
        buttons = self._button(REPLACE, name, self.words("Replace them")) + self._button(KEEP, name, self.words("Keep"))
        return {self.part.said: _question_html(asked, buttons)}

    def ordered(self, order: str, values: Mapping[Any, Any]) -> dict[Any, Any]:
        verb, name = (str(each) for each in json.loads(order))
        match verb:
            case "load":
                return self.loaded(self.known.get(name), self.words("{name} is loaded.", name=name))
            case "export":
                return {self.part.said: export_html(self.known.get(name), self.words)}
            case "replace":
                return self._saved(self.form.read(name, values))
            case "ask":
                return self.listed(asked=name)
            case "delete":
                self.known.delete(name)
                said = message_html(self.words("{name} is deleted.", name=name), is_good=True)
                return {**self.listed(), self.part.said: said}
        return self.listed()

    def brought_in(self, upload: Any) -> dict[Any, Any]:
        """Show an uploaded file in the form; it is saved only when people say so."""
        files = brought(upload)
        if not files:
            return {}
        file = files[0]
        try:
            content = file.at_most(MOST_BYTES).read_bytes()
        finally:
            file.path.unlink(missing_ok=True)
        configuration = configuration_in(content, kind=self.form.kind, source=file.name)
        return self.offered(configuration, self.words("{name} is filled in, and not saved yet.", name=file.name))

    def offered(self, configuration: Configuration, said: str) -> dict[Any, Any]:
        """Show the configuration in the form, ready to be saved; the fold opens, and the page goes there."""
        updates = self.loaded(configuration, said)
        updates[self.part.said] += mark_html()
        return {**updates, **self.listed(), self.part.fold: compat.update(open=True)}

    def loaded(self, configuration: Configuration, said: str) -> dict[Any, Any]:
        shown, missing = self.form.show(configuration, self.service)
        left = (*configuration.dropped, *missing)
        lines = " ".join((said, self.words("Not used:"), *map(self.words.translate, left))) if left else said
        return {
            **shown,
            **self.listed(current=configuration.name),
            self.part.name: configuration.name,
            self.part.said: message_html(lines, is_good=not left),
        }

    def _saved(self, configuration: Configuration) -> dict[Any, Any]:
        saved = self.known.save(configuration)
        lines = [self.words("{name} is saved.", name=saved.name), *map(self.words.translate, configuration.dropped)]
        said = message_html(" ".join(lines), is_good=not configuration.dropped)
        return {**self.listed(current=saved.name), self.part.name: saved.name, self.part.said: said}

    def _button(self, verb: str, name: str, label: str) -> str:
        return order_button(label, json.dumps([verb, name]), to=self.part.orders.id, label=f"{label}: {name}")


def connect_saved(saving: Saving) -> None:
    part, form, words = saving.part, saving.form, saving.words
    inputs = list(form.inputs)
    outputs = {*part.outputs, *form.outputs}

    def ordered(order: str, *values: Any) -> dict[Any, Any]:
        return saving.ordered(order, dict(zip(inputs, values, strict=True)))

    save = saying(part.said, words, saving.save)
    for event in (part.save.click, part.name.submit):
        compat.listen(event, save, inputs={part.name, *inputs}, outputs=part.outputs)
    connect_orders(part.orders, saying(part.said, words, ordered), inputs=inputs, outputs=outputs)
    compat.listen(
        part.upload.upload,
        saying(part.said, words, saving.brought_in),
        inputs=[part.upload],
        outputs={part.fold, *outputs},
    )


def rows_html(names: tuple[str, ...], words: Translator, to: str, current: str = "", asked: str = "") -> str:
    if not names:
        said = words("Nothing is saved yet. What is saved here can be used by everybody who uses this page.")
        return f'<p class="easyphoto-hint">{escape(said)}</p>'
    rows = "".join(_row_html(name, words, to, is_current=name == current, is_asked=name == asked) for name in names)
    label = escape(words("Saved settings"))
    return f'<ul class="easyphoto-jobs easyphoto-saved" lang="{words.tag}" aria-label="{label}">{rows}</ul>'


def _row_html(name: str, words: Translator, to: str, *, is_current: bool, is_asked: bool) -> str:
    orders = [(LOAD, words("Load")), (EXPORT, words("Export")), (ASK, words("Delete"))]
    said = f"<strong>{escape(name)}</strong>"
    if is_asked:
        orders = [(DELETE, words("Delete")), (KEEP, words("Keep"))]
        said += f' <span role="alert">{escape(words("Delete these settings?"))}</span>'
    buttons = "".join(
        order_button(label, json.dumps([verb, name]), to=to, label=f"{label}: {name}") for verb, label in orders
    )
    current = ' aria-current="true"' if is_current else ""
    return f'<li{current}><span>{said}</span><span class="easyphoto-orders">{buttons}</span></li>'


def export_html(configuration: Configuration, words: Translator) -> str:
    """Return a link with the file in it, which `javascript/easyphoto.js` follows once; it stays for who wants it."""
    said = configuration.portable.text()
    content = base64.b64encode(said.encode("utf-8")).decode("ascii")
    file = f"{configuration.name}{SUFFIX}"
    link = (
        f'<a class="easyphoto-download" download="{escape(file)}" href="data:application/json;base64,{content}">'
        f"{escape(file)}{mark_html()}</a>"
    )
    return f'<div class="easyphoto-good" role="status">{escape(words("Downloaded:"))} {link}</div>'


def _question_html(asked: str, buttons: str) -> str:
    return (
        f'<div class="easyphoto-message" role="alert">{escape(asked)}'
        f'<span class="easyphoto-orders">{buttons}</span></div>'
    )


def _at_hand(settings: Settings, more: Mapping[str, Any]) -> tuple[Settings, list[Text]]:
    """Return the settings without the choices that only another host has, and what those were."""
    missing, kept = [], {}
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        declared, value = declared_of(type(settings), field.name), getattr(settings, field.name)
        if declared.is_open and value not in (*declared.choices, *more.get(field.name, ())):
            missing.append(text("{label}: {value} is not here.", label=Text(declared.label), value=repr(value)))
            kept[field.name] = field.default
    return dataclasses.replace(settings, **kept), missing  # type: ignore[type-var]


def _is_there(base: str, facts: HostFacts) -> bool:
    """A path counts only where nobody else reaches the page, as in `Service.submit`."""
    return base in facts.checkpoints or base in FAMILIES or (facts.is_local and Path(base).exists())
