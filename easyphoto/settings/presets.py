"""Presets: settings that are chosen by one word."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from easyphoto.errors import BadSettings
from easyphoto.messages import text
from easyphoto.settings.declarations import Settings, settings_from
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.spelling import known_names

S = TypeVar("S", bound=Settings)

PRESETS: Mapping[type[Settings], Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        TrainSettings: {
            "fast": {"steps": 400, "validations": 4, "validation_steps": 10},
            "balanced": {},
            "thorough": {"steps": 1200, "validations": 12},
        },
        InferenceSettings: {
            "fast": {"first_steps": 20, "second_steps": 10, "count": 1},
            "balanced": {},
            "thorough": {"first_steps": 60, "second_steps": 30, "count": 4},
        },
    }
)
"""Settings class → preset name → values that differ from the defaults; "balanced" is the defaults themselves."""


def preset(kind: type[S], name: str, **changes: Any) -> S:
    """The preset of that name with `changes` applied. Raises BadSettings for an unknown name."""
    presets = PRESETS[kind]
    if name not in presets:
        raise BadSettings(
            text("There is no preset {name!r}.", name=name),
            advice=known_names(name, presets),
        )
    return settings_from(kind, {**presets[name], **changes})


def preset_values(kind: type[Settings], name: str) -> dict[str, Any]:
    """What the preset sets: each setting that at least one preset of the class speaks of. It leaves the others alone.

    Raises BadSettings for an unknown name.
    """
    settings = preset(kind, name)
    spoken = dict.fromkeys(each for values in PRESETS[kind].values() for each in values)
    return {each: getattr(settings, each) for each in spoken}
