"""What the pipeline asks of a face-analysis implementation, and what it gets back.

An engine states its domain: photographs or drawings. It may lack an embedder for its domain; then identity is not
checked, checkpoints are not voted on and results are unranked, and each of those is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Protocol

import numpy as np
from PIL import Image

from easyphoto.faces.covering import Covering
from easyphoto.geometry import Box
from easyphoto.messages import Text, text
from easyphoto.weights.catalog import UsedWeight


class Domain(str, Enum):
    PHOTOGRAPHS = "photographs"
    DRAWINGS = "drawings"

    @property
    def other(self) -> Domain:
        return Domain.DRAWINGS if self is Domain.PHOTOGRAPHS else Domain.PHOTOGRAPHS

    @property
    def said(self) -> Text:
        """For sentences."""
        return text("photographs") if self is Domain.PHOTOGRAPHS else text("drawings")

    @property
    def looks(self) -> Text:
        """How a face of this kind looks, for sentences."""
        return text("photographed") if self is Domain.PHOTOGRAPHS else text("drawn")


class Part(IntEnum):
    """Labels of a part map; the values are those of `easyphoto.drawings.renderer.PARTS`."""

    BACKGROUND = 0
    SKIN = 1
    BROWS = 2
    EYES = 3
    NOSE = 4
    MOUTH = 5
    EARS = 6
    HAIR = 7
    NECK = 8
    CLOTHES = 9


FACE_PARTS = (Part.SKIN, Part.BROWS, Part.EYES, Part.NOSE, Part.MOUTH)


@dataclass(frozen=True, eq=False)
class Face:
    """One face on a picture."""

    box: Box
    points: np.ndarray
    """(5, 2) float32 pixels: viewer's left eye, viewer's right eye, nose tip, left and right mouth corner."""
    score: float
    """The detector's confidence, 0..1."""


@dataclass(frozen=True)
class Likeness:
    """How alike two faces are; values of different embedders are never ranked together."""

    embedder: str
    cosine: float
    percentile: float | None = None
    """Share of the person's own photos, 0..100, that are less like the others than this; None: cannot tell."""
    strangers: float | None = None
    """Share of pairs of strangers, 0..100, that are less alike than this; None: cannot tell."""


@dataclass(frozen=True)
class LikenessScale:
    """What an embedder's cosines mean, measured on pairs of photos of strangers."""

    embedder: str
    strangers: tuple[float, ...]
    """Quantiles of strangers' cosines, evenly spaced from 0 to 100 %, ascending; empty where nobody measured them."""
    same_person_limit: float
    """The cosine below which two photos are taken for different persons."""
    source: str
    """On which pictures it was measured, or who published it."""


class FaceEngine(Protocol):
    """A face-analysis implementation for one domain."""

    @property
    def id(self) -> str: ...

    @property
    def domain(self) -> Domain: ...

    @property
    def embedder(self) -> str | None:
        """Id of the embedder, or None where the engine cannot tell persons apart."""
        ...

    @property
    def same_person_limit(self) -> float | None:
        """The cosine below which two photos are taken for different persons (at 1 % false acceptance)."""
        ...

    @property
    def outlines(self) -> bool:
        """Whether part maps follow the true outline of a face, and not one that faces have on the whole."""
        ...

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        """All faces of an RGB picture, largest first."""
        ...

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        """A unit vector (float32) of the face crop, or None where `embedder` is None."""
        ...

    @property
    def scale(self) -> LikenessScale | None:
        """What the embedder's cosines mean; None where there is no embedder or nobody measured it."""
        ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The weight files that take part, for a run's record."""
        ...

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        """Part labels (uint8, the picture's height × width, values of `Part`) around the face, background elsewhere."""
        ...

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """What hides the face's eyes or mouth; None where it is bare, and where nobody can tell."""
        ...


def remarks_on(engine: FaceEngine, picture: Image.Image, face: Face) -> tuple[str, ...]:
    """What people should know about a face, as the rest of a sentence; most engines have nothing to say."""
    said: tuple[str, ...] = getattr(engine, "remarks", lambda *_: ())(picture, face)
    return said


def outlines_at(engine: FaceEngine, picture: Image.Image, face: Face) -> bool:
    """`FaceEngine.outlines` for one face, where an engine of two domains parses some faces otherwise."""
    found: bool = getattr(engine, "outlines_at", lambda *_: engine.outlines)(picture, face)
    return found


def part_mask(labels: np.ndarray, parts: tuple[Part, ...]) -> np.ndarray:
    """float32 mask, 1 where the label is one of `parts`."""
    return np.isin(labels, [int(part) for part in parts]).astype(np.float32)
