"""The ground that coverings are drawn on: a face seen from the front, the unit the distance between its eyes.

u grows to the viewer's right and v downwards; the eyes lie at (∓0.5, 0), the mouth's corners at (∓0.4, 1.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

UNIT = 64
"""Pixels of the ground per unit."""
LEFT, TOP, RIGHT, BOTTOM = -2.2, -2.0, 2.2, 3.0
POINTS = np.array([(-0.5, 0.0), (0.5, 0.0), (0.0, 0.6), (-0.4, 1.1), (0.4, 1.1)])

Place = tuple[float, float]


class Ground:
    """RGB 0..255 and opacity 0..1, floats; everything drawn later lies above."""

    def __init__(self) -> None:
        height, width = round((BOTTOM - TOP) * UNIT), round((RIGHT - LEFT) * UNIT)
        self.colour = np.zeros((height, width, 3), np.float32)
        self.opacity = np.zeros((height, width), np.float32)
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        self.u, self.v = columns / UNIT + LEFT, rows / UNIT + TOP

    def laid(self, colour: np.ndarray | Sequence[float], mask: np.ndarray, opacity: float | np.ndarray = 1.0) -> None:
        """A colour, one or one for each pixel, through a mask."""
        alpha = (mask * opacity).astype(np.float32)
        over = np.broadcast_to(np.asarray(colour, np.float32), self.colour.shape)
        total = alpha + self.opacity * (1 - alpha)
        share = np.divide(alpha, total, out=np.zeros_like(alpha), where=total > 0)[..., None]
        self.colour = self.colour * (1 - share) + over * share
        self.opacity = total

    def shaded(self, factor: np.ndarray) -> None:
        self.colour = np.clip(self.colour * factor[..., None], 0, 255)

    def polygon(self, places: Sequence[Place] | np.ndarray, *, soft: float = 0.0) -> np.ndarray:
        """A mask; `soft` is the edge's width in units."""
        mask = np.zeros(self.opacity.shape, np.uint8)
        cv2.fillPoly(mask, [_pixels(places)], 255, cv2.LINE_AA, 4)
        return _softened(mask, soft)

    def line(self, places: Sequence[Place] | np.ndarray, width: float, *, soft: float = 0.0) -> np.ndarray:
        mask = np.zeros(self.opacity.shape, np.uint8)
        cv2.polylines(mask, [_pixels(places)], False, 255, max(1, round(width * UNIT)), cv2.LINE_AA, 4)
        return _softened(mask, soft)

    def stroke(self, image: np.ndarray, places: np.ndarray, width: float, colour: np.ndarray | float) -> None:
        """A line straight into an array of the ground's size: hundreds of them cost what one `laid` does."""
        shade = [float(value) for value in np.atleast_1d(colour)]
        cv2.polylines(image, [_pixels(places)], False, shade, max(1, round(width * UNIT)), cv2.LINE_AA, 4)

    def ellipse(self, centre: Place, axes: Place, *, turn: float = 0.0, power: float = 2.0) -> np.ndarray:
        """A mask; `power` 2 is an ellipse, 4 a rounded rectangle. `turn` in degrees."""
        angle = np.radians(turn)
        x, y = self.u - centre[0], self.v - centre[1]
        along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
        reach = (np.abs(along / axes[0]) ** power + np.abs(across / axes[1]) ** power) ** (1 / power)
        return np.clip((1 - reach) * min(axes) * UNIT + 0.5, 0, 1).astype(np.float32)


def smooth(places: Sequence[Place], steps: int = 12, *, closed: bool = False) -> np.ndarray:
    """A Catmull-Rom curve through the places."""
    points = np.asarray(places, np.float64)
    padded = np.concatenate([points[-1:], points, points[:2]] if closed else [points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3))
    return np.concatenate([*pieces, points[:1] if closed else points[-1:]])


def clouds(shape: tuple[int, ...], rng: np.random.Generator, *, grain: float, octaves: int = 3) -> np.ndarray:
    """Noise of mean 0 and deviation 1 whose largest spots are `grain` pixels wide."""
    total = np.zeros(shape[:2], np.float32)
    for octave in range(octaves):
        cell = max(1.0, grain / 2**octave)
        size = (max(2, round(shape[1] / cell)), max(2, round(shape[0] / cell)))
        spots = rng.standard_normal((size[1], size[0])).astype(np.float32)
        total += cv2.resize(spots, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC) / 2**octave
    return (total - total.mean()) / max(float(total.std()), 1e-6)


def _pixels(places: Sequence[Place] | np.ndarray) -> np.ndarray:
    """Sixteenths of pixels, as OpenCV's `shift` of 4 wants them."""
    return np.rint((np.asarray(places, np.float64) - (LEFT, TOP)) * UNIT * 16).astype(np.int32)


def _softened(mask: np.ndarray, soft: float) -> np.ndarray:
    alpha = mask.astype(np.float32) / 255
    return cv2.GaussianBlur(alpha, (0, 0), soft * UNIT / 2) if soft > 0 else alpha
