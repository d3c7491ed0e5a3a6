"""Translatable texts: English sentences that keep their template and values, so that they can be translated on display.

The template is the key of the catalogues in `easyphoto/ui/locale`; `tools/messages.py` finds every template in the
sources. Records store templates and values beside the sentences (`packed`, `unpacked`), so that a recorded sentence can
be translated later.
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
"""A value of a template. A `Text` is a `str`, so texts are values too."""
T = TypeVar("T")
TEXTS = "texts"
"""The key of a record under which `packed` stores templates and values."""
# Records may come from other users, so their templates may format values and do nothing else.
_SPEC = re.compile(r"[<>]?0?\d{0,2},?(\.\d{1,2})?[dfgs%]?")
_DEEPEST = 8


class Text(str):
    """An English sentence with the template and the values that it was made from.

    It is a `str` and can be shown, compared and written as one. Slicing or concatenating gives an ordinary string,
    which stays English: embed texts as values, or use `joined`.
    """

    __slots__ = ("code", "template", "values")
    code: str
    """The name by which clients and records know the text, whatever its wording; for errors their class, or ""."""
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
    """A text that users should know although the work continues; `code` names it for clients."""
    return Text(template, {name: _plain(value) for name, value in values.items()}, code)


def phase(code: str, template: str, /, **values: object) -> Text:
    """A text that describes the current phase of the work; `code` names it for clients."""
    return Text(template, {name: _plain(value) for name, value in values.items()}, code)


def untranslated(said: str) -> Text:
    """A foreign sentence as a text without values; a `Text` is returned unchanged."""
    return said if isinstance(said, Text) else Text(said.replace("{", "{{").replace("}", "}}"))


def joined(parts: Iterable[str], separator: str = ", ") -> Text:
    """Texts and names joined by the separator; each text stays translatable."""
    values = {f"part{number}": part for number, part in enumerate(parts, start=1)}
    return Text(separator.join(f"{{{name}}}" for name in values), values)


def parts_of(said: str, separator: str) -> tuple[str, ...]:
    """The parts of a `joined` text, with their types; any other string is split at the separator."""
    if isinstance(said, Text) and said.template == separator.join(f"{{{name}}}" for name in said.values):
        return tuple(value if isinstance(value, str) else str(value) for value in said.values.values())
    return (said,) if separator not in said else tuple(said.split(separator))


def packed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a record with an entry "texts": sentence → template, values and code of each text in it."""
    table: dict[str, dict[str, Any]] = {}
    _collect(content, table)
    return {**content, TEXTS: table} if table else dict(content)


def unpacked(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content that `packed` was given. A sentence that its template and values do not produce stays a string."""
    table = content.get(TEXTS)
    if not isinstance(table, Mapping):
        return dict(content)
    reader = _Reader(table)
    return {key: reader.restored(value) for key, value in content.items() if key != TEXTS}


def texts_in(value: Any) -> dict[str, dict[str, Any]]:
    """Sentence → template, values and code of every text in a JSON value.

    A text among the values becomes `{"text": …}` and has its own entry. A text without values and code needs none.
    """
    table: dict[str, dict[str, Any]] = {}
    _collect(value, table)
    return table


def _plain(value: object) -> Value:
    """A value as JSON can hold it; an EasyPhotoError becomes its text."""
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
    """Adds the texts in a JSON value to the table. A text without values and code is found by its sentence alone."""
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
    """Whether all numbers are finite, so that JSON can hold them."""
    return all(math.isfinite(value) for value in values.values() if isinstance(value, float))


class _Reader:
    """Restores the texts in a record from its table of texts."""

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
            self._made[sentence] = sentence  # a placeholder: a record may list a sentence among its own values
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
        """A value of a text. `{"text": sentence}` stands for a text; a plain string stays a plain string."""
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
    """Whether the template only inserts values: no attributes, no items, no widths that would fill the memory."""
    return all(
        name is None
        or (name.isidentifier() and conversion in (None, "r", "s") and _SPEC.fullmatch(spec or "") is not None)
        for _, name, spec, conversion in Formatter().parse(template)
    )
