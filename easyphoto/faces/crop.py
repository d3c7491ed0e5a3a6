"""The upright square that an embedder looks at: the five points laid on a template, then numbers instead of bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face
from easyphoto.geometry import similarity
from easyphoto.images.pictures import as_array, warped

ARCFACE_POINTS = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""Where the five points lie in a square of 112 px, for all networks of the ArcFace line (Deng et al., 2019)."""


@dataclass(frozen=True)
class CropRecipe:
    """How an embedder was shown its faces in training."""

    side: int = 112
    """Of the square in pixels; where the network's own input says otherwise, that counts and the points grow along."""
    points: tuple[tuple[float, float], ...] = ARCFACE_POINTS
    """Viewer's left eye, right eye, nose, left and right mouth corner, in a square of `side`."""
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    """Of the bytes, in the network's order of colours."""
    deviation: float = 127.5
    reversed_colours: bool = False
    """Blue first instead of red first."""

    def square(self, picture: Image.Image, face: Face, side: int) -> np.ndarray:
        """uint8 RGB (side, side, 3); what lies beyond the picture is black, as in training."""
        target = np.asarray(self.points) * (side / self.side)
        return warped(as_array(picture), similarity(face.points, target), (side, side), outside=0)

    def numbers(self, square: np.ndarray) -> np.ndarray:
        """float32 (height, width, 3), centred and scaled, colours in the network's order."""
        ordered = square[..., ::-1] if self.reversed_colours else square
        return (ordered.astype(np.float32) - np.asarray(self.mean, np.float32)) / np.float32(self.deviation)
