"""What declares a setting: its default, range, label and help, and the check of values against them."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from easyphoto.errors import BadSettings
from easyphoto.messages import Text, joined, text
from easyphoto.spelling import known_names, meant


@dataclass(frozen=True)
class Declared:
    """The declaration of a setting, apart from its default."""

    label: str
    help: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    is_open: bool = False
    """Whether other values than `choices` are allowed, because a web UI may have more."""


def slider(default: Any, low: float, high: float, *, step: float, label: str, help: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"declared": Declared(label, help, low, high, step)})


def switch(default: bool, *, label: str, help: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"declared": Declared(label, help)})


def choice(default: str, choices: tuple[str, ...], *, label: str, help: str = "", is_open: bool = False) -> Any:
    declared = Declared(label, help, choices=choices, is_open=is_open)
    return dataclasses.field(default=default, metadata={"declared": declared})


def line(default: str | None, *, label: str, help: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"declared": Declared(label, help)})


def same_as(kind: type[Settings], name: str, **changes: Any) -> Any:
    """The setting `name` of another class, with the same default; `changes` are to its declaration, or `default`."""
    theirs = next(field for field in dataclasses.fields(kind) if field.name == name)  # type: ignore[arg-type]
    default = changes.pop("default", theirs.default)
    declared = dataclasses.replace(theirs.metadata["declared"], **changes)
    return dataclasses.field(default=default, metadata={"declared": declared})


class Settings:
    """Base of the settings classes: checks every value against its declaration."""

    gone: ClassVar[tuple[str, ...]] = ()
    """Settings that earlier versions had, which their records still name."""

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            check_value(field.name, getattr(self, field.name), hints[field.name], field.metadata["declared"])


def hints_of(kind: type[Settings]) -> Mapping[str, Any]:
    """Field name → type of a settings class; cached, because reading the types takes a millisecond."""
    return _hints_of(kind)  # type: ignore[arg-type]  # mypy takes the instances' hash for the class's


@functools.cache
def _hints_of(kind: Any) -> Mapping[str, Any]:
    return MappingProxyType(typing.get_type_hints(kind))


def check_value(name: str, value: Any, hint: Any, declared: Declared) -> None:
    """Raises BadSettings where `value` has another type than declared, or lies outside its range or choices."""
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    # In Python bool is an int, and JSON may write 1.0 as 1: the first is an error here, the second is not.
    fits = type(value) in allowed or (float in allowed and type(value) is int)
    if not fits:
        raise BadSettings(
            text("{name} cannot be {value}.", name=name, value=repr(value)),
            advice=text("It must be {wanted}.", wanted=joined([_word(kind) for kind in allowed], " or ")),
        )
    if value is None:
        return
    if declared.choices and not declared.is_open and value not in declared.choices:
        raise BadSettings(
            text("{name} cannot be {value}.", name=name, value=repr(value)),
            advice=joined(
                (
                    *meant(value, declared.choices),
                    text("Choose one of: {choices}.", choices=", ".join(declared.choices)),
                ),
                " ",
            ),
        )
    # Written as "not inside", because NaN is neither below nor above anything.
    if declared.low is not None and declared.high is not None and not declared.low <= value <= declared.high:
        raise BadSettings(
            text("{name} cannot be {value}.", name=name, value=repr(value)),
            advice=text("It must be between {low} and {high}.", low=declared.low, high=declared.high),
        )


def _word(kind: Any) -> Text:
    words = {
        int: text("a whole number"),
        float: text("a number"),
        bool: text("true or false"),
        str: text("text"),
        type(None): text("nothing"),
    }
    return words[kind]


S = TypeVar("S", bound=Settings)


def settings_from(kind: type[S], values: Any) -> S:
    """Settings from a record or a request. Raises BadSettings that names an unknown key."""
    if not isinstance(values, dict):
        raise BadSettings(text("Settings are a name and a value each."), advice=text("Write them as a JSON object."))
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise BadSettings(
            text("Unknown setting: {unknown}.", unknown=", ".join(unknown)),
            advice=known_names(unknown[0], sorted(known)),
        )
    return kind(**values)


def without_gone(kind: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """A record's values without the settings that only earlier versions had."""
    return {name: value for name, value in values.items() if name not in kind.gone}


def settings_record(settings: Settings) -> dict[str, Any]:
    return dataclasses.asdict(settings)  # type: ignore[call-overload]
