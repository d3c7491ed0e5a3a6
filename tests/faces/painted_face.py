"""A face painted like a photograph: shaded skin, hair of many strands, and whatever lies over it.

Places are in units of the eyes' distance, seen from the point between the eyes, as `FaceFrame` has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from easyphoto.faces.engine import Face
from easyphoto.geometry import Box

UNIT = 60
SIZE = (400, 400)
ORIGIN = np.array([200.0, 180.0])
SKIN, LIPS, HAIR = (214, 168, 142), (176, 84, 88), (62, 44, 34)
WALL, SHIRT = (128, 146, 160), (70, 84, 120)


def places() -> tuple[np.ndarray, np.ndarray]:
    """u and v of every pixel."""
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    return (columns - ORIGIN[0]) / UNIT, (rows - ORIGIN[1]) / UNIT


def pixels(*points: tuple[float, float]) -> np.ndarray:
    return np.round(np.array(points) * UNIT + ORIGIN).astype(np.int32)


@dataclass
class Painting:
    """Painted over and over, as a painter does; `strands` gives hair its texture."""

    image: np.ndarray = field(default_factory=lambda: np.full((SIZE[1], SIZE[0], 3), WALL, np.float32))

    def lay(self, where: np.ndarray, colour: tuple[int, int, int]) -> None:
        self.image[where] = colour

    def shade(self, where: np.ndarray, by: np.ndarray | float) -> None:
        self.image[where] *= np.broadcast_to(by, where.shape)[where][:, None]

    def strands(self, where: np.ndarray, colour: tuple[int, int, int] = HAIR) -> None:
        streaks = np.random.default_rng(5).uniform(0.45, 1.5, where.shape).astype(np.float32)
        self.image[where] = np.clip(
            np.array(colour) * cv2.GaussianBlur(streaks, (0, 0), 0.9, sigmaY=3)[where][:, None], 0, 255
        )

    def photograph(self) -> np.ndarray:
        """With a lens's softness and a sensor's noise."""
        noise = np.random.default_rng(3).normal(0, 2.5, self.image.shape)
        return np.clip(cv2.GaussianBlur(self.image, (0, 0), 1.0) + noise, 0, 255).astype(np.uint8)


def oval() -> np.ndarray:
    """bool: the face, from the hair line to the chin."""
    u, v = places()
    return np.hypot(u / 1.0, (v - 0.35) / 1.4) < 1


def filled(*corners: tuple[float, float]) -> np.ndarray:
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.fillPoly(mask, [pixels(*corners)], 1)
    return mask > 0


def head(*, brow: float | None = 0.25, ears: bool = True) -> Painting:
    """Frontal, short hair, closed mouth; brows so far above the eyes, or none."""
    u, v = places()
    painting = Painting()
    painting.lay((np.abs(u) < 2.2) & (v > 2.3 + 0.25 * u**2), SHIRT)
    painting.lay((np.abs(u) < 0.55) & (v > 1.0) & (v < 2.6), tuple(int(0.8 * c) for c in SKIN))
    painting.strands(np.hypot(u / 1.2, (v + 0.2) / 1.55) < 1)
    painting.lay((v > 0.15) & (np.abs(u) > 1.0) & (v < 1.4) & (np.abs(u) < 1.3), WALL)
    if ears:
        painting.lay(np.hypot((np.abs(u) - 1.05) / 0.2, (v - 0.25) / 0.42) < 1, SKIN)
    face = oval()
    painting.lay(face, SKIN)
    painting.shade(face, 1.05 - 0.2 * np.hypot(u, (v - 0.35) / 1.4) ** 2)
    painting.lay(np.hypot(u / 0.17, (v - 0.74) / 0.04) < 1, (150, 100, 86))
    painting.lay(np.hypot(u / 0.42, (v - 1.12) / 0.14) < 1, LIPS)
    for side in (-0.5, 0.5):
        painting.lay(np.hypot((u - side) / 0.2, v / 0.08) < 1, (226, 224, 222))
        painting.lay(np.hypot((u - side) / 0.08, v / 0.08) < 1, (60, 44, 36))
        if brow is not None:
            painting.lay((np.abs(u - side) < 0.32) & (np.abs(v + brow) < 0.05), (70, 50, 40))
    return painting


def face_at(*, turn: float = 0.0) -> Face:
    """What a detector says of it; `turn` moves nose and mouth to a side."""
    points = [(-0.5, 0), (0.5, 0), (turn, 0.6), (-0.4 + turn / 2, 1.1), (0.4 + turn / 2, 1.1)]
    left, top = np.array([-1.05, -1.14]) * UNIT + ORIGIN
    right, bottom = np.array([1.05, 1.78]) * UNIT + ORIGIN
    return Face(Box(left, top, right, bottom), (np.array(points) * UNIT + ORIGIN).astype(np.float32), 0.95)
