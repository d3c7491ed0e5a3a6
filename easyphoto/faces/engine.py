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


@dataclass(frozen=True)
class Covering:
    """Which parts of a face are hidden. Left and right are the viewer's."""

    left_eye: bool = False
    right_eye: bool = False
    mouth: bool = False

    @property
    def words(self) -> Text:
        """What is hidden, and by what, most likely: a clause for people to read."""
        eyes = self.left_eye + self.right_eye
        if self.mouth:
            return text("most of the face is covered") if eyes else text("the mouth is covered (a mask or a hand?)")
        return text("the eyes are covered (sunglasses?)") if eyes == 2 else text("an eye is covered (hair or a hand?)")

    @property
    def sentence(self) -> Text:
        """The same as a sentence of its own."""
        eyes = self.left_eye + self.right_eye
        if self.mouth:
            return text("Most of the face is covered.") if eyes else text("The mouth is covered (a mask or a hand?).")
        return (
            text("The eyes are covered (sunglasses?).") if eyes == 2 else text("An eye is covered (hair or a hand?).")
        )


def covering_of(left_eye: bool, right_eye: bool, mouth: bool) -> Covering | None:
    """None where nothing is hidden."""
    return Covering(left_eye, right_eye, mouth) if left_eye or right_eye or mouth else None


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
    def notes(self) -> tuple[str, ...]:
        """What people should know about how it was opened, and what it could not ask meanwhile."""
        ...

    @property
    def decided(self) -> str:
        """Why it serves: asked for, or what the faces look like."""
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

    @property
    def missed(self) -> tuple[str, ...]:
        """What to say where no face is found and another engine was wanted in vain; mostly nothing."""
        ...

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        """Part labels (uint8, the picture's height × width, values of `Part`) around the face, background elsewhere."""
        ...

    def outlines_at(self, picture: Image.Image, face: Face) -> bool:
        """Whether the face's part map follows its true outline, and not one that faces have on the whole."""
        ...

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """What hides the face's eyes or mouth; None where it is bare, and where nobody can tell."""
        ...

    def remarks(self, picture: Image.Image, face: Face) -> tuple[str, ...]:
        """What people should know about the face, as the rest of a sentence about it."""
        ...


def part_mask(labels: np.ndarray, parts: tuple[Part, ...]) -> np.ndarray:
    """float32 mask, 1 where the label is one of `parts`."""
    return np.isin(labels, [int(part) for part in parts]).astype(np.float32)
