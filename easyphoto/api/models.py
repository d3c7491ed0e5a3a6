"""Building blocks of the API's schemas: one source for pydantic 1.10 and 2, and models built from settings."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Optional

import pydantic
from pydantic import BaseModel, Field, create_model

from easyphoto.commands.base import Command, Described, described_of, key_of
from easyphoto.settings.declarations import Declared, Settings, hints_of
from easyphoto.settings.presets import PRESETS

IS_OLD = pydantic.VERSION.startswith("1.")


class RequestModel(BaseModel):
    """Base of request models: an unknown field is an error."""

    if IS_OLD:

        class Config:
            extra = "forbid"

    else:
        model_config = pydantic.ConfigDict(extra="forbid")


class AnswerModel(BaseModel):
    """Base of answer models."""


def given(model: BaseModel | None) -> dict[str, Any]:
    """Return the fields that the client sent, as plain values."""
    if model is None:
        return {}
    return model.dict(exclude_unset=True) if IS_OLD else model.model_dump(exclude_unset=True)


def whole(low: int | None = None, high: int | None = None, *, multiple_of: int | None = None) -> Any:
    """Return the type of an integer; texts and booleans are refused."""
    return pydantic.conint(strict=True, ge=low, le=high, multiple_of=multiple_of)


def number(low: float | None = None, high: float | None = None) -> Any:
    # Strict mode of pydantic 1.10 would refuse integers, which JSON does not distinguish from floats.
    return pydantic.confloat(strict=not IS_OLD, ge=low, le=high)


def words(most: int, *, least: int = 0) -> Any:
    return pydantic.constr(strict=True, min_length=least, max_length=most)


def listed(kind: Any, *, least: int = 0, most: int) -> Any:
    bounds = {"min_items": least, "max_items": most} if IS_OLD else {"min_length": least, "max_length": most}
    return pydantic.conlist(kind, **bounds)  # type: ignore[arg-type]


def settings_model(kind: type[Settings], *, without: tuple[str, ...] = ()) -> type[RequestModel]:
    """Build a model with the fields, ranges and texts of a settings class; `without` are the owner's alone."""
    hints = hints_of(kind)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in without:
            continue
        declared: Declared = field.metadata["declared"]
        about = f"{declared.label}. {declared.help}".strip()
        fields[field.name] = (_type(hints[field.name], declared), Field(field.default, description=about))
    return create_model(kind.__name__, __base__=RequestModel, **fields)


def request_model(command: type[Command], parts: Mapping[Any, Any], **wire: Mapping[str, Any]) -> Any:
    """Build the request model of a command: its plain fields, and `parts` for settings and options.

    `wire` maps a field to the fields that are sent in its place, by name; an empty mapping leaves it out.
    """
    hints = typing.get_type_hints(command)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(command):  # type: ignore[arg-type]  # every command is a dataclass
        hint = _required(hints[field.name])
        if field.name in wire:
            fields.update(wire[field.name])
        elif hint in parts:
            if hint in PRESETS:
                about = "What settings differ from; `settings` go on top."
                fields["preset"] = (Literal[tuple(PRESETS[hint])], Field("balanced", description=about))
            fields[field.name] = (Optional[parts[hint]], None)  # noqa: UP045 — built from a value
        else:
            described = described_of(field)
            default = ... if field.default is dataclasses.MISSING else field.default
            kind = _plain_type(f"{command.__name__}.{field.name}", hint, described)
            fields[key_of(field)] = (kind, Field(default, description=described.words or None))
    return create_model(f"{command.__name__}Fields", __base__=RequestModel, **fields)


def words_of(command: type[Command], name: str) -> str:
    """Return the description of a command's field."""
    return next(described_of(field).words for field in dataclasses.fields(command) if field.name == name)  # type: ignore[arg-type]


def _plain_type(name: str, hint: Any, described: Described) -> Any:
    """Raises TypeError for a field that clients cannot send as it is, and for a text of any length."""
    if described.choices:
        return Literal[described.choices]
    if hint is bool:
        return pydantic.StrictBool
    if hint is int:
        return whole(described.least, described.most)
    if hint is float:
        return number(described.least, described.most)
    if hint is str and described.most is not None:
        return words(described.most, least=described.least or 0)
    raise TypeError(f"{name} is {hint} with at most {described.most} characters: say in what form it is sent")


def _required(hint: Any) -> Any:
    """Return `int` for `int | None`."""
    if isinstance(hint, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return hint


def _type(hint: Any, declared: Declared) -> Any:
    if isinstance(hint, types.UnionType):
        return Optional[_type(_required(hint), declared)]  # noqa: UP045 — built from a value
    if declared.choices and not declared.is_open:
        return Literal[declared.choices]
    if hint is bool:
        return pydantic.StrictBool
    if hint is int:
        return whole(_bound(declared.low), _bound(declared.high))
    return number(declared.low, declared.high) if hint is float else words(20_000)


def _bound(value: float | None) -> int | None:
    return None if value is None else int(value)
