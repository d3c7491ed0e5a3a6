"""What makes networks paint a person: identities, what they are prepared from, and the engines that prepare them.

An engine prepares an identity once for a person, from their record and the faces of their photos; the identity gives
conditions for each picture. Backends say in `Capabilities.conditions` which kinds of condition they apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from easyphoto.architectures.base import Family, IdentityModels
from easyphoto.backends.conditions import Condition
from easyphoto.errors import WeightsMissing
from easyphoto.faces.engine import Face
from easyphoto.geometry import Size
from easyphoto.messages import Text, text
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings.inference import InferenceSettings
from easyphoto.weights.store import WeightStore
from easyphoto.workspace.person_record import Person

KnownFace = tuple[Image.Image, Face, np.ndarray]
"""A picture of the person (RGB), the face on it, and its part map ((height, width) uint8 values of `Part`)."""


@dataclass(frozen=True, eq=False)
class FacePlace:
    """The face that a pass paints, in pixels of its request."""

    points: np.ndarray
    """(5, 2) float32: the five points of the template's face."""
    size: Size
    """Size of the request's picture."""
    is_second: bool = False
    """Whether it is the second pass, which repaints the border only."""


class Identity(Protocol):
    """What one engine knows of one person, ready to paint with."""

    @property
    def engine(self) -> str:
        """Id of the engine that prepared it."""
        ...

    @property
    def most_cfg(self) -> float | None:
        """The guidance scale above which its faces burn; None: any."""
        ...

    def conditions(self, settings: InferenceSettings, place: FacePlace) -> tuple[Condition, ...]:
        """Conditions for a pass over the person's face; empty where the settings leave the identity out."""
        ...

    def record(self, settings: InferenceSettings) -> Mapping[str, Any]:
        """Plain values for the note in a picture. Files appear by name: a path would disclose the user's folders."""
        ...


def no_vectors(embedder: str) -> tuple[np.ndarray, ...]:
    return ()


@dataclass(frozen=True, eq=False)
class PersonMaterial:
    """What an identity can be made from."""

    person: Person
    folder: Path
    """The person's folder."""
    faces: Sequence[KnownFace]
    vectors_by: Callable[[str], tuple[np.ndarray, ...]] = no_vectors
    """Embedder id → embeddings of the faces, float32 as the embedder's network gives them. Raises what the weight store
    raises."""
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    """Settings choose the engine."""
    store: WeightStore | None = None
    """Where an engine's files come from; None where nothing will be painted, so that no file is fetched."""
    progress: Progress = field(default_factory=NullProgress)
    kinds: tuple[str, ...] | None = None
    """The kinds of condition that the backend applies; None: all."""

    @property
    def lora(self) -> Path | None:
        """The LoRA trained on the person's photos."""
        return None if self.person.lora is None else self.folder / self.person.lora


class VectorForm(str, Enum):
    """What an adapter takes of a face embedding. The wrong form is no error: the face only becomes weak, or burnt."""

    UNIT = "unit"
    """The mean of the photos' unit vectors, of unit length."""
    RAW = "raw"
    """The mean of the vectors as the network gives them."""


class SquareForm(str, Enum):
    """What an adapter's picture encoder sees of a photo."""

    ALIGNED = "aligned"
    """The face aligned as for ArcFace."""
    CUT_OUT = "cut out"
    """The same, white around face and hair."""


@dataclass(frozen=True)
class IdentityEngine:
    """A train-free way to make networks paint a person. Files and weights for a family are in `Family.identities`."""

    id: str
    """Its value of the setting `identity`, its name in records, and the kind of its condition."""
    label: Text
    tokens: int
    """Tokens that the cross-attention reads."""
    vector: VectorForm | None = None
    """None: it sees no face embedding."""
    squares: SquareForm | None = None
    """None: it sees no picture."""
    most_photos: int = 1
    """Photos whose squares it sees; their tokens are averaged. Embeddings are averaged over all photos."""
    most_cfg: float | None = None

    def models_of(self, family: Family) -> IdentityModels | None:
        """Its files for the family; None where it does not serve it."""
        return family.identities.get(self.id)


def shipped_file(family: Family, name: str) -> Path:
    """The file of an engine that ships with an embedded family. Raises WeightsMissing."""
    file = family.folder / "identity" / f"{name}.safetensors"
    if not file.is_file():
        raise WeightsMissing(
            text("{file} is missing.", file=file.name),
            advice=text("It ships with EasyPhoto: restore {folder} from the repository.", folder=file.parent.name),
        )
    return file
