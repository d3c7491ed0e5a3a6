"""The soft edge of a mask as the picture shows it: part maps are coarser than pictures, and their steps would show."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.images.masks import dilated

# Colours of both sides that differ by less than the first (of 255) do not tell where the edge lies, from the second on
# they do.
LEAST_CONTRAST, FULL_CONTRAST = 12.0, 40.0
# How far (of 255) a neighbour's colour may be from a pixel's to be taken for one of its two ingredients, and what every
# neighbour counts even so.
ALIKE, ANY = 25.0, 1e-4
OFF_THE_LINE = 15.0
MOST_CALMED = 9
# Neighbours are looked for up to this many times the reach away: on rings, in directions.
FARTHEST, RINGS, DIRECTIONS = 3.0, 5, 12


def matte(mask: np.ndarray, picture: np.ndarray, reach: float) -> np.ndarray:
    """float32 0..1: how much of each pixel belongs to `mask` (0..1), whose edge may be off by `reach` pixels.

    Within reach of the edge a pixel is taken for a mixture (Porter & Duff, "Compositing digital images", 1984) of the
    colours on either side around it, of those that are most like it: beside a collar on a shirt neither the collar nor
    the shirt is half skin. Beyond, the mask is as it was.
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
    # What lies off the line between both is no mixture of them: it is what it looks most like.
    off = ((other.colour + share[:, None] * axis - colours) ** 2).sum(1)
    mixture = np.exp(-off / (2 * OFF_THE_LINE**2))
    share = mixture * share + (1 - mixture) * np.exp(-((own.colour - colours) ** 2).sum(1) / (2 * ALIKE**2))
    plain = cv2.GaussianBlur(inside, (0, 0), max(0.5, reach / 3))[rows, columns]
    told = np.clip((np.sqrt(length) - LEAST_CONTRAST) / (FULL_CONTRAST - LEAST_CONTRAST), 0.0, 1.0)
    told *= (own.weight > 0) & (other.weight > 0)
    result[rows, columns] = told * share + (1 - told) * plain
    # Neighbours are samples, and single pixels that none of them explains would sparkle.
    size = 2 * max(1, round(reach / 3)) + 1
    calm = cv2.medianBlur(np.rint(result * 255).astype(np.uint8), min(size, MOST_CALMED))
    result[rows, columns] = calm[rows, columns] / np.float32(255)
    return result


class _Ingredient:
    """The weighted mean of the neighbours on one side, for every pixel."""

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
    """Rows and columns from a pixel."""
    radii = np.linspace(farthest / RINGS, farthest, RINGS)
    angles = 2 * np.pi * (np.arange(DIRECTIONS) / DIRECTIONS)
    places = {(round(r * np.sin(a + i)), round(r * np.cos(a + i))) for i, r in enumerate(radii) for a in angles}
    return sorted(places)
