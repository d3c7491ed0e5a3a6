"""The ways in which networks can be made to paint a person, a line each in `ENGINES`; today that is a trained LoRA.

An engine prepares what it needs once for a person (their photos' faces and vectors are at hand), and gives conditions
for each picture. Which backends apply a condition's kind is theirs to say: `Capabilities.conditions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.faces.engine import Face
from easyphoto.settings import InferenceSettings
from easyphoto.workspace.folders import LORA_IDENTITY, Person

KnownFace = tuple[Image.Image, Face, np.ndarray]
"""A picture of the person (RGB), the face on it, and its part map (uint8, the picture's height × width)."""


class Identity(Protocol):
    """One engine's knowledge of one person, ready to be painted with."""

    @property
    def engine(self) -> str:
        """Id of the engine that prepared it."""
        ...

    def conditions(self, settings: InferenceSettings) -> tuple[Condition, ...]:
        """For the passes over the person's face; none where the settings leave it out."""
        ...

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        """Plain values for a picture's note. Files by their names: paths are nobody else's business."""
        ...


@dataclass(frozen=True, eq=False)
class PersonMaterial:
    """What an identity can be made from."""

    person: Person
    folder: Path
    """The person's."""
    faces: Sequence[KnownFace]
    vectors: Sequence[np.ndarray]
    """Unit vectors (float32) of the faces by the face engine's embedder; empty without one."""

    def files_of(self, engine: str) -> Iterator[Path]:
        """What the person's record names for that engine."""
        return (self.folder / identity.file for identity in self.person.identities if identity.engine == engine)


@dataclass(frozen=True)
class IdentityEngine:
    id: str
    """As records name it."""
    kind: str
    """The kind of its conditions."""
    prepare: Callable[[PersonMaterial], Identity | None]
    """None where the person has not what it needs."""
    files: Mapping[str, tuple[str, ...]] | None = None
    """Family id → catalogue ids of the weight files it needs there; None: no files, and any family."""

    def serves(self, family: Family) -> bool:
        return self.files is None or family.id in self.files


@dataclass(frozen=True)
class TrainedLora:
    """The LoRA that a training made of the person's photos."""

    path: Path
    engine: str = LORA_IDENTITY

    def conditions(self, settings: InferenceSettings) -> tuple[Condition, ...]:
        return (LoraCondition(self.path, settings.lora_weight),) if settings.lora_weight else ()

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        return {"file": self.path.name, "weight": settings.lora_weight}


def _trained_lora(material: PersonMaterial) -> TrainedLora | None:
    file = next(material.files_of(LORA_IDENTITY), None)
    return None if file is None else TrainedLora(file)


ENGINES: tuple[IdentityEngine, ...] = (IdentityEngine(LORA_IDENTITY, LoraCondition.kind, _trained_lora),)


def prepared_identities(
    material: PersonMaterial, family: Family, engines: Sequence[IdentityEngine] = ENGINES
) -> tuple[Identity, ...]:
    """Everything that the person can be painted with in that family, in the engines' order."""
    made = (engine.prepare(material) for engine in engines if engine.serves(family))
    return tuple(identity for identity in made if identity is not None)


def identity_conditions(identities: Sequence[Identity], settings: InferenceSettings) -> tuple[Condition, ...]:
    return tuple(condition for identity in identities for condition in identity.conditions(settings))


def identity_records(
    identities: Sequence[Identity], settings: InferenceSettings, engines: Sequence[IdentityEngine] = ENGINES
) -> dict[str, Mapping[str, Any] | None]:
    """Engine id → what it painted with; None where it did not."""
    records = {identity.engine: identity.record(settings) for identity in identities}
    return {engine.id: records.get(engine.id) for engine in engines}
