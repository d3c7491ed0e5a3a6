"""Who sits for a photograph: a trained person as the pipeline needs them."""

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
    """A face on a picture, with its part map (uint8, the picture's height × width, values of `Part`)."""

    picture: Image.Image
    face: Face
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Subject:
    name: str
    reference: Image.Image
    """The most frontal of the best photos: the source of fusion."""
    portrait: Image.Image | None = None
    """The validation picture most like the person, for the pose guide; None takes the reference."""
    identities: tuple[Identity, ...] = ()
    """What makes the networks paint the person; none paints without, with a note."""
    embeddings: tuple[np.ndarray, ...] = ()
    """Unit vectors of the person's photos, of the engine's embedder; empty leaves the results unranked."""
    outline: Outline | None = None
    """Of the person's face; None leaves the template's."""
    skin: SkinTone | None = None
    """None leaves the template's."""
    known: tuple[AnalysedFace, ...] = ()
    """Faces of the reference and the portrait, where they were looked at before; by their picture."""

    def known_face(self, picture: Image.Image) -> AnalysedFace | None:
        return next((face for face in self.known if face.picture is picture), None)


def analysed(picture: Image.Image, engine: FaceEngine) -> AnalysedFace | None:
    """The picture's largest face; None where none is found."""
    faces = engine.detect(picture)
    return AnalysedFace(picture, faces[0], engine.parse(picture, faces[0])) if faces else None
