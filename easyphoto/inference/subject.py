"""The subject of a photograph: a trained person as the pipeline needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.faces.outline import Outline
from easyphoto.faces.skin_tone import SkinTone
from easyphoto.inference.identities.base import Identity


@dataclass(frozen=True, eq=False)
class AnalysedFace:
    """A face on a picture, with its part map."""

    picture: Image.Image
    face: Face
    labels: np.ndarray
    """(height, width) uint8 values of `Part`, of the picture's size."""


@dataclass(frozen=True, eq=False)
class Subject:
    name: str
    reference: Image.Image
    """The most frontal of the best photos: the source of fusion."""
    portrait: Image.Image | None = None
    """The validation picture most like the person, for the pose guide; None takes the reference."""
    identities: tuple[Identity, ...] = ()
    """What makes the networks paint the person; when empty, they paint without an identity, with a note."""
    embeddings: tuple[np.ndarray, ...] = ()
    """Embeddings of the person's photos by the engine's embedder: float32 unit vectors. Empty: results are unranked."""
    outline: Outline | None = None
    """Outline of the person's face; None keeps the template's."""
    skin: SkinTone | None = None
    """The person's skin colour; None keeps the template's."""
    words: str = ""
    """What describes the person in a prompt: hair, glasses, age."""
    notes: tuple[str, ...] = ()
    """Notes on how the identities were chosen."""
    known: tuple[AnalysedFace, ...] = ()
    """Faces of the reference and the portrait that were analysed before, found by their picture object."""

    def known_face(self, picture: Image.Image) -> AnalysedFace | None:
        return next((face for face in self.known if face.picture is picture), None)


def analysed(picture: Image.Image, engine: FaceEngine) -> AnalysedFace | None:
    """The picture's largest face, analysed; None where no face is found."""
    faces = engine.detect(picture)
    return AnalysedFace(picture, faces[0], engine.parse(picture, faces[0])) if faces else None
