"""Pre- and postprocessing of detectors: resizing the picture to the network's input, and non-maximum suppression."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.faces.engine import Face
from easyphoto.geometry import Box


def letterboxed(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A (side, side, 3) uint8 square with the picture at its top left on black, and the factors back to the picture.

    `image` is (height, width, 3) uint8. The factors are (2,) float64 (x, y); they differ when width and height are
    rounded differently.
    """
    small, back = fitted(image, side)
    right, bottom = side - small.shape[1], side - small.shape[0]
    return cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0)), back


def fitted(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The (height, width, 3) uint8 picture resized to a longest side of `side` pixels, and (2,) float64 (x, y) factors
    back to the picture."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way), np.array([width / size[0], height / size[1]])


def strongest(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """Non-maximum suppression: indices of the kept boxes, best first.

    `boxes` is (N, 4) left, top, right, bottom in pixels, `scores` (N,). A box is dropped when its intersection over
    union with a better one exceeds `overlap` (0..1).
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    left, top, right, bottom = boxes.T
    areas = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    waiting = np.argsort(-np.asarray(scores), kind="stable")
    kept: list[int] = []
    while waiting.size:
        best, rest = int(waiting[0]), waiting[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        waiting = rest[common <= overlap * np.maximum(areas[best] + areas[rest] - common, 1e-9)]
    return kept


def as_faces(boxes: np.ndarray, points: np.ndarray, scores: np.ndarray) -> tuple[Face, ...]:
    """Faces from (N, 4) boxes, (N, 5, 2) points (both pixels) and (N,) scores in 0..1, largest first."""
    faces = [
        Face(Box(*map(float, box)), np.asarray(five, np.float32), float(score))
        for box, five, score in zip(boxes, points, scores, strict=True)
    ]
    return largest_first(faces)


def largest_first(faces: list[Face]) -> tuple[Face, ...]:
    return tuple(sorted(faces, key=lambda face: -face.box.area))
