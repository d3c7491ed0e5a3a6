"""Texts as values: an English sentence that knows its template and its values, so that it can be said in another
language where it is shown.

The template is the key of the catalogues in `easyphoto/ui/locale`; `tools/messages.py` finds every template in the
sources. Records keep templates and values beside the sentences (`packed`, `unpacked`), so that a sentence which was
written down yesterday can be said in Chinese today.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from numbers import Integral, Real
from string import Formatter
from types import MappingProxyType
from typing import Any, TypeVar

Value = str | int | float | bool | None
"""A `Text` is a `str` as well."""
T = TypeVar("T")
TEXTS = "texts"
"""The key of a record under which `packed` keeps templates and values."""
# Records come from elsewhere too: their templates may format values, and do nothing else.
_SPEC = re.compile(r"[<>]?0?\d{0,2},?(\.\d{1,2})?[dfgs%]?")
_DEEPEST = 8


class Text(str):
    """A finished English sentence with the template and the values that it was made from.

    As a `str` it can be shown, compared and written wherever a sentence can. What is cut out of it or added to it is
    an ordinary string, which stays English: embed texts as values, or use `joined`.
    """

    __slots__ = ("code", "template", "values")
    code: str
    """What clients and records know it by, whatever its wording; "" where it has none, as errors have their class."""
    template: str
    values: Mapping[str, Value]

    def __new__(cls, template: str, values: Mapping[str, Value] = MappingProxyType({}), code: str = "") -> Text:
        made = super().__new__(cls, template.format_map(values))
        made.template, made.values, made.code = template, MappingProxyType(dict(values)), code
        return made

    def __reduce__(self) -> tuple[type[Text], tuple[str, dict[str, Value], str]]:
        return Text, (self.template, dict(self.values), self.code)

    def mapped(self, change: Callable[[str], str]) -> Text:
        """The text with `change` applied to each value that is a string."""
        changed = {
            name: value.mapped(change)
            if isinstance(value, Text)
            else change(value)
            if isinstance(value, str)
            else value
            for name, value in self.values.items()
        }
        return Text(self.template, changed, self.code)


def text(template: str, /, **values: object) -> Text:
    """`text("There is no person {name!r}.", name=name)`. Texts and errors among the values are translated with it."""
    return Text(template, {name: _plain(value) for name, value in values.items()})


def note(code: str, template: str, /, **values: object) -> Text:
    """A text that people should know although the work goes on; `code` names it for clients."""
    return Text(template, {name: _plain(value) for name, value in values.items()}, code)


def phase(code: str, template: str, /, **values: object) -> Text:
    """A text for what the work is at; `code` names it for clients."""
    return Text(template, {name: _plain(value) for name, value in values.items()}, code)


def untranslated(said: str) -> Text:
    """A sentence of somebody else's, as a text without values; one that is a text stays what it is."""
    return said if isinstance(said, Text) else Text(said.replace("{", "{{").replace("}", "}}"))


def joined(parts: Iterable[str], separator: str = ", ") -> Text:
    """Texts and names in a row, each of them still translatable."""
    values = {f"part{number}": part for number, part in enumerate(parts, start=1)}
    return Text(separator.join(f"{{{name}}}" for name in values), values)


def parts_of(said: str, separator: str) -> tuple[str, ...]:
    """The parts of what was joined, as texts where they were texts; of another string its pieces."""
    if isinstance(said, Text) and said.template == separator.join(f"{{{name}}}" for name in said.values):
        return tuple(value if isinstance(value, str) else str(value) for value in said.values.values())
    return (said,) if separator not in said else tuple(said.split(separator))


def packed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a record, with template, values and code of every text in it under "texts", by the sentence."""
    table: dict[str, dict[str, Any]] = {}
    _collect(content, table)
    return {**content, TEXTS: table} if table else dict(content)


def unpacked(content: Mapping[str, Any]) -> dict[str, Any]:
    """What `packed` was given. A sentence whose template or values do not make it is an ordinary string."""
    table = content.get(TEXTS)
    if not isinstance(table, Mapping):
        return dict(content)
    reader = _Reader(table)
    return {key: reader.restored(value) for key, value in content.items() if key != TEXTS}


def texts_in(value: Any) -> dict[str, dict[str, Any]]:
    """Template, values and code of every text in a JSON value, by the sentence. A text among the values is
    `{"text": …}`, and has its own entry; a text that has nothing but its words needs none."""
    table: dict[str, dict[str, Any]] = {}
    _collect(value, table)
    return table


def _plain(value: object) -> Value:
    """A value as JSON can hold it; of an error of ours what it says."""
    said = getattr(value, "said", None) if isinstance(value, BaseException) else None
    if isinstance(said, Text):
        return said
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else str(value)


def _collect(value: Any, table: dict[str, dict[str, Any]]) -> None:
    """A text that is its own template is known by its words; among values it is told from names by its form."""
    if isinstance(value, Text):
        if value not in table and (value.values or value.code) and _is_finite(value.values):
            code = {"code": value.code} if value.code else {}
            values = {name: {"text": each} if isinstance(each, Text) else each for name, each in value.values.items()}
            table[str(value)] = {**code, "template": value.template, "values": values}
            _collect(value.values, table)
        return
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for part in parts:
        _collect(part, table)


def _is_finite(values: Mapping[str, Value]) -> bool:
    """Whether JSON can hold them."""
    return all(math.isfinite(value) for value in values.values() if isinstance(value, float))


class _Reader:
    """Makes texts of the sentences in a record that has a table of them."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self._made: dict[str, str] = {}

    def restored(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._sentence(value, 0)
        if isinstance(value, Mapping):
            return {key: self.restored(part) for key, part in value.items()}
        return [self.restored(part) for part in value] if isinstance(value, (list, tuple)) else value

    def _sentence(self, sentence: str, depth: int) -> str:
        entry = self._table.get(sentence)
        if not isinstance(entry, Mapping) or depth > _DEEPEST:
            return sentence
        if sentence not in self._made:
            self._made[sentence] = sentence  # until it is made: a record may name a sentence among its own values
            self._made[sentence] = self._text(sentence, entry, depth)
        return self._made[sentence]

    def _text(self, sentence: str, entry: Mapping[str, Any], depth: int) -> str:
        template, values, code = entry.get("template"), entry.get("values"), entry.get("code", "")
        if not isinstance(template, str) or not isinstance(values, Mapping) or not isinstance(code, str):
            return sentence
        try:
            if not _is_harmless(template):
                return sentence
            made = Text(template, {str(name): self._value(value, depth) for name, value in values.items()}, code)
        except (ValueError, LookupError, TypeError):
            return sentence
        return made if made == sentence else sentence

    def _value(self, value: Any, depth: int) -> Value:
        """A text among the values is named by its sentence; an ordinary string is a name, even if it is one as well."""
        if isinstance(value, Mapping):
            said = value["text"]
            if not isinstance(said, str):
                raise TypeError("it is no sentence")
            found = self._sentence(said, depth + 1)
            return found if isinstance(found, Text) else untranslated(said)
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        raise TypeError("it is no value")


def _is_harmless(template: str) -> bool:
    """Whether it only puts values in their places: no attributes, no items, no widths that fill the memory."""
    return all(
        name is None
        or (name.isidentifier() and conversion in (None, "r", "s") and _SPEC.fullmatch(spec or "") is not None)
        for _, name, spec, conversion in Formatter().parse(template)
    )
