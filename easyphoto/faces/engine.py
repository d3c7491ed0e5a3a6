"""The interface between the pipeline and face-analysis implementations, and its types.

An engine has a domain: photographs or drawings. It may lack an embedder; then identity is not checked, test pictures
are not judged and results are not ranked, and notes say so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        """The name, for use in sentences."""
        return text("photographs") if self is Domain.PHOTOGRAPHS else text("drawings")

    @property
    def looks(self) -> Text:
        """The adjective for a face of this domain, for use in sentences."""
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
    """One face in a picture."""

    box: Box
    """Pixels."""
    points: np.ndarray
    """(5, 2) float32 pixels: viewer's left eye, viewer's right eye, nose tip, left and right mouth corner."""
    score: float
    """The detector's confidence, 0..1."""

    def moved(self, x: float, y: float) -> Face:
        """The same face `x` pixels further right and `y` further down."""
        points = np.asarray(self.points, np.float64) + np.array([x, y], np.float64)
        return replace(self, box=self.box.moved(x, y), points=points.astype(np.float32))


@dataclass(frozen=True)
class Likeness:
    """How alike two faces are; values of different embedders are not comparable."""

    embedder: str
    cosine: float
    """Cosine similarity, −1..1."""
    percentile: float | None = None
    """Percentage (0..100) of the person's own photos that are less like the others than this; None: unknown."""
    strangers: float | None = None
    """Percentage (0..100) of pairs of strangers that are less alike than this; None: unknown."""


@dataclass(frozen=True)
class LikenessScale:
    """How to interpret an embedder's cosines, measured on pairs of photos of strangers."""

    embedder: str
    strangers: tuple[float, ...]
    """Quantiles of strangers' cosines, evenly spaced from 0 to 100 %, ascending; empty when not measured."""
    same_person_limit: float
    """The cosine below which two photos are taken for different persons."""
    source: str
    """The pictures it was measured on, or its publisher."""


class Worn(str, Enum):
    """What somebody wears on their head."""

    GLASSES = "glasses"
    HAT = "hat"


@dataclass(frozen=True)
class Covering:
    """The hidden parts of a face. Left and right are the viewer's."""

    left_eye: bool = False
    right_eye: bool = False
    mouth: bool = False

    @property
    def words(self) -> Text:
        """What is hidden, and the most likely cause, as a clause for messages."""
        eyes = self.left_eye + self.right_eye
        if self.mouth:
            return text("most of the face is covered") if eyes else text("the mouth is covered (a mask or a hand?)")
        return text("the eyes are covered (sunglasses?)") if eyes == 2 else text("an eye is covered (hair or a hand?)")

    @property
    def sentence(self) -> Text:
        """The same as `words`, as a complete sentence."""
        eyes = self.left_eye + self.right_eye
        if self.mouth:
            return text("Most of the face is covered.") if eyes else text("The mouth is covered (a mask or a hand?).")
        return (
            text("The eyes are covered (sunglasses?).") if eyes == 2 else text("An eye is covered (hair or a hand?).")
        )


def covering_of(left_eye: bool, right_eye: bool, mouth: bool) -> Covering | None:
    """The covering with these parts hidden; None when nothing is hidden."""
    return Covering(left_eye, right_eye, mouth) if left_eye or right_eye or mouth else None


class FaceEngine(Protocol):
    """A face-analysis implementation for one domain."""

    @property
    def id(self) -> str: ...

    @property
    def domain(self) -> Domain: ...

    @property
    def embedder(self) -> str | None:
        """Id of the embedder; None when the engine cannot tell persons apart."""
        ...

    @property
    def same_person_limit(self) -> float | None:
        """The cosine below which two photos are taken for different persons (at 1 % false acceptance)."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user about how it was opened and what it could not do since."""
        ...

    @property
    def decided(self) -> str:
        """Why this engine was chosen: on request, or because of how the faces look."""
        ...

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        """All faces of an RGB picture, largest first."""
        ...

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        """(N,) float32 embedding of unit length, or None when `embedder` is None."""
        ...

    @property
    def scale(self) -> LikenessScale | None:
        """How to interpret the embedder's cosines; None without an embedder or a measurement."""
        ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The weight files used, for a run's record."""
        ...

    @property
    def missed(self) -> tuple[str, ...]:
        """Notes for when no face is found and a second engine was needed but not available; usually empty."""
        ...

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(height, width) uint8 part labels of the picture, values of `Part`; background away from the face."""
        ...

    def outlines_at(self, picture: Image.Image, face: Face) -> bool:
        """Whether the face's part map follows its actual outline, not that of an average face."""
        ...

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """The hidden parts of the face; None when nothing is hidden or this is unknown."""
        ...

    def worn(self, picture: Image.Image, face: Face) -> frozenset[Worn] | None:
        """What is worn there; None where its networks do not know."""
        ...

    def remarks(self, picture: Image.Image, face: Face) -> tuple[str, ...]:
        """Remarks for the user about the face, as continuations of a sentence about it."""
        ...


def part_mask(labels: np.ndarray, parts: tuple[Part, ...]) -> np.ndarray:
    """float32 mask of the labels' shape, 1 where the label is one of `parts`, else 0."""
    return np.isin(labels, [int(part) for part in parts]).astype(np.float32)
