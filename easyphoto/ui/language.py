"""The words of the page: English texts are the keys of the catalogues in `locale`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from easyphoto.messages import Text
from easyphoto.ui.catalogue import catalogue

_PLACE = re.compile(r"\\\{(\w+)\\\}")
_JOINT = " · "


@dataclass(frozen=True)
class Translator:
    """`Translator("zh_CN")("Start training")`. A text without a translation stays English."""

    language: str = "en"

    def __call__(self, template: str, /, **values: Any) -> str:
        """A text of the page; `values` go into its {places}."""
        said = self._table.get(template, template)
        return said.format_map(values) if values else said

    def translate(self, said: str) -> str:
        """What verdicts, phases, notes and errors say. Of a `Text` the template is looked up, and the texts among its
        values are translated as well; an ordinary string is looked up as a whole."""
        if not self._table or not said:
            return said
        if not isinstance(said, Text) or not said.values:
            return self._table.get(said) or self._recognised(said)
        values = {
            name: self.translate(value) if isinstance(value, Text) else value for name, value in said.values.items()
        }
        return self._table.get(said.template, said.template).format_map(values)

    @property
    def tag(self) -> str:
        """For the `lang` attribute of what is written in these words."""
        return "zh-CN" if self._table else "en"

    @cached_property
    def _table(self) -> Mapping[str, str]:
        return catalogue("zh_CN") if self.language.lower().startswith("zh") else {}

    def _recognised(self, said: str) -> str:
        """Finished sentences of what does not make texts yet, by pattern and by their parts."""
        for pattern, translation in self._patterns:
            found = pattern.fullmatch(said)
            if found is not None:
                values = {name: self.translate(value) for name, value in found.groupdict().items()}
                return translation.format_map(values)
        return _JOINT.join(self.translate(part) for part in said.split(_JOINT)) if _JOINT in said else said

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """The most particular first: some would fit the sentences of others."""
        known = sorted(self._table.items(), key=lambda entry: -len(re.sub(r"\{\w+\}", "", entry[0])))
        return tuple((pattern_of(text), said) for text, said in known if _PLACE.search(re.escape(text)))


def pattern_of(text: str) -> re.Pattern[str]:
    """What recognises a text with {places} once they are filled."""
    return re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(text)), re.DOTALL)
