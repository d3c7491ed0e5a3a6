"""Numbers about a photographed face that are others where something covers it: colour, light and edges, cell by cell.

Measured in the face's own frame at one size, so that pictures of any size compare, and against its own skin, so that
faces and lights do.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from easyphoto.faces.face_view import FaceFrame
from easyphoto.images import warped

UNIT = 32.0
"""Pixels of an eye distance. A face of 60 px has 27."""
STATISTICS = ("L", "a", "b", "spread", "across", "down", "detail", "to the right", "downwards")
"""Of a cell: its colour against the skin's, its light's deviation, and its edges, without and with their sign."""
# Where skin is mostly bare, in eye distances from the middle of the eyes: cheeks, nose, forehead.
_SPOTS = (
    (-0.45, 0.42), (0.45, 0.42), (0.0, 0.3), (0.0, -0.45), (-0.3, -0.5), (0.3, -0.5), (-0.6, 0.75), (0.6, 0.75),
    (0.0, 0.12),
)  # fmt: skip
_SCALES = np.array([20.0, 10.0, 10.0])
# Spots whose colour is this near to the commonest one are skin; light changes over a face more than hue does.
_LIGHT_COUNTS, _SAME_SKIN = 0.5, 12.0


@dataclass(frozen=True)
class Patch:
    """A part of the face: its size in eye distances, its rows and columns of cells."""

    width: float
    height: float
    rows: int
    columns: int


EYE, MOUTH, WHOLE = Patch(0.8, 0.6, 3, 4), Patch(1.2, 0.8, 4, 5), Patch(2.4, 2.6, 6, 5)
_WHOLE_BELOW_EYES = 0.55


@dataclass(frozen=True, eq=False)
class Measures:
    """Of one face. What is the right eye's is measured in the mirror, so that both eyes compare."""

    left_eye: np.ndarray
    right_eye: np.ndarray
    mouth: np.ndarray
    whole: np.ndarray
    mirrored: np.ndarray
    """The whole in the mirror."""
    spots: np.ndarray
    shape: np.ndarray
    """Where nose and mouth lie, the detector's score, and the skin's own colour."""


def measured(image: np.ndarray, points: np.ndarray, score: float) -> Measures:
    """`image` is RGB, the five points lie in its pixels."""
    points = np.asarray(points, np.float64)
    frame = FaceFrame.of(points)
    lab = _Lab(image, frame)
    spots = np.array([np.median(lab.patch(frame.place(u, v), 0.2, 0.16).reshape(-1, 3), axis=0) for u, v in _SPOTS])
    skin = _skin(spots)
    mouth = points[3:5].mean(0)
    whole = lab.patch(frame.place(0.0, _WHOLE_BELOW_EYES), WHOLE.width, WHOLE.height)
    eyes = [lab.patch(eye, EYE.width, EYE.height) for eye in points[:2]]
    return Measures(
        left_eye=cells(eyes[0], skin, EYE),
        right_eye=cells(eyes[1][:, ::-1], skin, EYE),
        mouth=cells(lab.patch(mouth, MOUTH.width, MOUTH.height), skin, MOUTH),
        whole=cells(whole, skin, WHOLE),
        mirrored=cells(whole[:, ::-1], skin, WHOLE),
        spots=((spots - skin) / _SCALES).ravel(),
        shape=_shape(frame, points, score, skin),
    )


class _Lab:
    """A picture from which pieces are cut in the face's frame, in Lab."""

    def __init__(self, image: np.ndarray, frame: FaceFrame) -> None:
        self._image, self._frame = image, frame

    def patch(self, middle: np.ndarray, width: float, height: float) -> np.ndarray:
        """float32 (height, width, 3) of a piece of so many eye distances."""
        size = np.array([round(width * UNIT), round(height * UNIT)])
        turn = UNIT / self._frame.unit * np.array([self._frame.right, self._frame.down])
        shift = (size - 1) / 2 - turn @ middle
        piece = warped(self._image, np.column_stack([turn, shift]), (int(size[1]), int(size[0])))
        return cv2.cvtColor(piece.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _skin(spots: np.ndarray) -> np.ndarray:
    """The colour that most spots share."""
    weights = np.array([_LIGHT_COUNTS, 1.0, 1.0])
    distances = np.linalg.norm((spots[:, None] - spots[None]) * weights, axis=2)
    commonest = spots[int(np.argmin(distances.sum(1)))]
    alike = np.linalg.norm((spots - commonest) * weights, axis=1) < _SAME_SKIN
    return np.asarray(np.median(spots[alike], axis=0))


def cells(patch: np.ndarray, skin: np.ndarray, layout: Patch) -> np.ndarray:
    """STATISTICS of each cell, row by row."""
    light = np.ascontiguousarray(patch[..., 0])
    right, down = (cv2.Sobel(light, cv2.CV_32F, *order) / 24 for order in ((1, 0), (0, 1)))
    detail = np.abs(cv2.Laplacian(light, cv2.CV_32F)) / 3
    edges = np.dstack([np.abs(right), np.abs(down), detail, right, down])
    rows = np.linspace(0, patch.shape[0], layout.rows + 1).astype(int)
    columns = np.linspace(0, patch.shape[1], layout.columns + 1).astype(int)
    found = []
    for top, bottom in pairwise(rows):
        for left, end in pairwise(columns):
            colour = (patch[top:bottom, left:end].reshape(-1, 3).mean(0) - skin) / _SCALES
            spread = light[top:bottom, left:end].std() / 10
            found.append([*colour, spread, *edges[top:bottom, left:end].reshape(-1, 5).mean(0)])
    return np.asarray(found, np.float64).ravel()


def _shape(frame: FaceFrame, points: np.ndarray, score: float, skin: np.ndarray) -> np.ndarray:
    nose, mouth = (points[2] - frame.origin) / frame.unit, (points[3:5].mean(0) - frame.origin) / frame.unit
    widths = [float(np.linalg.norm(points[one] - points[other])) / frame.unit for one, other in ((0, 1), (3, 4))]
    places = [float(part @ axis) for part in (nose, mouth) for axis in (frame.right, frame.down)]
    return np.array([score, *places, *widths, skin[0] / 50 - 1, skin[1] / 10 - 1, skin[2] / 10 - 1])
