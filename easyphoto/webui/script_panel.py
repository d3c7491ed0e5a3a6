"""The always-on script's panel. The host builds it twice per tab: for the page, and to learn the API's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from easyphoto.errors import EasyPhotoError
from easyphoto.settings import InferenceSettings
from easyphoto.ui import compat
from easyphoto.ui.fields import SettingFields
from easyphoto.ui.language import Translator
from easyphoto.webui.facts import language
from easyphoto.webui.options import workspace_folder
from easyphoto.webui.script_request import LABEL_OF_PERSON, NAME, SHOWN, label_of
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.upgrades import format_of


@dataclass(frozen=True)
class ScriptPanel:
    controls: list[Any]
    """In the order of the script's arguments."""
    infotext_fields: list[tuple[Any, Any]]
    paste_field_names: list[str]
    """Fields that go along when a picture is sent to the other tab."""


def build_panel(tab: str) -> ScriptPanel:
    words, prefix = Translator(language()), f"easyphoto_{tab}"
    with gr.Accordion(NAME, open=False, elem_id=prefix):
        with gr.Row():
            enabled = gr.Checkbox(False, label=words("Enable"), elem_id=f"{prefix}_enabled")
            # The value is not None, because the host converts a pasted value to the type of the present one.
            person = gr.Dropdown(
                ready_persons(), value="", label=words("Person"), elem_id=f"{prefix}_person", allow_custom_value=True
            )
            refresh = gr.Button(
                words("Refresh persons"), elem_id=f"{prefix}_refresh", size="sm", scale=0, min_width=160
            )
        fields = SettingFields(InferenceSettings, words, prefix)
        fields.place(*SHOWN)
    compat.listen(refresh.click, lambda: compat.update(choices=ready_persons()), outputs=[person])
    shown = [(fields.components[name], label_of(name)) for name in SHOWN]
    return ScriptPanel(
        controls=[enabled, person, *(component for component, _ in shown)],
        infotext_fields=[(enabled, is_pasted), (person, LABEL_OF_PERSON), *shown],
        paste_field_names=[LABEL_OF_PERSON, *(label for _, label in shown)],
    )


def is_pasted(parameters: Mapping[str, Any]) -> bool:
    """Return whether an infotext asks for the script; one that does not switches it off."""
    return LABEL_OF_PERSON in parameters


def ready_persons() -> list[str]:
    """Return who can be photographed; none if the workspace cannot be opened, which the tab reports."""
    root = workspace_folder()
    try:
        format_of(root)
    except EasyPhotoError:
        return []
    return [person.id for person in Workspace(root).list_persons() if person.is_ready]
