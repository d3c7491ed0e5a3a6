"""The Train tab's second part: person, checkpoint and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from easyphoto.commands.concepts import check_same_kind
from easyphoto.errors import BadName, UnknownPerson, WrongKind
from easyphoto.host.base import HostFacts
from easyphoto.jobs.service import Service
from easyphoto.messages import text as text_of
from easyphoto.settings.options import ENGINES, FaceSettings, Options, WeightSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.ui import compat
from easyphoto.ui.base_names import BaseNames
from easyphoto.ui.card import error_html, message_html
from easyphoto.ui.configurations import ConfiguredForm, SavedPart, Saving, connect_saved, place_saved
from easyphoto.ui.fields import PresetChoice, SettingFields, presets_of
from easyphoto.ui.file_chooser import FileChooser, connect_chooser, place_chooser
from easyphoto.ui.language import Translator
from easyphoto.ui.picture_choice import latest
from easyphoto.ui.train_kind import PREFIX, KindChoice, place_call
from easyphoto.workspace.configurations import TRAIN
from easyphoto.workspace.person_record import FACE, SCENE


@dataclass(frozen=True)
class TrainForm:
    name: Any
    name_said: Any
    kind: KindChoice
    base: Any
    bases: BaseNames
    chooser: FileChooser | None
    refresh: Any
    preset: Any
    preset_said: Any
    presets: PresetChoice
    engine: Any
    train: SettingFields[TrainSettings]
    preprocess: SettingFields[PreprocessSettings]
    faces: SettingFields[FaceSettings]
    weights: SettingFields[WeightSettings]
    saved: SavedPart
    words: Translator

    @property
    def configured(self) -> ConfiguredForm:
        parts: dict[str, SettingFields[Any]] = {"settings": self.train, "preprocess": self.preprocess}
        parts |= {"faces": self.faces, "weights": self.weights}
        return ConfiguredForm(
            TRAIN, parts, self.base, self.bases, self.engine, self.preset, self.presets, self.options, None, self.words
        )

    @property
    def inputs(self) -> set[Any]:
        fields = (self.train, self.preprocess, self.faces, self.weights)
        return {self.name, self.base, self.engine, *self.kind.inputs}.union(*(each.inputs for each in fields))

    @property
    def check_inputs(self) -> set[Any]:
        """The inputs of a photo check."""
        fields = (self.preprocess, self.faces, self.weights)
        return {self.base, self.engine, self.kind.choice}.union(*(each.inputs for each in fields))

    def options(self, values: Mapping[Any, Any]) -> Options:
        engines = {self.words(engine): engine for engine in ENGINES}
        return Options(
            base=self.bases.named(values[self.base]) or None,
            engine=engines.get(values[self.engine], ENGINES[0]),
            faces=self.faces.read(values),
            weights=self.weights.read(values),
        )


def place_form(words: Translator, facts: HostFacts, kind: tuple[Any, Any]) -> TrainForm:
    """`kind`: the choice of what is learned, and its hint, which stand with the photos."""
    name = gr.Textbox(
        "", label=words("Name"), placeholder="anna", max_lines=1, elem_id=f"{PREFIX}_name",
        info=words("In any script, with a letter or digit in it."),
    )  # fmt: skip
    said = gr.HTML("", elem_id=f"{PREFIX}_name_said")
    learned = KindChoice(*kind, place_call(words), words)
    bases = BaseNames(words)
    with gr.Row(elem_classes=["easyphoto-joined"]):
        base = gr.Dropdown(
            bases.plain(facts.checkpoints), value=first(facts, bases), label=words("Base checkpoint"),
            allow_custom_value=True, info=words("What the LoRA is trained on, and later used with."),
            elem_id=f"{PREFIX}_base", scale=5,
        )  # fmt: skip
        refresh = gr.Button(words("Refresh"), elem_id=f"{PREFIX}_refresh", size="sm", scale=0, min_width=90)
    chooser = place_chooser(PREFIX, words, is_local=facts.is_local)
    presets = presets_of(TrainSettings, words)
    preset = gr.Radio(
        presets.labels, value=presets.label("balanced"), label=words("Preset"), elem_id=f"{PREFIX}_preset"
    )
    preset_said = gr.HTML("", elem_id=f"{PREFIX}_preset_said")
    train = SettingFields(TrainSettings, words, PREFIX)
    preprocess = SettingFields(PreprocessSettings, words, f"{PREFIX}_photos")
    with gr.Row():
        train.place("steps", "resolution")
    preprocess.place("keep")
    with gr.Accordion(words("Advanced"), open=False, elem_id=f"{PREFIX}_advanced"):
        advanced = _place_advanced(words, train, preprocess)
    saved = place_saved(PREFIX, words)
    return TrainForm(
        name, said, learned, base, bases, chooser, refresh, preset, preset_said, presets, *advanced, saved, words
    )


def _place_advanced(
    words: Translator, train: SettingFields[TrainSettings], preprocess: SettingFields[PreprocessSettings]
) -> tuple[
    Any,
    SettingFields[TrainSettings],
    SettingFields[PreprocessSettings],
    SettingFields[FaceSettings],
    SettingFields[WeightSettings],
]:
    faces = SettingFields(FaceSettings, words, f"{PREFIX}_faces")
    weights = SettingFields(WeightSettings, words, f"{PREFIX}_weights")
    _title(words("Learning"))
    with gr.Row(elem_classes=["easyphoto-fields"]):
        train.place_rest()
    _title(words("Photos"))
    with gr.Row(elem_classes=["easyphoto-fields"]):
        # Uploads are pictures alone: no captions lie beside them.
        preprocess.place_rest(without=("caption_files",))
        engine = gr.Radio(
            [words(each) for each in ENGINES], value=words(ENGINES[0]), label=words("Kind of pictures"),
            elem_id=f"{PREFIX}_engine",
        )  # fmt: skip
    _title(words("Models"))
    with gr.Row(elem_classes=["easyphoto-fields"]):
        faces.place_rest()
        weights.place("licences", "offline")
    return engine, train, preprocess, faces, weights


def connect_form(form: TrainForm, service: Service) -> None:
    words = form.words

    def named(text: str, shown: str) -> str:
        return name_html(service, text or "", words, form.kind.which({form.kind.choice: shown}))

    def refreshed(base: str) -> dict[Any, Any]:
        return {form.base: base_update(service, form.bases, base)}

    def preset_chosen(values: Mapping[Any, Any]) -> dict[Any, Any]:
        updates, said = form.train.show_preset(form.presets.name(values[form.preset]), values)
        return {**updates, form.preset_said: said}

    for event in (form.name.change, latest(form.kind.choice.input)):
        compat.listen(event, named, inputs=[form.name, form.kind.choice], outputs=[form.name_said])
    compat.listen(form.refresh.click, refreshed, inputs=[form.base], outputs={form.base})
    set_by_it = form.train.preset_components
    # By hand alone: saved settings choose a preset themselves, and must not be overwritten by it.
    compat.listen(
        latest(form.preset.input),
        preset_chosen,
        inputs={form.preset, *set_by_it},
        outputs={form.preset_said, *set_by_it},
    )
    connect_saved(Saving(form.saved, form.configured, service))
    connect_chooser(form.chooser, service, form.base, form.bases)


def name_html(service: Service, text: str, words: Translator, kind: str = FACE) -> str:
    """Return what will happen with the name, while it is typed."""
    if not text.strip():
        return ""
    try:
        id = service.app.workspace.id_of(text)
    except BadName as error:
        return error_html({"message": error.message, "advice": error.advice}, words)
    try:
        person = service.app.workspace.person(id)
        check_same_kind(service.app.workspace, id, kind)
    except UnknownPerson:
        name = text.strip()
        shown = id if name.lower() == id else f"{name} ({id})"
        new = {FACE: words("A new person: {id}", id=shown), SCENE: words("A new scene: {id}", id=shown)}
        return message_html(new.get(kind) or words("A new object: {id}", id=shown), is_good=True)
    except WrongKind as error:
        return error_html({"message": error.message, "advice": text_of("Choose another name.")}, words)
    if not person.is_trained:
        return message_html(
            words("{id} exists but is not trained; without photos here, the training uses the ones they have.", id=id)
        )
    if kind != FACE:
        return message_html(words("{id} exists already; this training replaces its LoRA once it has succeeded.", id=id))
    return message_html(words("{id} exists already; this training replaces their LoRA once it has succeeded.", id=id))


def base_update(service: Service, bases: BaseNames, chosen: str | None) -> Any:
    """Return the current checkpoints with their families; a chosen or typed one is kept, and said with its own."""
    choices = bases.choices(service)
    value = bases.shown(bases.named(chosen), service) if chosen else next(iter(choices), None)
    return compat.update(choices=choices, **({} if value == chosen else {"value": value}))


def first(facts: HostFacts, bases: BaseNames) -> str | None:
    return next(iter(bases.plain(facts.checkpoints)), None)


def _title(text: str) -> None:
    gr.HTML(f'<h3 class="easyphoto-title">{text}</h3>')
