"""The always-on script's request: the panel's values in order, or plain JSON from a client."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from easyphoto.errors import BadSettings
from easyphoto.messages import text
from easyphoto.settings.declarations import hints_of, settings_from, settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.ui.language import Translator

SHOWN = (
    "lora_weight", "first_strength", "second_strength", "fusion", "colour_transfer", "retouch", "prompt",
    "identity",
)  # fmt: skip
"""The settings that the panel shows, in the order of the arguments after `enabled` and `person`."""
AUTO = "auto"
"""What an empty field of the panel shows."""
ENABLED, PERSON, SEED = "enabled", "person", "seed"
OTHERS = "others"
"""The last argument: the settings that have no field of their own, one `name: value` in each line."""
NAME = "EasyPhoto"
LABEL_OF_PERSON = f"{NAME} person"


@dataclass(frozen=True)
class ScriptRequest:
    person: str
    settings: InferenceSettings
    has_seed: bool = False
    """Whether a seed was requested; else the picture's own is taken."""

    def seeded(self, seed: int) -> InferenceSettings:
        return self.settings if self.has_seed else replace(self.settings, seed=seed % 2**32)

    def infotext(self) -> dict[str, str]:
        """Return the panel's settings and all that differ from the default, by label, for the lines below a picture."""
        said, usual = settings_record(self.settings), settings_record(InferenceSettings())
        told = {name: value for name, value in said.items() if name in SHOWN or value != usual[name]}
        if self.has_seed:
            told[SEED] = self.settings.seed
        named = {label_of(name): str(value) for name, value in told.items() if value not in (None, "")}
        return {LABEL_OF_PERSON: self.person, **named}


def label_of(name: str) -> str:
    return f"{NAME} {name.replace('_', ' ')}"


def others_from(parameters: Mapping[str, Any]) -> str:
    """Return the lines of `OTHERS` that an infotext holds."""
    names = (name for name in hints_of(InferenceSettings) if name not in SHOWN and label_of(name) in parameters)
    return "\n".join(f"{name}: {_on_one_line(str(parameters[label_of(name)]))}" for name in names)


def setting_from(name: str, said: Any) -> Any:
    """Return the value of a setting that was written as text; text that is none of its kind stays text."""
    kinds = _kinds(name)
    if not isinstance(said, str):
        return said
    if bool in kinds:
        return {"true": True, "false": False}.get(said.strip().lower(), said)
    if type(None) in kinds and said.strip().lower() in ("", AUTO):
        return None
    if not kinds & {int, float}:
        return said
    try:
        number = float(said.strip().replace(",", "."))
    except ValueError:
        return said  # The settings refuse it, in words.
    return number if float in kinds or not number.is_integer() else int(number)


def script_request_from(arguments: Sequence[Any]) -> ScriptRequest | None:
    """Parse the arguments; returns None if the script is off. Raises BadSettings.

    The arguments are `[enabled, person, *SHOWN, OTHERS]`, or one object `{"person": …, any inference setting: …}`.
    """
    first = arguments[0] if arguments else False
    if isinstance(first, list):
        return script_request_from(first)
    said = dict(first) if isinstance(first, Mapping) else _by_place(arguments)
    enabled = said.pop(ENABLED, True)
    if type(enabled) is not bool:
        raise BadSettings(
            text("{name} cannot be {value!r}.", name=ENABLED, value=enabled), advice=text("It must be true or false.")
        )
    if not enabled:
        return None
    person = said.pop(PERSON, None)
    if not isinstance(person, str) or not person.strip():
        raise BadSettings(
            text("No person was chosen."), advice=text("Choose one in the fold EasyPhoto, or name one as `person`.")
        )
    if said.get("upscale", "none") != "none":
        raise BadSettings(
            text("A picture that is being generated keeps its size."), advice=text("Enlarge it with Hires. fix.")
        )
    return ScriptRequest(person.strip(), settings_from(InferenceSettings, said), SEED in said)


def _by_place(arguments: Sequence[Any]) -> dict[str, Any]:
    """Name positional arguments; a missing or None value takes its default."""
    names = (ENABLED, PERSON, *SHOWN, OTHERS)
    if len(arguments) > len(names):
        raise BadSettings(
            text("There are {count} arguments.", count=len(arguments)),
            advice=text("They are: {names}.", names=", ".join(names)),
        )
    held = {name: _held(name, value) for name, value in zip(names, arguments, strict=False)}
    others = _others(held.pop(OTHERS, None))
    return {ENABLED: False, **{name: value for name, value in held.items() if value is not None}, **others}


def _others(typed: Any) -> dict[str, Any]:
    """Parse the lines of `OTHERS`. Raises BadSettings for a line that is no setting."""
    found: dict[str, Any] = {}
    for line in str(typed or "").splitlines():
        name, colon, value = line.partition(":")
        name = name.strip().lower().replace(" ", "_")
        if not line.strip():
            continue
        if not colon or name not in hints_of(InferenceSettings):
            raise BadSettings(
                text("Other settings: {line} is no setting.", line=repr(line.strip())),
                advice=text("Write one in each line, like “first_steps: 30”."),
            )
        found[name] = setting_from(name, _from_one_line(value.strip()))
    return found


def _held(name: str, value: Any) -> Any:
    """Return the value of a component: an optional number arrives as text, a choice as the page's language has it."""
    if name not in hints_of(InferenceSettings):
        return value
    if isinstance(value, str) and (choice := _choice(name, value)) is not None:
        return choice
    is_typed = _kinds(name) & {int, float} and type(None) in _kinds(name)
    return setting_from(name, value) if is_typed else value


def _choice(name: str, label: str) -> str | None:
    field = next(each for each in dataclasses.fields(InferenceSettings) if each.name == name)
    choices: tuple[str, ...] = field.metadata["declared"].choices
    chinese = Translator("zh_CN")
    return next((each for each in choices if label in (each, chinese(each))), None)


def _kinds(name: str) -> set[Any]:
    hint = hints_of(InferenceSettings)[name]
    return set(typing.get_args(hint)) or {hint}


def _on_one_line(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if "\n" in value or value.startswith('"') else value


def _from_one_line(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
