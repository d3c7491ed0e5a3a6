"""The words of the page: English texts are the keys of the catalogues in `locale`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from easyphoto.messages import Text
from easyphoto.ui.catalogue import catalogue


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
            return self._table.get(said, said)
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
