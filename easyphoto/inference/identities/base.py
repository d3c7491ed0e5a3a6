"""An identity engine: one way in which networks can be made to paint a person.

It prepares what it needs once for a person (their photos' faces and vectors are at hand), and what it has prepared
gives conditions for each picture. Which backends apply a condition's kind is theirs to say: `Capabilities.conditions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.conditions import Condition
from easyphoto.faces.engine import Face
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings import InferenceSettings
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.folders import Person

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
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    """They may leave an engine out."""
    store: WeightStore | None = None
    """Where an engine's files come from; None where nothing is to be painted, so that no file is fetched for it."""
    progress: Progress = field(default_factory=NullProgress)

    def files_of(self, engine: str) -> Iterator[Path]:
        """What the person's record names for that engine."""
        return (self.folder / identity.file for identity in self.person.identities if identity.engine == engine)


@dataclass(frozen=True)
class IdentityEngine:
    id: str
    """As records name it."""
    kind: str
    """The kind of its conditions."""
    prepare: Callable[[PersonMaterial, tuple[Path, ...]], Identity | None]
    """The material and the engine's weight files to an identity; None where the person has not what it needs."""
    files: Mapping[str, tuple[str, ...]] | None = None
    """Family id → catalogue ids of the weight files it needs there; None: no files, and any family."""
    is_wanted: Callable[[InferenceSettings], bool] = lambda _: True

    def prepared(self, material: PersonMaterial, family: Family) -> Identity | None:
        """None where it does not serve the family or the person. Raises LicenceRefused and WeightsMissing."""
        if not self.is_wanted(material.settings):
            return None
        if self.files is None:
            return self.prepare(material, ())
        if family.id not in self.files or material.store is None:
            return None
        files = tuple(material.store.require(id, material.progress) for id in self.files[family.id])
        return self.prepare(material, files)
