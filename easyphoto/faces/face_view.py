"""A face's own coordinate system, and the upright crop in which its parts are located."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, Size, transformed
from easyphoto.images.pictures import warped

SCALE = 46.0
"""Pixels of the upright crop per unit, which makes it about 320 px wide; a lock of hair is 0.1 units."""
_REACH = 1.2
# Limits of the upright crop's half side, in units: YuNet's boxes of 230 faces give 2.8 to 4.0; the limits keep a wrong
# box from costing minutes.
_LEAST_HALF, _MOST_HALF = 2.6, 4.6
# Height divided by width of YuNet's boxes: 1.26 to 1.48 (10 and 90 % quantiles of 230).
_ASPECT = 1.37


@dataclass(frozen=True)
class FaceFrame:
    """Upright coordinates (u, v) of a face, with the origin between the eyes, u to the right and v down to the mouth.

    The unit is the larger of two estimates of the eye distance, which makes it robust to turned heads, where the eyes
    appear closer together.
    """

    origin: np.ndarray
    """(2,) pixels of the picture."""
    right: np.ndarray
    """(2,) unit vector of u in the picture."""
    down: np.ndarray
    """(2,) unit vector of v in the picture."""
    unit: float
    """Pixels."""

    @classmethod
    def of(cls, points: np.ndarray) -> FaceFrame:
        """The frame of a face's (5, 2) points in pixels."""
        points = np.asarray(points, np.float64)
        eyes, mouth = points[:2].mean(0), points[3:5].mean(0)
        line = points[1] - points[0]
        # On an upright adult face the mouth is about 1.1 eye distances below the eyes.
        unit = max(float(np.linalg.norm(line)), float(np.linalg.norm(mouth - eyes)) / 1.1, 1e-3)
        length = float(np.linalg.norm(line))
        right = line / length if length > 1e-6 else np.array([1.0, 0.0])
        return cls(eyes, right, np.array([-right[1], right[0]]), unit)

    def place(self, u: float, v: float) -> np.ndarray:
        """(2,) pixels of the picture at (u, v)."""
        return self.origin + self.unit * (u * self.right + v * self.down)

    def coordinates_of(self, points: np.ndarray) -> np.ndarray:
        """(…, 2) float64 u and v of (…, 2) pixels of the picture."""
        away = (np.asarray(points, np.float64) - self.origin) / self.unit
        return np.stack([away @ self.right, away @ self.down], axis=-1)

    def piece(self, image: np.ndarray, middle: np.ndarray, size: Size, scale: float) -> np.ndarray:
        """An upright crop of `size` centred on the pixel `middle` (2,), at `scale` pixels per unit.

        `image` is (height, width, 3) uint8. Beyond the picture its edge is repeated.
        """
        turn = scale / self.unit * np.array([self.right, self.down])
        shift = (np.array([size.width, size.height]) - 1) / 2 - turn @ middle
        return warped(image, np.column_stack([turn, shift]), (size.height, size.width))


def _upright(box: Box, frame: FaceFrame) -> tuple[float, float, float, float]:
    """The box around the upright face: u of its left and right edge, v of its top and bottom.

    The bounding box of a tilted ellipse with a face's proportions is wider and lower than that of the upright one.
    """
    across, down = np.abs(frame.right)
    wider = float(np.hypot(across, _ASPECT * down))
    lower = float(np.hypot(down, _ASPECT * across)) / _ASPECT
    u, v = frame.coordinates_of(np.asarray(box.centre))
    half, high = box.width / (2 * wider * frame.unit), box.height / (2 * lower * frame.unit)
    return float(u - half), float(u + half), float(v - high), float(v + high)


@dataclass(frozen=True, eq=False)
class FaceView:
    """An upright crop of a face and its surroundings, at `SCALE` pixels per unit."""

    image: np.ndarray
    """(side, side, 3) uint8 RGB; beyond the picture its edge is repeated."""
    inside: np.ndarray
    """(side, side) bool: inside the picture."""
    matrix: np.ndarray
    """(2, 3), from this view's pixels to the picture's."""
    origin: np.ndarray
    """(2,) pixel of the point between the eyes in this view."""
    points: np.ndarray
    """(5, 2): u and v of the five points."""
    box: tuple[float, float, float, float]
    """The detector's box: u of its left and right edge, v of its top and bottom."""

    @classmethod
    def of(cls, image: np.ndarray, face: Face) -> FaceView:
        """The view of a face in a (height, width, 3) uint8 RGB picture."""
        frame, box = FaceFrame.of(face.points), face.box
        half = float(np.clip(_REACH * max(box.width, box.height) / frame.unit, _LEAST_HALF, _MOST_HALF))
        side = round(2 * half * SCALE)
        pixel = frame.unit / SCALE
        corner = np.asarray(box.centre) - (frame.right + frame.down) * pixel * (side - 1) / 2
        matrix = np.column_stack([frame.right * pixel, frame.down * pixel, corner])
        inverse = cv2.invertAffineTransform(matrix)
        everywhere = np.full(image.shape[:2], 255, np.uint8)
        return cls(
            warped(image, inverse, (side, side)),
            warped(everywhere, inverse, (side, side), outside=0) > 127,
            matrix,
            transformed(frame.origin[None], inverse)[0],
            frame.coordinates_of(face.points),
            _upright(box, frame),
        )

    @property
    def u(self) -> np.ndarray:
        """(1, side) float32: u of every column."""
        return ((np.arange(self.image.shape[1]) - self.origin[0]) / SCALE).astype(np.float32)[None]

    @property
    def v(self) -> np.ndarray:
        """(side, 1) float32: v of every row."""
        return ((np.arange(self.image.shape[0]) - self.origin[1]) / SCALE).astype(np.float32)[:, None]

    def filled(self, outline: np.ndarray) -> np.ndarray:
        """(side, side) bool: inside an (N, 2) polygon of u and v."""
        mask = np.zeros(self.image.shape[:2], np.uint8)
        # Four bits of sub-pixel precision, because a brow is only four pixels high.
        corners = np.round((outline * SCALE + self.origin) * 16).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1, lineType=cv2.LINE_8, shift=4)
        return mask > 0

    def row(self, v: float) -> int:
        """The pixel row at v, clipped to the view."""
        return int(np.clip(round(v * SCALE + self.origin[1]), 0, self.image.shape[0] - 1))

    def sampled(self, field: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Values of a (side, side) field, bilinear, at positions whose u and v broadcast to the result's shape."""
        u, v = np.broadcast_arrays(u, v)
        flat = u.reshape(len(u), -1), v.reshape(len(v), -1)
        x, y = ((axis * SCALE + start).astype(np.float32) for axis, start in zip(flat, self.origin, strict=True))
        values = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(values).reshape(u.shape)
