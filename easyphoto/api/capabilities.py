"""What this EasyPhoto can do, for programs that build a form or choose a base model."""

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any

from easyphoto import __version__
from easyphoto.api.guard import MOST_BODY
from easyphoto.api.lanes import lane_record
from easyphoto.api.paths import told
from easyphoto.api.schemas import MOST_PERSONS, MOST_PHOTOS, MOST_TEMPLATES, CapabilitiesAnswer
from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_ARCHIVE, MOST_BYTES
from easyphoto.settings.declarations import Declared, Settings, hints_of
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import FaceSettings, WeightSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.presets import PRESETS
from easyphoto.settings.training import PreprocessSettings, TrainSettings

KINDS: dict[str, type[Settings]] = {
    "train": TrainSettings,
    "preprocess": PreprocessSettings,
    "photograph": InferenceSettings,
    "drawing": DrawingSettings,
    "place": PlacingSettings,
    "faces": FaceSettings,
    "weights": WeightSettings,
}
OWNERS = ("webui",)
"""Settings that only the server's owner may change."""
WORDS = {int: "integer", float: "number", bool: "boolean", str: "string"}


@dataclass(frozen=True)
class CapabilityRoutes:
    service: Service

    def get(self) -> CapabilitiesAnswer:
        """Host, bases, families, settings with ranges and words, presets, limits, devices."""
        facts = self.service.facts()
        return CapabilitiesAnswer(
            version=__version__,
            host={**dataclasses.asdict(facts), "warnings": told(facts.warnings)},
            families=[family_record(family) for family in FAMILIES.values()],
            settings={name: declarations(kind) for name, kind in KINDS.items()},
            presets={
                name: {preset: dict(values) for preset, values in PRESETS[kind].items()}
                for name, kind in KINDS.items()
                if kind in PRESETS
            },
            limits={
                "request_bytes": MOST_BODY,
                "picture_bytes": MOST_BYTES,
                "archive_bytes": MOST_ARCHIVE,
                "photos": MOST_PHOTOS,
                "templates": MOST_TEMPLATES,
                "persons": MOST_PERSONS,
            },
            devices=[lane_record(lane) for lane in self.service.lanes()],
        )


def family_record(family: Family) -> dict[str, Any]:
    return {"id": family.id, "label": family.label, "resolution": family.resolution}


def declarations(kind: type[Settings]) -> list[dict[str, Any]]:
    hints = hints_of(kind)
    fields = [field for field in dataclasses.fields(kind) if field.name not in OWNERS]  # type: ignore[arg-type]
    return [declaration(field, hints[field.name]) for field in fields]


def declaration(field: dataclasses.Field[Any], hint: Any) -> dict[str, Any]:
    """Return one setting in JSON Schema's terms, with what a slider needs besides."""
    declared: Declared = field.metadata["declared"]
    can_be_empty = isinstance(hint, types.UnionType)
    plain = next(kind for kind in typing.get_args(hint) if kind is not type(None)) if can_be_empty else hint
    told = {
        "name": field.name,
        "type": WORDS[plain],
        "nullable": can_be_empty,
        "default": field.default,
        "title": declared.label,
        "description": declared.help,
        "minimum": declared.low,
        "maximum": declared.high,
        "step": declared.step,
        "enum": list(declared.choices) or None,
        "enum_is_open": declared.is_open or None,
    }
    return {name: value for name, value in told.items() if value is not None or name == "default"}
