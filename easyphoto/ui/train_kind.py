"""What is learned: a person, a scene, or an object; the Train tab asks for what matters with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.ui import compat
from easyphoto.ui.language import Translator
from easyphoto.workspace.person_record import FACE, OBJECT, SCENE

PREFIX = "easyphoto_train"


@dataclass(frozen=True)
class KindChoice:
    choice: Any
    hint: Any
    call: Any
    """The words that call a scene or an object."""
    words: Translator

    @property
    def labels(self) -> dict[str, str]:
        """By kind; gradio 3 shows a choice as its own value."""
        return kind_labels(self.words)

    @property
    def inputs(self) -> set[Any]:
        return {self.choice, self.call}

    def which(self, values: Mapping[Any, Any]) -> str:
        return compat.key_of(self.labels, values.get(self.choice), otherwise=FACE)

    def called(self, values: Mapping[Any, Any]) -> str | None:
        """Return the words that were written; None for a person, or where there are none."""
        said = str(values.get(self.call) or "").strip()
        return said if said and self.which(values) != FACE else None

    def shown(self, kind: str) -> dict[Any, Any]:
        """Return updates by component."""
        return {self.hint: hint_html(kind, self.words), self.call: compat.update(visible=kind != FACE)}


def kind_labels(words: Translator) -> dict[str, str]:
    return {FACE: words("A person"), SCENE: words("A scene"), OBJECT: words("An object or a pet")}


def place_kind(words: Translator) -> tuple[Any, Any]:
    labels = kind_labels(words)
    choice = gr.Radio(
        list(labels.values()), value=labels[FACE], label=words("What is learned"), interactive=True,
        elem_id=f"{PREFIX}_kind",
    )  # fmt: skip
    return choice, gr.HTML(hint_html(FACE, words), elem_id=f"{PREFIX}_kind_hint")


def place_call(words: Translator) -> Any:
    return gr.Textbox(
        "", label=words("Words that call it"), max_lines=1, visible=False, elem_id=f"{PREFIX}_call", interactive=True,
        placeholder=words("a room with a red sofa"),
        info=words("The words that bring it into a picture. Empty: made from its name."),
    )  # fmt: skip


def hint_html(kind: str, words: Translator) -> str:
    said = {
        FACE: words("Sharp, with the face clearly visible, ideally alone in the picture."),
        SCENE: words("The same place from several sides, sharp. Faces are not looked for."),
        OBJECT: words("The same thing or animal from several sides, all of it in each picture. No face is looked for."),
    }
    return f'<p class="easyphoto-hint" lang="{words.tag}">{escape(said[kind])}</p>'
