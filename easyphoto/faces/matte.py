"""Alpha matting of a mask's edge: part maps are coarser than pictures, and their steps would show."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.images.blur import blurred
from easyphoto.images.masks import dilated

# Colour difference between the two sides (0..255): below the first it does not locate the edge, from the second on it
# fully does.
LEAST_CONTRAST, FULL_CONTRAST = 12.0, 40.0
# Deviation (0..255) of a neighbour's colour from the pixel's in its weight as a sample, and the least weight.
ALIKE, ANY = 25.0, 1e-4
OFF_THE_LINE = 15.0
MOST_CALMED = 9
# Neighbours are sampled up to this many times the reach away, on this many rings and in this many directions.
FARTHEST, RINGS, DIRECTIONS = 3.0, 5, 12


def matte(mask: np.ndarray, picture: np.ndarray, reach: float) -> np.ndarray:
    """(height, width) float32 alpha in 0..1 for a mask whose edge may be off by `reach` pixels.

    `mask` is (height, width) in 0..1, `picture` (height, width, 3) uint8. Within reach of the edge a pixel is modelled
    as a mixture (Porter & Duff, "Compositing digital images", 1984) of the most similar nearby colours on either side,
    so that beside a collar on a shirt neither the collar nor the shirt becomes half skin. Farther away alpha is the
    binarised mask.
    """
    inside = (mask > 0.5).astype(np.float32)
    sure, out = dilated(inside, -reach) > 0.5, dilated(inside, reach) <= 0.5
    rows, columns = np.nonzero(~sure & ~out)
    result = inside.copy()
    if not len(rows):
        return result
    colours = picture[rows, columns].astype(np.float32)
    own, other = _Ingredient(colours), _Ingredient(colours)
    height, width = inside.shape
    for down, right in _neighbours(FARTHEST * reach):
        there = np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)
        neighbour = picture[there].astype(np.float32)
        likeness = np.exp(-((neighbour - colours) ** 2).sum(1) / (2 * ALIKE**2)) + ANY
        own.add(neighbour, likeness * sure[there])
        other.add(neighbour, likeness * out[there])
    axis = own.colour - other.colour
    length = (axis**2).sum(1)
    share = np.clip(((colours - other.colour) * axis).sum(1) / np.maximum(length, 1e-3), 0.0, 1.0)
    # A colour off the line between the two is not a mixture of them; it counts as own by its similarity alone.
    off = ((other.colour + share[:, None] * axis - colours) ** 2).sum(1)
    mixture = np.exp(-off / (2 * OFF_THE_LINE**2))
    share = mixture * share + (1 - mixture) * np.exp(-((own.colour - colours) ** 2).sum(1) / (2 * ALIKE**2))
    plain = blurred(inside, max(0.5, reach / 3))[rows, columns]
    told = np.clip((np.sqrt(length) - LEAST_CONTRAST) / (FULL_CONTRAST - LEAST_CONTRAST), 0.0, 1.0)
    told *= (own.weight > 0) & (other.weight > 0)
    result[rows, columns] = told * share + (1 - told) * plain
    # Neighbours are sparse samples; the median removes single pixels that none of them explains.
    size = 2 * max(1, round(reach / 3)) + 1
    calm = cv2.medianBlur(np.rint(result * 255).astype(np.uint8), min(size, MOST_CALMED))
    result[rows, columns] = calm[rows, columns] / np.float32(255)
    return result


class _Ingredient:
    """The weighted mean colour of the neighbours on one side, for every pixel."""

    def __init__(self, like: np.ndarray) -> None:
        self.weight = np.zeros(len(like), np.float32)
        self._sum = np.zeros_like(like)

    def add(self, colours: np.ndarray, weight: np.ndarray) -> None:
        self.weight += weight
        self._sum += colours * weight[:, None]

    @property
    def colour(self) -> np.ndarray:
        return self._sum / np.maximum(self.weight, 1e-12)[:, None]


def _neighbours(farthest: float) -> list[tuple[int, int]]:
    """Row and column offsets, in pixels."""
    radii = np.linspace(farthest / RINGS, farthest, RINGS)
    angles = 2 * np.pi * (np.arange(DIRECTIONS) / DIRECTIONS)
    places = {(round(r * np.sin(a + i)), round(r * np.cos(a + i))) for i, r in enumerate(radii) for a in angles}
    return sorted(places)
