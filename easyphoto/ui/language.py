"""The words of the page: English texts are the keys, `words_zh` says them in Simplified Chinese."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_PLACE = re.compile(r"\\\{(\w+)\\\}")
_JOINT = " · "


@dataclass(frozen=True)
class Translator:
    """`Translator("zh_CN")("Start training")`. A text without a translation stays English."""

    language: str = "en"

    def __call__(self, text: str, /, **values: Any) -> str:
        """A text of the page; `values` go into its {places}."""
        said = self._table.get(text, text)
        return said.format(**values) if values else said

    def heard(self, text: str) -> str:
        """What a verdict, a phase or an error says: known as a whole, by its pattern, or by its parts."""
        if not self._table or not text:
            return text
        if text in self._table:
            return self._table[text]
        for pattern, said in self._patterns:
            found = pattern.fullmatch(text)
            if found is not None:
                return said.format(**{name: self.heard(value) for name, value in found.groupdict().items()})
        if _JOINT in text:
            return _JOINT.join(self.heard(part) for part in text.split(_JOINT))
        return text

    @property
    def tag(self) -> str:
        """For the `lang` attribute of what is written in these words."""
        return "zh-CN" if self._table else "en"

    @cached_property
    def _table(self) -> Mapping[str, str]:
        if not self.language.lower().startswith("zh"):
            return {}
        from easyphoto.ui.words_zh import HEARD, TEXTS  # only where somebody reads Chinese

        return {**HEARD, **TEXTS}

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((pattern_of(text), said) for text, said in self._table.items() if "{" in text)


def pattern_of(text: str) -> re.Pattern[str]:
    """What recognises a text with {places} once they are filled."""
    return re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(text)), re.DOTALL)
