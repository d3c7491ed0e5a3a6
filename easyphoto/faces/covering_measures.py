"""Colour and edge measures of a photographed face's eyes and mouth that change when something covers them.

They are taken in the face's frame at a fixed size, so that pictures of any size compare, and relative to its own skin,
so that different faces and lights compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.face_view import FaceFrame
from easyphoto.geometry import Size
from easyphoto.images.srgb import as_lab

UNIT = 32.0
"""Pixels per eye distance. A face 60 px wide has an eye distance of 27 px."""
# Spots where skin is mostly bare (cheeks, nose, forehead), in eye distances from the point between the eyes.
_SPOTS = (
    (-0.45, 0.42), (0.45, 0.42), (0.0, 0.3), (0.0, -0.45), (-0.3, -0.5), (0.3, -0.5), (-0.6, 0.75), (0.6, 0.75),
    (0.0, 0.12),
)  # fmt: skip
_SPOT = (0.2, 0.16)
# Weight of L in the distance between spots, and the distance within which a spot has the commonest colour and counts
# as skin; light varies over a face more than hue does.
_LIGHT_COUNTS, _SAME_SKIN = 0.5, 12.0
# Units of Lab differences: light varies over bare skin about twice as much as hue does.
_LAB_UNITS = np.array([20.0, 10.0, 10.0])
# Width and height in eye distances, and rows and columns of cells.
_EYE, _MOUTH, _LOWER_FACE = (0.8, 0.6, 3, 4), (1.2, 0.8, 4, 5), (1.44, 1.3, 3, 3)
_LOWER_FACE_BELOW_EYES = 1.2
_MOST_LIGHT = 3.0


@dataclass(frozen=True)
class EyeMeasures:
    """Colour differences are in `_LAB_UNITS`."""

    light: float
    """Lightness minus the skin's."""
    colour: float
    """Distance from the skin's colour, in lightness and hue."""
    edges: float
    """Strength of level edges, as of lids and lashes."""
    lids: float
    """Level edges in the middle minus those all over."""
    fall: float
    """Lightness of the top minus that of the bottom."""
    unlike: float
    """Distance of its colours from the mirrored other eye's."""


@dataclass(frozen=True)
class MouthMeasures:
    """Colour differences are in `_LAB_UNITS`."""

    edges: float
    """Strength of level edges."""
    lips: float
    """Level edges in the middle minus those all over."""
    red: float
    """Redness (a) of the middle minus that all over."""
    hue: float
    """Distance of the lower face's hue from the skin's."""


def measured(image: np.ndarray, points: np.ndarray) -> tuple[EyeMeasures, EyeMeasures, MouthMeasures]:
    """Measures of the left eye, the right eye (mirrored) and the mouth.

    `image` is (height, width, 3) uint8 RGB, `points` are the face's (5, 2) pixels in it.
    """
    points = np.asarray(points, np.float64)
    face = _FaceInLab(image, FaceFrame.of(points))
    left = face.cells(points[0], *_EYE)
    right = face.cells(points[1], *_EYE, is_mirrored=True)
    unlike = float(np.abs(left - right)[..., :3].mean())
    mouth = face.cells(points[3:5].mean(0), *_MOUTH)
    lower = face.cells(face.frame.place(0.0, _LOWER_FACE_BELOW_EYES), *_LOWER_FACE)
    all_over, middle = mouth.mean((0, 1)), mouth[1:3, 1:4].mean((0, 1))
    return (
        _eye(left, unlike),
        _eye(right, unlike),
        MouthMeasures(
            edges=float(all_over[3]),
            lips=float(middle[3] - all_over[3]),
            red=float(middle[1] - all_over[1]),
            hue=float(np.hypot(lower[..., 1], lower[..., 2]).mean()),
        ),
    )


def _eye(cells: np.ndarray, unlike: float) -> EyeMeasures:
    light, edges = cells[..., 0], cells[..., 3]
    seen = np.dstack([np.clip(light, -_MOST_LIGHT, _MOST_LIGHT) / 2, cells[..., 1:3]])
    return EyeMeasures(
        light=float(light.mean()),
        colour=float(np.linalg.norm(seen, axis=2).mean()),
        edges=float(edges.mean()),
        lids=float(edges[1, 1:3].mean() - edges.mean()),
        fall=float(light[0].mean() - light[-1].mean()),
        unlike=unlike,
    )


class _FaceInLab:
    """Cuts pieces out of a picture in a face's frame, in Lab."""

    def __init__(self, image: np.ndarray, frame: FaceFrame) -> None:
        self._image, self.frame = image, frame
        spots = [self._piece(frame.place(u, v), *_SPOT).reshape(-1, 3) for u, v in _SPOTS]
        self._skin = _skin(np.array([np.median(spot, axis=0) for spot in spots]))

    def cells(
        self, middle: np.ndarray, width: float, height: float, rows: int, columns: int, *, is_mirrored: bool = False
    ) -> np.ndarray:
        """(rows, columns, 4) float32: mean L, a, b minus the skin's, in `_LAB_UNITS`, and level edges."""
        piece = self._piece(middle, width, height)
        edges = np.abs(cv2.Sobel(np.ascontiguousarray(piece[..., 0]), cv2.CV_32F, 0, 1)) / 24
        seen = np.dstack([(piece - self._skin) / _LAB_UNITS, edges]).astype(np.float32)
        small = cv2.resize(seen, (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(small[:, ::-1] if is_mirrored else small)

    def _piece(self, middle: np.ndarray, width: float, height: float) -> np.ndarray:
        """(rows, columns, 3) float32 Lab of a piece; `width` and `height` are in eye distances."""
        size = Size(round(width * UNIT), round(height * UNIT))
        piece = self.frame.piece(self._image, middle, size, UNIT)
        return as_lab(piece)


def _skin(spots: np.ndarray) -> np.ndarray:
    """(3,) Lab: the colour that most spots share."""
    weights = np.array([_LIGHT_COUNTS, 1.0, 1.0])
    distances = np.linalg.norm((spots[:, None] - spots[None]) * weights, axis=2)
    commonest = spots[int(np.argmin(distances.sum(1)))]
    alike = np.linalg.norm((spots - commonest) * weights, axis=1) < _SAME_SKIN
    return np.asarray(np.median(spots[alike], axis=0))
