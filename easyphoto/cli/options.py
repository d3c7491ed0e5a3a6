"""Command-line options made from the settings' declarations, and settings made from what was typed."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from typing import Any, TypeVar

from easyphoto.settings import Declared, Settings, hints_of, settings_from

S = TypeVar("S", bound=Settings)


def add_options(parser: argparse.ArgumentParser, kind: type[Settings], *, title: str) -> None:
    """One option for each field of `kind`; what is not typed is left to the declaration's default."""
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
            # Not argparse's own check, so that a wrong choice gives the same words everywhere.
            metavar="|".join(declared.choices) or _plain_type(hints[field.name]).__name__.upper(),
            default=argparse.SUPPRESS,
            help=words,
        )


def option_name(field: str) -> str:
    return "--" + field.replace("_", "-")


def settings_of(kind: type[S], arguments: argparse.Namespace) -> S:
    """The settings that were typed. Raises BadSettings for a value outside its range."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return settings_from(kind, {name: value for name, value in vars(arguments).items() if name in names})


def settings_table(kind: type[Settings]) -> list[str]:
    """The settings as a Markdown table, for docs/settings.md."""
    lines = ["| option | default | range | what it does |", "|---|---|---|---|"]
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        declared: Declared = field.metadata["declared"]
        # What a family prescribes is said in the help, hence the dash.
        default = _shown(field.default) or "–"
        reach = _range(declared) or "–"
        lines.append(f"| `{option_name(field.name)}` | {default} | {reach} | {_words(declared)} |")
    return lines


def _plain_type(hint: Any) -> type:
    """`int` of `int | None`."""
    if isinstance(hint, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return hint


def _help(declared: Declared, default: Any) -> str:
    facts = [fact for fact in (_range(declared), f"default {_shown(default)}" if _shown(default) else "") if fact]
    # argparse formats with %, so a literal one is doubled.
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
