"""Photos that show nearly the same picture: bursts, crops and copies. They count once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face
from easyphoto.geometry import similarity

_SIDE = 32
# Where the five points lie in the face patch and, at half that scale, in the patch of its surroundings.
_FACE = np.array([[0.31, 0.36], [0.69, 0.36], [0.5, 0.56], [0.34, 0.74], [0.66, 0.74]])
# Copies reach 0.94 and more even at half the size; 224 pairs of different drawings of one person stay below 0.83.
_FACE_ALIKE = 0.90
_SURROUNDINGS_ALIKE = 0.90


@dataclass(frozen=True, eq=False)
class Signature:
    """Small grey patches, light and contrast taken out: the face, and the picture around it."""

    face: np.ndarray
    surroundings: np.ndarray
    seen: np.ndarray
    """The pixels of `surroundings` that lie inside the picture."""


def signature(picture: Image.Image, face: Face) -> Signature:
    """Aligned by the five points, so that crops and copies of another size have the same one."""
    grey = np.asarray(picture.convert("L"), np.float32)
    near, _ = _patch(grey, face, 1.0)
    wide, seen = _patch(grey, face, 0.5)
    return Signature(near, wide, seen)


def are_duplicates(one: Signature, other: Signature) -> bool:
    """Whether two photos are one picture, or next to each other in a burst."""
    seen = one.seen & other.seen
    if correlation(one.face, other.face) < _FACE_ALIKE:
        return False
    return correlation(one.surroundings[seen], other.surroundings[seen]) >= _SURROUNDINGS_ALIKE


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one.ravel() - one.mean(), other.ravel() - other.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm > 1e-6 else 1.0


def _patch(grey: np.ndarray, face: Face, scale: float) -> tuple[np.ndarray, np.ndarray]:
    import cv2

    target = ((_FACE - 0.5) * scale + 0.5) * _SIDE
    matrix = similarity(np.asarray(face.points, np.float64), target)
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    # Averaged first: a bare warp would pick single pixels, and two sizes of one picture would differ.
    smooth = cv2.GaussianBlur(grey, (0, 0), max(0.5 / zoom, 0.3))
    patch = cv2.warpAffine(smooth, matrix, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(np.ones_like(grey), matrix, (_SIDE, _SIDE), flags=cv2.INTER_NEAREST)
    return patch, seen > 0.5
