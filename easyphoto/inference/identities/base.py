"""An identity engine: one way to make networks paint a person.

It prepares an identity once for a person, from the faces and embeddings of their photos; the identity gives conditions
for each picture. Backends say in `Capabilities.conditions` which kinds of condition they apply.
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
"""A picture of the person (RGB), the face on it, and its part map ((height, width) uint8 values of `Part`)."""


class Identity(Protocol):
    """What one engine knows of one person, ready to paint with."""

    @property
    def engine(self) -> str:
        """Id of the engine that prepared it."""
        ...

    def conditions(self, settings: InferenceSettings) -> tuple[Condition, ...]:
        """Conditions for the passes over the person's face; empty where the settings leave the identity out."""
        ...

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        """Plain values for the note in a picture. Files appear by name: a path would disclose the user's folders."""
        ...


@dataclass(frozen=True, eq=False)
class PersonMaterial:
    """What an identity can be made from."""

    person: Person
    folder: Path
    """The person's folder."""
    faces: Sequence[KnownFace]
    vectors: Sequence[np.ndarray]
    """Embeddings of the faces by the face engine's embedder: float32 unit vectors; empty without an embedder."""
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    """Settings may leave an engine out."""
    store: WeightStore | None = None
    """Where an engine's files come from; None where nothing will be painted, so that no file is fetched."""
    progress: Progress = field(default_factory=NullProgress)

    def files_of(self, engine: str) -> Iterator[Path]:
        """The files that the person's record names for that engine."""
        return (self.folder / identity.file for identity in self.person.identities if identity.engine == engine)


@dataclass(frozen=True)
class IdentityEngine:
    id: str
    """The engine's name in records."""
    kind: str
    """The kind of its conditions."""
    prepare: Callable[[PersonMaterial, tuple[Path, ...]], Identity | None]
    """Makes an identity of the material and the engine's weight files; None where the person lacks what it needs."""
    files: Mapping[str, tuple[str, ...]] | None = None
    """Family id → catalogue ids of the weight files it needs there; None means no files and any family."""
    is_wanted: Callable[[InferenceSettings], bool] = lambda _: True

    def prepared(self, material: PersonMaterial, family: Family) -> Identity | None:
        """The person's identity; None where the engine does not serve the family or the person.

        Raises LicenceRefused and WeightsMissing.
        """
        if not self.is_wanted(material.settings):
            return None
        if self.files is None:
            return self.prepare(material, ())
        if family.id not in self.files or material.store is None:
            return None
        files = tuple(material.store.require(id, material.progress) for id in self.files[family.id])
        return self.prepare(material, files)
