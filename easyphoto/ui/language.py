"""The page's translations: English texts are the keys of the catalogues in `locale`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from easyphoto.messages import Text
from easyphoto.ui.catalogue import catalogue


@dataclass(frozen=True)
class Translator:
    """Translates texts: `Translator("zh_CN")("Start training")`. A text without a translation stays English."""

    language: str = "en"

    def __call__(self, template: str, /, **values: Any) -> str:
        """Translate a text of the page; `values` fill its {places}."""
        said = self._table.get(template, template)
        return said.format_map(values) if values else said

    def translate(self, said: str) -> str:
        """Translate a text of a verdict, phase, note or error.

        For a `Text` the template and the texts among its values are looked up; an ordinary string is looked up as a
        whole.
        """
        if not self._table or not said:
            return said
        if not isinstance(said, Text) or not said.values:
            return self._table.get(said, said)
        values = {
            name: self.translate(value) if isinstance(value, Text) else value for name, value in said.values.items()
        }
        return self._table.get(said.template, said.template).format_map(values)

    def one_of(self, english: str, chinese: str) -> str:
        """Return the name in this language of what has one in both."""
        return chinese if self._is_chinese else english

    @property
    def tag(self) -> str:
        """Value of the `lang` attribute for text in this language."""
        return "zh-CN" if self._is_chinese else "en"

    @property
    def _is_chinese(self) -> bool:
        return self.language.lower().startswith("zh")

    @cached_property
    def _table(self) -> Mapping[str, str]:
        return catalogue("zh_CN") if self._is_chinese else {}
