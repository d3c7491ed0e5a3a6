"""The aligned, normalised square that an embedder takes: the five points are mapped onto a template."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face
from easyphoto.geometry import similarity
from easyphoto.images.pictures import as_array, warped

ARCFACE_POINTS = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""The five points in a square of 112 px, for all ArcFace-type networks (Deng et al., 2019)."""


@dataclass(frozen=True)
class CropRecipe:
    """How an embedder's training faces were aligned and normalised."""

    side: int = 112
    """Side of the square in pixels. A side fixed by the network's input overrides it, and the points scale with it."""
    points: tuple[tuple[float, float], ...] = ARCFACE_POINTS
    """Viewer's left eye, right eye, nose, left and right mouth corner, in pixels of a square of `side`."""
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    """Mean to subtract, in 0..255 and the network's channel order."""
    deviation: float = 127.5
    """Divisor after subtracting the mean."""
    reversed_colours: bool = False
    """Whether the channel order is BGR instead of RGB."""

    def square(self, picture: Image.Image, face: Face, side: int) -> np.ndarray:
        """(side, side, 3) uint8 RGB, aligned; beyond the picture it is black, as in training."""
        target = np.asarray(self.points) * (side / self.side)
        return warped(as_array(picture), similarity(face.points, target), (side, side), outside=0)

    def numbers(self, square: np.ndarray) -> np.ndarray:
        """A (height, width, 3) uint8 RGB square as float32, normalised, in the network's channel order."""
        ordered = square[..., ::-1] if self.reversed_colours else square
        return (ordered.astype(np.float32) - np.asarray(self.mean, np.float32)) / np.float32(self.deviation)
