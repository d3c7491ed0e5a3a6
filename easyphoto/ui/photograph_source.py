"""Where a picture comes from: a template, words, or an object in a picture; the form shows the parts of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from easyphoto.ui import compat
from easyphoto.ui.language import Translator

TEMPLATE, WORDS, PLACING = "template", "words", "placing"


@dataclass(frozen=True)
class SourceChoice:
    choice: Any
    words: Translator

    @property
    def labels(self) -> dict[str, str]:
        """By source; gradio 3 shows a choice as its own value."""
        return source_labels(self.words)

    def which(self, shown: str | None) -> str:
        return compat.key_of(self.labels, shown, otherwise=TEMPLATE)


@dataclass(frozen=True)
class SourceParts:
    """What of the form is seen with which source."""

    choice: SourceChoice
    parts: Mapping[Any, tuple[str, ...]]
    """Component → the sources with which it is seen."""
    start: Any

    @property
    def outputs(self) -> set[Any]:
        return {*self.parts, self.start, self.choice.choice}

    def which(self, values: Mapping[Any, Any]) -> str:
        return self.choice.which(values.get(self.choice.choice))

    def shown(self, source: str) -> dict[Any, Any]:
        """Return updates by component."""
        words = self.choice.words
        label = words("Put it into the picture") if source == PLACING else words("Make portraits")
        return {
            **{part: compat.update(visible=source in sources) for part, sources in self.parts.items()},
            self.start: compat.update(value=label),
        }

    def chosen(self, source: str) -> dict[Any, Any]:
        """Choose the source and show its parts."""
        return {**self.shown(source), self.choice.choice: compat.update(value=self.choice.labels[source])}


def source_labels(words: Translator) -> dict[str, str]:
    return {
        TEMPLATE: words("On a template"),
        WORDS: words("From words"),
        PLACING: words("An object into a picture"),
    }


def place_source(prefix: str, words: Translator) -> SourceChoice:
    labels = source_labels(words)
    choice = gr.Radio(
        list(labels.values()), value=labels[TEMPLATE], label=words("Where the picture comes from"), interactive=True,
        elem_id=f"{prefix}_source",
        info=words("A template's face is replaced. From words, the picture is drawn first, and then its face."),
    )  # fmt: skip
    return SourceChoice(choice, words)
