"""Reads commands back from their records."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from easyphoto.commands.base import Command, recorded_fields
from easyphoto.errors import BadRecord, BadSettings
from easyphoto.messages import text
from easyphoto.settings.declarations import Settings, settings_from, without_gone
from easyphoto.settings.options import Options
from easyphoto.storage.records import field_types, fitted

S = TypeVar("S", bound=Settings)
C = TypeVar("C", bound=Command)


def read_command(command: type[C], record: Mapping[str, Any]) -> C:
    """Return the command of a record. Its files have lost their folders, so it can be shown and repeated, but not run.

    Settings are read as far as they are still valid. Raises BadRecord.
    """
    hints, values = field_types(command), {}
    try:
        for key, field in recorded_fields(command).items():
            if key in record:
                values[field.name] = _read(hints[field.name], record[key], key)
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise TypeError(f"{key} is missing")
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord(
            text("The request of a job {kind!r} is damaged: {error}.", kind=command.kind, error=error),
            advice=text("Delete the job."),
        ) from error
    return command(**values)


def read_whole(command: type[C], record: Mapping[str, Any], place: Callable[[str], Path]) -> C:
    """Return the command of `Command.whole_record`, ready to run; `place` says where the files that it names lie.

    Raises BadRecord, and BadSettings for a setting that is no longer valid.
    """
    hints = field_types(command)
    try:
        values = {
            field.name: _read(hints[field.name], record[field.name], field.name, place)
            for field in dataclasses.fields(command)  # type: ignore[arg-type]  # every command is a dataclass
        }
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadRecord(
            text("The request of a job {kind!r} is damaged: {error}.", kind=command.kind, error=error),
            advice=text("Delete the job."),
        ) from error
    return command(**values)


def _read(hint: Any, value: Any, name: str, place: Callable[[str], Path] | None = None) -> Any:
    """`place` of a whole record: its settings must be valid; None: files have lost their folders."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is types.UnionType:
        if value is None and type(None) in parts:
            return None
        return _read(next(part for part in parts if part is not type(None)), value, name, place)
    if origin is tuple and parts[-1:] == (Ellipsis,):
        return tuple(_read(parts[0], part, name, place) for part in fitted(tuple[Any, ...], value, name))
    if hint is Path:
        return (place or Path)(fitted(str, value, name))
    settings_of = _settings if place is None else _valid_settings
    if hint is Options:
        return _options(fitted(Mapping[str, Any], value, name), settings_of)
    if isinstance(hint, type) and issubclass(hint, Settings):
        return settings_of(hint, fitted(Mapping[str, Any], value, name))
    return fitted(hint, value, name)


def _options(record: Mapping[str, Any], settings_of: Callable[[type[Any], Any], Any]) -> Options:
    values = {name: fitted(str | None, record.get(name), name) for name in ("base", "engine")}
    parts = {name: fitted(Mapping[str, Any], record.get(name, {}), name) for name in ("faces", "weights")}
    plain = Options()
    return Options(
        values["base"],
        values["engine"] or plain.engine,
        settings_of(type(plain.faces), parts["faces"]),
        settings_of(type(plain.weights), parts["weights"]),
    )


def _valid_settings(kind: type[S], record: Mapping[str, Any]) -> S:
    """As an earlier version may have written them. Raises BadSettings."""
    return settings_from(kind, without_gone(kind, record))


def _settings(kind: type[S], record: Mapping[str, Any]) -> S:
    """A setting that was removed, or whose value is no longer allowed, gets its default, so the record can be shown."""
    with suppress(BadSettings):
        return settings_from(kind, record)
    values: dict[str, Any] = {}
    for name, value in record.items():
        try:
            settings_from(kind, {name: value})
        except BadSettings:
            continue
        values[name] = value
    return settings_from(kind, values)
