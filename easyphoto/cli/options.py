"""Builds command-line options from the declarations of settings and commands, and both from arguments."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from easyphoto.commands.base import Command, described_of, key_of
from easyphoto.errors import BadSettings
from easyphoto.messages import Text
from easyphoto.settings.declarations import Declared, Settings, hints_of, settings_from
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings

BACKEND_AUTH = "EASYPHOTO_BACKEND_AUTH"
"""The variable with the account of --backend."""
S = TypeVar("S", bound=Settings)
C = TypeVar("C", bound=Command)


def add_options(parser: argparse.ArgumentParser, kind: type[Settings], *, title: str) -> None:
    """Add one option for each field of `kind`; an option that is not typed keeps the declaration's default."""
    group = parser.add_argument_group(title)
    hints = hints_of(kind)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        declared: Declared = field.metadata["declared"]
        words = _help(declared, field.default)
        name = option_name(field.name)
        if hints[field.name] is bool:
            action = argparse.BooleanOptionalAction
            group.add_argument(name, dest=field.name, action=action, default=argparse.SUPPRESS, help=words)
            continue
        group.add_argument(
            name,
            dest=field.name,
            type=_plain_type(hints[field.name]),
            # argparse's own check of choices is not used, so that a wrong choice gives the same message everywhere.
            metavar="|".join(declared.choices) or _plain_type(hints[field.name]).__name__.upper(),
            default=argparse.SUPPRESS,
            help=words,
        )


SETTINGS_TITLES: Mapping[Any, str] = MappingProxyType(
    {
        PreprocessSettings: "photos",
        TrainSettings: "training",
        InferenceSettings: "pictures",
        PlacingSettings: "placing",
        DrawingSettings: "a picture drawn from words",
    }
)
"""Titles of the option groups, in the order of the help."""


def add_field(parser: argparse.ArgumentParser, command: type[Command], name: str, *, metavar: str = "") -> None:
    """Add a plain field of a command: an option if it has a default, else a required argument."""
    field = next(field for field in dataclasses.fields(command) if field.name == name)  # type: ignore[arg-type]
    described = described_of(field)
    words, option = described.words, option_name(key_of(field))
    # argparse formats with %, so a literal one is doubled.
    about = (words[:1].lower() + words[1:].rstrip(".")).replace("%", "%%")
    kind, must_be_there = _plain_type(typing.get_type_hints(command)[name]), field.default is dataclasses.MISSING
    if kind is bool:
        default = None if must_be_there else field.default
        action = argparse.BooleanOptionalAction
        parser.add_argument(option, dest=name, action=action, required=must_be_there, default=default, help=about)
    elif must_be_there:
        parser.add_argument(name, type=kind, metavar=metavar, help=about)
    else:
        values = {"choices": described.choices, "default": field.default} if described.choices else {}
        shown = metavar or "|".join(described.choices)
        parser.add_argument(option, dest=name, type=kind, metavar=shown, help=about, **values)


def add_json_option(parser: argparse.ArgumentParser, what: str) -> None:
    """`what` is printed as JSON, or the actions that print so, with a colon."""
    words = f"{what} print as JSON" if what.endswith(":") else f"print {what} as JSON"
    parser.add_argument("--json", action="store_true", help=f"{words}, and errors as a line of JSON on stderr")


def add_settings(parser: argparse.ArgumentParser, command: type[Command]) -> None:
    """Add the options of all settings of a command."""
    hints = typing.get_type_hints(command).values()
    for kind, title in SETTINGS_TITLES.items():
        if kind in hints:
            add_options(parser, kind, title=title)


def command_of(command: type[C], arguments: argparse.Namespace, **given: Any) -> C:
    """Return the command that was typed; `given` holds the fields that have a syntax of their own.

    Its `options` stay None, because they were typed for the app. Raises BadSettings.
    """
    hints, typed = typing.get_type_hints(command), vars(arguments)
    values = {name: settings_of(kind, arguments) for name, kind in hints.items() if kind in SETTINGS_TITLES}
    fields = [field.name for field in dataclasses.fields(command)]  # type: ignore[arg-type]
    values |= {name: typed[name] for name in fields if name in typed and name not in values}
    return command(**{**values, **given})


def option_name(field: str) -> str:
    return "--" + field.replace("_", "-")


def settings_of(kind: type[S], arguments: argparse.Namespace) -> S:
    """Return the settings that were typed. Raises BadSettings for a value outside its range, with the option's name."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    try:
        return settings_from(kind, {name: value for name, value in vars(arguments).items() if name in names})
    except BadSettings as error:
        values = error.message.values
        named = {**values, "name": option_name(str(values["name"]))} if "name" in values else values
        raise BadSettings(Text(error.message.template, named), advice=error.advice) from error


def settings_table(kind: type[Settings]) -> list[str]:
    """Return the settings as a Markdown table, for docs/settings.md."""
    lines = ["| option | default | range | what it does |", "|---|---|---|---|"]
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        declared: Declared = field.metadata["declared"]
        # A dash where the family sets the default; the help says so.
        default = _shown(field.default) or "–"
        reach = _range(declared) or "–"
        lines.append(f"| `{option_name(field.name)}` | {default} | {reach} | {_words(declared)} |")
    return lines


def _plain_type(hint: Any) -> type:
    """Return `int` for `int | None`."""
    if isinstance(hint, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return hint


def _help(declared: Declared, default: Any) -> str:
    facts = [fact for fact in (_range(declared), f"default {_shown(default)}" if _shown(default) else "") if fact]
    # argparse formats help with %, so a literal % is doubled.
    return (_words(declared) + (f" ({'; '.join(facts)})" if facts else "")).replace("%", "%%")


def _words(declared: Declared) -> str:
    return f"{declared.label}. {declared.help}".strip() if declared.help else f"{declared.label}."


def _range(declared: Declared) -> str:
    if declared.choices:
        return ", ".join(declared.choices)
    if declared.low is None or declared.high is None:
        return ""
    return f"{_number(declared.low)} to {_number(declared.high)}"


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, (int, float)):
        return _number(default)
    return default or ""


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"
