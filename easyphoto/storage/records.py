"""Reads and writes records, the JSON files of the workspace: bounded size, finite numbers, valid Unicode, typed values.

Texts in them keep their templates and values (`easyphoto.messages.packed`).

A record may come from an editor, from another user's export or from a disk that lost power. Whatever it holds, reading
it returns a value of the expected type or raises BadRecord. (pydantic could check the types, but web UIs pin two
incompatible versions of it, and the command line needs neither.)
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import types
from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from easyphoto.errors import BadRecord, InputError
from easyphoto.messages import packed, text, unpacked
from easyphoto.storage.files import cause_of, read_regular, write_text

MOST_BYTES = 32 << 20
"""Most bytes of one record; a job with many pictures has about one megabyte."""
DEEPEST = 64
LONGEST_NUMBER = 19
"""Most digits of a whole number: what fits into 64 bits."""
_HALF_A_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
_HALVES = re.compile("[\ud800-\udfff]")
T = TypeVar("T")


def write_json(target: Path, content: Mapping[str, Any]) -> None:
    """Write a record with its format's number. Raises DiskFailure, and BadRecord where it could not be read back."""
    try:
        written = json.dumps({"format": 1, **packed(content)}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        written.encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise BadRecord(
            text("{name} cannot be written: {error}.", name=target.name, error=error),
            advice=text("This is a bug in EasyPhoto."),
        ) from error
    write_text(target, written)


def utc_now(*, milliseconds: bool = False) -> str:
    """The current time for records: ISO 8601 in UTC, `2026-01-31T12:00:00Z`."""
    return utc_written(datetime.now(timezone.utc), milliseconds=milliseconds)


def utc_written(moment: datetime, *, milliseconds: bool = False) -> str:
    """A time in UTC as records have it."""
    return moment.isoformat(timespec="milliseconds" if milliseconds else "seconds").replace("+00:00", "Z")


def name_stamp(*, microseconds: bool = False) -> str:
    """The current time as prefix of file and folder names, which then sort by it: `20260131T120000Z`."""
    return datetime.now(timezone.utc).strftime(f"%Y%m%dT%H%M%S{'%f' if microseconds else ''}Z")


def plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """A record's content as it can be written and is read back.

    NaN and infinities become null; lone surrogates, which file names may contain, become the text of their escapes.
    Raises TypeError for values that JSON cannot hold.
    """
    written = _HALVES.sub(lambda half: rf"\\u{ord(half[0]):04x}", json.dumps(packed(content), ensure_ascii=False))
    return unpacked(json.loads(written, parse_constant=lambda _: None))


def to_line(content: Mapping[str, Any]) -> bytes:
    """A record as one line, with its line end, for a file that is appended to."""
    return json.dumps(packed(content), ensure_ascii=False).encode("utf-8") + b"\n"


def from_line(line: bytes) -> dict[str, Any]:
    """The record that `to_line` wrote. Raises ValueError for anything but a JSON object."""
    content = parsed(line)
    if not isinstance(content, dict):
        raise ValueError("it is no record.")
    return unpacked(content)


def read_json(source: Path, *, any_format: bool = False) -> dict[str, Any]:
    """Read a record written by `write_json`. Raises BadRecord where it is missing, damaged or of a later format.

    With `any_format` the caller checks the format's number.
    """
    try:
        content = parsed(read_regular(source, MOST_BYTES))
    except FileNotFoundError as error:
        raise BadRecord(text("{source} does not exist.", source=source), advice=text("Check the path.")) from error
    except OSError as error:
        raise BadRecord(
            text("{source} cannot be read: {cause}.", source=source, cause=cause_of(error)),
            advice=text("Check its permissions."),
        ) from error
    except (InputError, ValueError) as error:
        raise BadRecord(
            text("{source} cannot be read: {error}", source=source, error=error),
            advice=text("Restore it from a copy or delete it."),
        ) from error
    if not isinstance(content, dict) or not (any_format or content.get("format") == 1):
        raise BadRecord(
            text("{source} has an unknown format.", source=source),
            advice=text("It may come from a later version of EasyPhoto."),
        )
    return unpacked(content)


def parsed(text: bytes) -> Any:
    """The value of a JSON text. Raises ValueError for invalid JSON and for values that could not be written again: NaN,
    infinite or too long numbers, lone surrogates, nesting that is too deep."""
    try:
        content = json.loads(text.decode("utf-8"), parse_int=_integer, parse_float=_finite, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply.") from error
    _check_depth(content)
    if _HALF_A_CHARACTER.search(text):
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    return content


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("it holds a number that is too large.")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("it holds a number that is too large.")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"it holds {text}, which is no number.")


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(DEEPEST):
        level = [part for value in level if isinstance(value, (dict, list)) for part in _parts(value)]
        if not level:
            return
    raise ValueError("it is nested too deeply.")


def _parts(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def typed(kind: type[T], content: Any, what: str) -> T:
    """A dataclass of `kind` made of a record's content; each value must have its field's type.

    `what` names the record in errors. Unknown keys are ignored: later versions may write more. Raises BadRecord.
    """
    try:
        return _dataclass(kind, content)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord(
            text("{what} is damaged: {error}.", what=what, error=error),
            advice=text("Restore it from a copy, or delete what it belongs to."),
        ) from error


def _dataclass(kind: type[T], content: Any) -> T:
    if not isinstance(content, Mapping):
        raise TypeError("it is no record")
    hints = field_types(kind)  # type: ignore[arg-type]  # mypy takes the instances' hash for the class's
    values = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in content:
            values[field.name] = fitted(hints[field.name], content[field.name], field.name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise TypeError(f"{field.name} is missing")
    return kind(**values)


@functools.cache
def field_types(kind: Any) -> Mapping[str, Any]:
    """Field → type of a dataclass; cached, because working them out takes longer than reading the rest of a record."""
    return types.MappingProxyType(get_type_hints(kind))


def fitted(hint: Any, value: Any, name: str) -> Any:
    """The value converted to the type `hint`; lists become tuples. Raises TypeError that names the field."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _one_of(parts, value, name)
    if origin is tuple and isinstance(value, (list, tuple)):
        return _tuple(parts, value, name)
    if origin is not None and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {str(key): fitted(parts[1], part, f"{name}.{key}") for key, part in value.items()}
    if origin is None and dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else _dataclass(hint, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if _is_plain(hint, value):
        return float(value) if hint is float else value
    raise TypeError(f"{name} is no {getattr(hint, '__name__', hint)}")


def _is_plain(hint: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return hint in (str, int, bool, type(None), dict, list) and isinstance(value, hint)


def _one_of(parts: tuple[Any, ...], value: Any, name: str) -> Any:
    for part in parts:
        try:
            return fitted(part, value, name)
        except (TypeError, ValueError):
            continue
    raise TypeError(f"{name} is of another kind")


def _tuple(parts: tuple[Any, ...], value: list[Any] | tuple[Any, ...], name: str) -> tuple[Any, ...]:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(fitted(parts[0], each, name) for each in value)
    if len(parts) != len(value):
        raise TypeError(f"{name} has {len(value)} parts")
    return tuple(fitted(part, each, name) for part, each in zip(parts, value, strict=True))
