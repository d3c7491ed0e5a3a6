"""The always-on script's panel. The host builds it twice per tab: for the page, and to learn the API's defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.errors import EasyPhotoError
from easyphoto.settings.declarations import settings_from
from easyphoto.settings.inference import InferenceSettings
from easyphoto.ui import compat
from easyphoto.ui.compat import HIDDEN
from easyphoto.ui.fields import SettingFields
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import go_button
from easyphoto.webui.facts import language
from easyphoto.webui.script_persons import labels_of_persons
from easyphoto.webui.script_request import (
    LABEL_OF_PERSON,
    NAME,
    OTHERS,
    SHOWN,
    label_of,
    others_from,
    setting_from,
)

# What the settings do to a picture that is generated here, where nobody has chosen a template.
LABEL_WORDS = {
    "lora_weight": "Strength of the training",
    "first_strength": "Repaint the face",
    "second_strength": "Repaint its border",
    "fusion": "Take details from their photo",
    "colour_transfer": "Keep the picture's light",
    "retouch": "Smooth the skin",
    "prompt": "More words for the face",
    "identity": "Painted by",
}
HELP_WORDS = {
    "lora_weight": "Higher: more like the person. 0: without it.",
    "first_strength": "Empty: the usual one for the checkpoint.",
    "second_strength": "0: not at all. Empty: the usual one for the checkpoint.",
    "prompt": "Such as: smiling, glasses.",
    "identity": "auto: their training, or the best available for those who are not trained.",
}
FIELDS = ("lora_weight", "first_strength", "second_strength", "prompt", "identity")
SWITCHES = ("fusion", "colour_transfer", "retouch")


@dataclass(frozen=True)
class ScriptPanel:
    controls: list[Any]
    """In the order of the script's arguments."""
    infotext_fields: list[tuple[Any, Any]]
    paste_field_names: list[Any]
    """Fields that go along when a picture is sent to the other tab."""


@dataclass(frozen=True)
class Pasted:
    """Reads a field from an infotext; None where EasyPhoto has no part in it, which leaves the field as it is.

    Both tabs' fields are equal by value: the host finds by that which field of one tab belongs to one of the other.
    """

    name: str
    """`person`, a setting, or OTHERS."""

    def __call__(self, parameters: Mapping[str, Any]) -> Any:
        if not is_pasted(parameters):
            return None
        words = Translator(language())
        if self.name == "person":
            id = str(parameters[LABEL_OF_PERSON])
            return next((label for label, each in labels_of_persons(words).items() if each == id), id)
        if self.name == OTHERS:
            return others_from(parameters)
        fields = SettingFields(InferenceSettings, words, "")
        # What is not written has its default: the field must not keep what it held before.
        said = (
            {self.name: setting_from(self.name, parameters[label])}
            if (label := label_of(self.name)) in parameters
            else {}
        )
        try:
            return fields.shown(self.name, getattr(settings_from(InferenceSettings, said), self.name))
        except EasyPhotoError:
            return None


def build_panel(tab: str) -> ScriptPanel:
    words, prefix = Translator(language()), f"easyphoto_{tab}"
    with gr.Accordion(NAME, open=False, elem_id=prefix, elem_classes=["easyphoto-fold"]) as fold:
        renew = gr.Button("renew", elem_id=f"{prefix}_renew", elem_classes=[HIDDEN])
        labels = list(labels_of_persons(words))
        missing = gr.HTML(missing_html(labels, words), elem_id=f"{prefix}_said")
        with gr.Row(elem_classes=["easyphoto-fold-who"]):
            enabled = gr.Checkbox(False, label=words("Put a person into the picture"), elem_id=f"{prefix}_enabled")
            # The value is not None, because the host converts a pasted value to the type of the present one.
            person = gr.Dropdown(
                labels, value="", label=words("Person"), elem_id=f"{prefix}_person", allow_custom_value=True
            )
        wording = {name: (label, HELP_WORDS.get(name, "")) for name, label in LABEL_WORDS.items()}
        fields = SettingFields(InferenceSettings, words, prefix, wording=wording)
        others = _place_more(fields, words, prefix)
    shown = [(fields.components[name], Pasted(name)) for name in SHOWN]
    moving = [(person, Pasted("person")), *shown, (others, Pasted(OTHERS))]
    _connect(fold, renew, missing, enabled, person, words)
    for component in _all_of(fold):
        # The host writes first values into ui-config.json, where they outlive our defaults and the extension.
        component.do_not_save_to_config = True
    return ScriptPanel(
        controls=[enabled, person, *(component for component, _ in shown), others],
        infotext_fields=[(enabled, is_pasted), *moving],
        paste_field_names=[source for _, source in moving],
    )


def _place_more(fields: SettingFields[InferenceSettings], words: Translator, prefix: str) -> Any:
    """Place the settings that have good values as they are; returns the field of all others."""
    with gr.Accordion(words("More settings"), open=False, elem_id=f"{prefix}_more"):
        with gr.Row(elem_classes=["easyphoto-fold-fields"]):
            fields.place(*FIELDS)
        with gr.Row(elem_classes=["easyphoto-fold-switches"]):
            fields.place(*SWITCHES)
        return gr.Textbox(
            "", label=words("Other settings"), lines=2, elem_id=f"{prefix}_{OTHERS}",
            info=words("One in each line, as in a picture's own record."), placeholder="first_steps: 30",
        )  # fmt: skip


def _connect(fold: Any, renew: Any, missing: Any, enabled: Any, person: Any, words: Translator) -> None:
    def renewed() -> dict[Any, Any]:
        labels = list(labels_of_persons(words))
        return {person: compat.update(choices=labels), missing: missing_html(labels, words)}

    def named(is_on: bool, who: str | None) -> Any:
        """A closed fold says whether it is at work: who forgets it would wonder at every picture."""
        return compat.update(label=f"{NAME}: {who}" if is_on and who else NAME)

    # Clicked by `javascript/easyphoto.js` whenever the fold is opened.
    compat.listen(renew.click, renewed, outputs={person, missing})
    for part in (enabled, person):
        compat.listen(part.change, named, inputs=[enabled, person], outputs=[fold])


def missing_html(labels: list[str], words: Translator) -> str:
    """Return what the fold lacks in one line, with the button that brings it; empty if nothing is missing."""
    if labels:
        return ""
    said = escape(words("Nobody can be put into a picture yet."))
    return f'<p class="easyphoto-fold-missing">{said} {go_button(words("Add a person"), "train")}</p>'


def _all_of(block: Any) -> Iterator[Any]:
    yield block
    for child in getattr(block, "children", ()):
        yield from _all_of(child)


def is_pasted(parameters: Mapping[str, Any]) -> bool:
    """Return whether an infotext asks for the script; one that does not switches it off."""
    return LABEL_OF_PERSON in parameters
