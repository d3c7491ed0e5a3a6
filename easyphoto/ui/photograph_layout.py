"""The layout of the Photograph tab: persons, a template or words, faces, settings and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.host.base import HostFacts
from easyphoto.jobs.service import Service
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import ENGINES, FaceSettings, Options, WeightSettings
from easyphoto.ui.base_names import BaseNames
from easyphoto.ui.card import warnings_html
from easyphoto.ui.client_files import PICTURE_TYPES, FileButton
from easyphoto.ui.configurations import ConfiguredForm, SavedPart, place_saved
from easyphoto.ui.drawing_part import DrawingPart, place_drawing
from easyphoto.ui.exports import exports_folder
from easyphoto.ui.fields import PresetChoice, SettingFields, presets_of
from easyphoto.ui.file_chooser import FileChooser, place_chooser
from easyphoto.ui.language import Translator
from easyphoto.ui.live import LiveCard, place_card
from easyphoto.ui.orders import Orders, go_button, place_orders
from easyphoto.ui.photograph_form import Choosing, PhotographPlan
from easyphoto.ui.photograph_source import PLACING, TEMPLATE, WORDS, SourceParts, place_source
from easyphoto.ui.picture_choice import PictureChoice, place_choice
from easyphoto.ui.placing_part import PlacingPart, place_placing
from easyphoto.ui.queue_part import QueuePart, place_queue
from easyphoto.ui.result_downloads import ResultDownloads
from easyphoto.ui.results_part import Results, place_results
from easyphoto.ui.scene_chips import SceneChips, place_chips
from easyphoto.ui.sessions import KINDS
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.workspace.configurations import PHOTOGRAPH

PREFIX = "easyphoto_photograph"
CHOOSE = f"{PREFIX}_choose_order"
"""Takes a person's id and chooses them alone, as the button under a training does."""


@dataclass(frozen=True)
class WhoAndWhere:
    """The first part: persons, and the templates with their faces, the words, or the object's picture."""

    persons: PictureChoice
    nobody: Any
    templates: PictureChoice
    upload: Any
    assignments: Any
    plan: Any
    """State: the PhotographPlan."""
    orders: Orders
    choose: Orders
    """Chooses one person alone."""
    choosing: Choosing
    thumbnails: Thumbnails
    drawing: DrawingPart
    placing: PlacingPart


@dataclass(frozen=True)
class How:
    """The second part: settings."""

    preset: Any
    preset_said: Any
    presets: PresetChoice
    fields: SettingFields[InferenceSettings]
    dice: Any
    scenes: SceneChips
    base: Any
    bases: BaseNames
    chooser: FileChooser | None
    engine: Any
    face_fields: SettingFields[FaceSettings]
    weights: SettingFields[WeightSettings]
    saved: SavedPart
    words: Translator

    @property
    def configured(self) -> ConfiguredForm:
        parts: dict[str, SettingFields[Any]] = {
            "settings": self.fields,
            "faces": self.face_fields,
            "weights": self.weights,
        }
        return ConfiguredForm(
            PHOTOGRAPH, parts, self.base, self.bases, self.engine, self.preset, self.presets, self.options,
            self.as_trained, self.words,
        )  # fmt: skip

    @property
    def inputs(self) -> set[Any]:
        return {self.base, *self.option_inputs, *self.fields.inputs}

    @property
    def option_inputs(self) -> set[Any]:
        return {self.engine, *self.face_fields.inputs, *self.weights.inputs}

    @property
    def as_trained(self) -> str:
        return self.words("as trained")

    def options(self, values: Mapping[Any, Any]) -> Options:
        engines = {self.words(engine): engine for engine in ENGINES}
        base = self.bases.named(str(values.get(self.base) or ""))
        return Options(
            base=None if base in ("", self.as_trained) else base,
            engine=engines.get(values[self.engine], ENGINES[0]),
            faces=self.face_fields.read(values),
            weights=self.weights.read(values),
        )


@dataclass(frozen=True)
class SendTargets:
    """`buttons` by the names in the host's facts (img2img, inpaint, extras); `picture` holds what is sent."""

    buttons: Mapping[str, Any]
    picture: Any


@dataclass(frozen=True)
class PhotographTab:
    who: WhoAndWhere
    how: How
    sources: SourceParts
    start: Any
    message: Any
    record: Any
    record_said: Any
    live: LiveCard
    queue: QueuePart
    results: Results
    downloads: ResultDownloads
    send: SendTargets
    words: Translator


def build(service: Service, words: Translator) -> PhotographTab:
    facts = service.facts()
    gr.HTML(warnings_html(facts.warnings, words), elem_id=f"{PREFIX}_warnings")
    with gr.Row(elem_classes=["easyphoto-columns"]):
        with gr.Column(scale=5, min_width=320):
            _heading(words("1 · Who and where"))
            choice = place_source(PREFIX, words)
            who, parts = _place_who(service, words, facts)
            with gr.Column(elem_id=f"{PREFIX}_settings") as settings:
                _heading(words("2 · Settings"))
                how = _place_how(service, words, facts)
                record, record_said = _place_record(words)
        with gr.Column(scale=6, min_width=320, elem_id=f"{PREFIX}_made"):
            _heading(words("Portraits"))
            start = gr.Button(words("Make portraits"), variant="primary", elem_id=f"{PREFIX}_start")
            message = gr.HTML("", elem_id=f"{PREFIX}_message")
            live = place_card(PREFIX, words)
            queue = place_queue(PREFIX, KINDS, words)
            results = place_results(PREFIX, words, facts.sends)
    parts |= {settings: (TEMPLATE, WORDS), how.fields.components["prompt"]: (TEMPLATE,)}
    sources, send = SourceParts(choice, parts, start), SendTargets(results.sends, results.picture)
    downloads = ResultDownloads(service, exports_folder(results.download), words)
    return PhotographTab(
        who, how, sources, start, message, record, record_said, live, queue, results, downloads, send, words
    )


def _place_who(service: Service, words: Translator, facts: HostFacts) -> tuple[WhoAndWhere, dict[Any, tuple[str, ...]]]:
    """Return the part, and its columns with the sources to which they belong."""
    thumbnails, choosing = Thumbnails(), Choosing(service, words)
    people = choosing.person_picks()
    with gr.Column(elem_id=f"{PREFIX}_who") as whom:
        persons = place_choice(
            words("Who is photographed"), people, elem_id=f"{PREFIX}_persons", thumbnails=thumbnails,
            chosen=[pick.value for pick in people] if len(people) == 1 else [],
        )  # fmt: skip
        nobody = gr.HTML(nobody_html(words), visible=not people, elem_id=f"{PREFIX}_nobody")
    with gr.Column(elem_id=f"{PREFIX}_on_template") as on_template:
        templates, upload, assignments, orders = _place_templates(words, thumbnails)
    with gr.Column(visible=False, elem_id=f"{PREFIX}_from_words") as from_words:
        drawing = place_drawing(PREFIX, service, words, facts)
    with gr.Column(visible=False, elem_id=f"{PREFIX}_into_picture") as into_picture:
        placing = place_placing(PREFIX, choosing, words)
    choose, plan = place_orders(f"{PREFIX}_choose"), gr.State(PhotographPlan())
    who = WhoAndWhere(
        persons, nobody, templates, upload, assignments, plan, orders, choose, choosing, thumbnails, drawing, placing
    )
    parts = {whom: (TEMPLATE, WORDS), on_template: (TEMPLATE,), from_words: (WORDS,), into_picture: (PLACING,)}
    return who, parts


def _place_templates(words: Translator, thumbnails: Thumbnails) -> tuple[PictureChoice, Any, Any, Orders]:
    # The pictures are added when the tab is opened: rendered here they would delay a web UI's start by 50 ms.
    templates = place_choice(words("Templates"), (), elem_id=f"{PREFIX}_templates", thumbnails=thumbnails)
    upload = FileButton(
        words("Add pictures as templates …"), file_count="multiple", file_types=PICTURE_TYPES, size="sm",
        elem_id=f"{PREFIX}_upload",
    )  # fmt: skip
    _heading(words("Faces"), level=3)
    assignments = gr.HTML(
        _empty(words("Choose templates: the faces in them appear here.")), elem_id=f"{PREFIX}_assignments"
    )
    return templates, upload, assignments, place_orders(f"{PREFIX}_assignments")


def _place_how(service: Service, words: Translator, facts: HostFacts) -> How:
    presets = presets_of(InferenceSettings, words)
    preset = gr.Radio(
        presets.labels, value=presets.label("balanced"), label=words("Preset"), elem_id=f"{PREFIX}_preset",
        interactive=True,
    )  # fmt: skip
    preset_said = gr.HTML("", elem_id=f"{PREFIX}_preset_said")
    fields = SettingFields(
        InferenceSettings,
        words,
        PREFIX,
        more={"restore": facts.restorers, "upscale": facts.upscalers},
        short={"scene": "room:0.8"},
    )
    fields.place("count")
    with gr.Row(elem_classes=["easyphoto-joined"]):
        fields.place("seed")
        dice = gr.Button(words("Random"), size="sm", scale=0, min_width=90, elem_id=f"{PREFIX}_dice")
    fields.place("prompt", "scene")
    scenes = place_chips(PREFIX, fields.components["scene"], words)
    bases = BaseNames(words)
    with gr.Accordion(words("Advanced"), open=False, elem_id=f"{PREFIX}_advanced"):
        base = gr.Dropdown(
            [words("as trained"), *bases.plain(facts.checkpoints)], value=words("as trained"),
            label=words("Checkpoint"), allow_custom_value=True, interactive=True, elem_id=f"{PREFIX}_base",
            info=words("The model that paints. A LoRA works best with the one it was trained on."),
        )  # fmt: skip
        chooser = place_chooser(PREFIX, words, is_local=facts.is_local)
        with gr.Row(elem_classes=["easyphoto-fields"]):
            fields.place_rest()
        engine, faces, weights = _place_networks(service, words)
    saved = place_saved(PREFIX, words)
    return How(
        preset, preset_said, presets, fields, dice, scenes, base, bases, chooser, engine, faces, weights, saved, words
    )


def _place_networks(
    service: Service, words: Translator
) -> tuple[Any, SettingFields[FaceSettings], SettingFields[WeightSettings]]:
    _heading(words("Models"), level=3)
    own = service.app.options
    faces = SettingFields(FaceSettings, words, f"{PREFIX}_faces", starts=settings_record(own.faces))
    weights = SettingFields(WeightSettings, words, f"{PREFIX}_weights", starts=settings_record(own.weights))
    with gr.Row(elem_classes=["easyphoto-fields"]):
        engine = gr.Radio(
            [words(each) for each in ENGINES], value=words(own.engine), label=words("Kind of pictures"),
            elem_id=f"{PREFIX}_engine", interactive=True,
        )  # fmt: skip
        faces.place_rest()
        weights.place("licences", "offline")
    return engine, faces, weights


def _place_record(words: Translator) -> tuple[Any, Any]:
    with gr.Accordion(words("Repeat a picture"), open=False, elem_id=f"{PREFIX}_repeat"):
        gr.HTML(
            f'<p class="easyphoto-hint">{escape(words("A PNG made here fills in everything it was made with."))}</p>'
        )
        record = FileButton(words("Open a PNG …"), file_types=[".png"], size="sm", elem_id=f"{PREFIX}_record")
    said = gr.HTML("", elem_id=f"{PREFIX}_record_said")
    return record, said


def nobody_html(words: Translator) -> str:
    """Return what stands where persons would be chosen, with the way to the first one."""
    go = go_button(words("Train a person first"), "train", style="easyphoto-primary")
    said = escape(words("Nobody is ready yet. Train or add a person first."))
    return f'<p class="easyphoto-empty">{said}</p><div class="easyphoto-orders">{go}</div>'


def _empty(text: str) -> str:
    return f'<p class="easyphoto-empty">{escape(text)}</p>'


def _heading(text: str, *, level: int = 2) -> None:
    gr.HTML(f'<h{level} class="easyphoto-heading">{escape(text)}</h{level}>')
