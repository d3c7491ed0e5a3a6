"""The always-on script's request: the panel's values in order, or plain JSON from a client."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from easyphoto.errors import BadSettings
from easyphoto.messages import text
from easyphoto.settings import InferenceSettings, hints_of, settings_from, settings_record

SHOWN = (
    "lora_weight", "first_strength", "second_strength", "fusion", "colour_transfer", "retouch", "prompt",
    "identity",
)  # fmt: skip
"""The settings that the panel shows, in the order of the arguments after `enabled` and `person`."""
AUTO = "auto"
"""What an empty field of the panel shows."""
ENABLED, PERSON, SEED = "enabled", "person", "seed"
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


def script_request_from(arguments: Sequence[Any]) -> ScriptRequest | None:
    """Parse the arguments; returns None if the script is off. Raises BadSettings.

    The arguments are `[enabled, person, *SHOWN]`, or one object `{"person": …, any inference setting: …}`.
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
    names = (ENABLED, PERSON, *SHOWN)
    if len(arguments) > len(names):
        raise BadSettings(
            text("There are {count} arguments.", count=len(arguments)),
            advice=text("They are: {names}.", names=", ".join(names)),
        )
    held = {name: _held(name, value) for name, value in zip(names, arguments, strict=False)}
    return {ENABLED: False, **{name: value for name, value in held.items() if value is not None}}


def _held(name: str, value: Any) -> Any:
    """Return the value of a component. An optional number is typed into a text box, so it arrives as text."""
    kinds = set(typing.get_args(hints_of(InferenceSettings).get(name)))
    if not isinstance(value, str) or type(None) not in kinds or str in kinds:
        return value
    typed = value.strip()
    if typed.lower() in ("", AUTO):
        return None
    try:
        return float(typed.replace(",", "."))
    except ValueError:
        return value  # The settings refuse it, in words.
