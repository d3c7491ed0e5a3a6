"""YuNet, a face detector with five points, run by OpenCV.

Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.candidates import fitted, largest_first
from easyphoto.faces.engine import Face
from easyphoto.faces.opencv_files import created, reading
from easyphoto.geometry import Box, resized_points
from easyphoto.images.pictures import as_array
from easyphoto.parallel import Spares
from easyphoto.weights.catalog import UsedWeight

# YuNet was trained at 640 px and finds nothing below 256 px, so small pictures are enlarged and narrow ones padded.
_SIDE = 640
_NARROWEST = 320
_SCORE = 0.6
_OVERLAP = 0.3
# The second pass, for the small faces of large groups.
_FINE_SIDE = 1600
_LARGE = 1.5 * _SIDE
# A face larger than this (px at 640) is always found in the first pass; larger ones found only in the second are false.
_SMALL_FACE = 64
_FINE_SCORE = 0.7
# Flowers on a tie scored up to 0.84 at 16 px; true faces of 18 px, frontal and clear, score 0.87 and more.
_TINY = 20
_TINY_SCORE = 0.86


class YuNet:
    """Detector of photographed faces, for pictures of any size. Each thread that detects has a network of its own."""

    id = "yunet"

    def __init__(self, file: Path, weights: tuple[UsedWeight, ...] = ()) -> None:
        self.weights = weights
        self._networks = Spares(lambda: _loaded(file))

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        image = cv2.cvtColor(as_array(picture), cv2.COLOR_RGB2BGR)
        longest = max(image.shape[:2])
        faces = self._detect_at(image, _SIDE)
        if longest > _LARGE:
            side = min(longest, _FINE_SIDE)
            fine = [face for face in self._detect_at(image, side) if _is_sure(face, side / longest)]
            faces = _merged(faces, fine, _SMALL_FACE * longest / _SIDE)
        return largest_first(faces)

    def _detect_at(self, image: np.ndarray, side: int) -> list[Face]:
        small, back = fitted(image, side)
        right, bottom = max(0, _NARROWEST - small.shape[1]), max(0, _NARROWEST - small.shape[0])
        padded = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        with self._networks.one() as network:
            network.setInputSize((padded.shape[1], padded.shape[0]))
            _, rows = network.detect(padded)
        return [] if rows is None else [_face(row, back) for row in rows]


def _is_sure(face: Face, scale: float) -> bool:
    """Whether a detection of the second pass, made at `scale`, is a face and not a pattern."""
    return face.score >= (_TINY_SCORE if _side(face) * scale < _TINY else _FINE_SCORE)


def _merged(coarse: list[Face], fine: list[Face], small: float) -> list[Face]:
    """Faces of the first pass, and up to `small` pixels the higher-scoring ones of both passes."""
    kept = [face for face in coarse if _side(face) > small]
    rest = [face for face in coarse if _side(face) <= small]
    rest += [face for face in fine if _side(face) <= small]
    for face in sorted(rest, key=lambda face: -face.score):
        # Inside a large face the second pass may take an eye for a face, so the overlap is that of the smaller box.
        if not any(_shared(face.box, other.box) > _OVERLAP for other in kept):
            kept.append(face)
    return kept


def _side(face: Face) -> float:
    return max(face.box.width, face.box.height)


def _shared(one: Box, other: Box) -> float:
    """Share (0..1) of the smaller box that is inside the other."""
    return one.common_area(other) / max(min(one.area, other.area), 1e-9)


def _loaded(file: Path) -> cv2.FaceDetectorYN:
    with reading(file, "YuNet"):
        return created(cv2.FaceDetectorYN.create, file, (_SIDE, _SIDE), _SCORE, _OVERLAP, 500)


def _face(row: np.ndarray, back: np.ndarray) -> Face:
    """A face from YuNet's row: x, y, width, height, five points (viewer's left eye first), score.

    Its points are measured from pixel centres: in a picture W wide and its mirror image, x and x' add up to
    W − 1.3 ± 0.25 (123 faces of 58 pixels; W − 1 would be centres, W edges).
    """
    corner, extent = row[:2] * back, row[2:4] * back
    left, top = float(corner[0]), float(corner[1])
    box = Box(left, top, left + float(extent[0]), top + float(extent[1]))
    return Face(box, resized_points(row[4:14].reshape(5, 2), back).astype(np.float32), float(row[14]))
