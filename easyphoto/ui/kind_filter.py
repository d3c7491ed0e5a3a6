"""A choice of what the Persons tab lists, where scenes or objects are among them: a style sheet hides the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from easyphoto.ui import compat
from easyphoto.ui.language import Translator
from easyphoto.ui.picture_choice import latest
from easyphoto.workspace.person_record import FACE, OBJECT, SCENE, Person

EVERYTHING = ""


@dataclass(frozen=True)
class KindFilter:
    choice: Any
    sheet: Any
    prefix: str
    words: Translator

    def offered(self, persons: Iterable[Person]) -> dict[Any, Any]:
        """Return the choice, which is there only where it tells something apart."""
        return {self.choice: compat.update(visible=is_mixed(persons))}

    def style(self, shown: str | None) -> str:
        kind = compat.key_of(filter_labels(self.words), shown, otherwise=EVERYTHING)
        others = f'#{self.prefix}_tiles article:not([data-easyphoto-kind="{kind}"])'
        return f"<style>{others}{{display:none !important}}</style>" if kind else ""


def filter_labels(words: Translator) -> dict[str, str]:
    """Return the labels by kind; gradio 3 shows a choice as its own value."""
    return {
        EVERYTHING: words("All"),
        FACE: words("Persons"),
        SCENE: words("Scenes"),
        OBJECT: words("Objects and pets"),
    }


def place_filter(prefix: str, words: Translator, persons: Iterable[Person]) -> KindFilter:
    labels = filter_labels(words)
    choice = gr.Radio(
        list(labels.values()), value=labels[EVERYTHING], label=words("What is listed"), interactive=True,
        visible=is_mixed(persons), elem_id=f"{prefix}_filter",
    )  # fmt: skip
    sheet = gr.HTML("", elem_id=f"{prefix}_filter_sheet", elem_classes=[compat.HIDDEN])
    return KindFilter(choice, sheet, prefix, words)


def connect_filter(filter: KindFilter) -> None:
    compat.listen(
        latest(filter.choice.input), lambda shown: {filter.sheet: filter.style(shown)},
        inputs=[filter.choice], outputs={filter.sheet},
    )  # fmt: skip


def is_mixed(persons: Iterable[Person]) -> bool:
    return len({person.kind for person in persons}) > 1
