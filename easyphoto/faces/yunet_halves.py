"""YuNet's scores for a face with one half blanked, or with one side mirrored.

If the mouth is hidden, YuNet does not recognise the face without its upper half; if an eye is hidden, it does not
recognise an upper half made of that eye's side and its mirror image. `photo_covering` interprets the scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from easyphoto.faces.face_view import FaceFrame
from easyphoto.faces.opencv_files import created, reading
from easyphoto.geometry import Size
from easyphoto.parallel import Spares

SIDE, UNIT = 320, 56.0
"""Side of YuNet's input square and the eye distance in it, in pixels: large enough for eyes, small enough for 10 ms."""
MIDDLE = 0.5
"""Distance of the square's middle below the eyes, in eye distances."""
_STRIDES = (8, 16, 32)
_OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES)
_POINTS = np.array([(-0.5, 0.0), (0.5, 0.0), (0.0, 0.6), (-0.4, 1.1), (0.4, 1.1)])
# Anchors within this distance of the face's middle (in eye distances) belong to the face.
_NEAR = 0.75
# The half below the first line, or above the second, is blanked (eye distances below the eyes).
_UPPER, _LOWER = 0.5, 0.35
_SOFT = 0.07
_LEAST = 1e-5


@dataclass(frozen=True)
class Opinion:
    """YuNet's scores for one square."""

    face: float
    """The largest sum, over all strides, of the log odds of classification and objectness."""
    object: float
    """Log odds of objectness at stride 16, the scale of a face of this size."""
    off: float
    """Mean distance of the five points from an average face's, in eye distances."""


@dataclass(frozen=True)
class Halves:
    """YuNet's scores for the four modified squares."""

    left_eye_twice: Opinion
    right_eye_twice: Opinion
    both_eyes: Opinion
    below_eyes: Opinion


class YuNetHalves:
    """YuNet's raw outputs, including those below the detector's threshold; loads the file a second time."""

    def __init__(self, file: Path) -> None:
        self._networks = Spares(lambda: _loaded(file))
        across = (np.arange(SIDE) - (SIDE - 1) / 2) / UNIT
        down = np.repeat(across[:, None] + MIDDLE, SIDE, axis=1)
        self._lower, self._upper = (_soft(part) for part in (down > _UPPER, down < _LOWER))
        self._inner = np.ix_(_between(across + MIDDLE, -0.4, 1.4), _between(across, -0.8, 0.8))

    def answers(self, image: np.ndarray, points: np.ndarray) -> Halves:
        """Scores of a face; `image` is (height, width, 3) uint8 RGB, `points` are its (5, 2) pixels."""
        square, lower, upper = squared(image, points), self._lower, self._upper
        return Halves(
            left_eye_twice=self._answer(self._blanked(_twice(square), lower)),
            right_eye_twice=self._answer(self._blanked(_twice(square[:, ::-1]), lower)),
            both_eyes=self._answer(self._blanked(square, lower)),
            below_eyes=self._answer(self._blanked(square, upper)),
        )

    def _blanked(self, square: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """The square with a part filled with the face's median colour, which adds no edge but its soft border."""
        colour = np.median(square[self._inner].reshape(-1, 3), axis=0)
        return (square * (1 - alpha) + colour * alpha).astype(np.uint8)

    def _answer(self, square: np.ndarray) -> Opinion:
        with self._networks.one() as network:
            network.setInput(cv2.dnn.blobFromImage(np.ascontiguousarray(square[..., ::-1])))
            outputs = dict(zip(_OUTPUTS, network.forward(_OUTPUTS), strict=True))
        best, found, objects = -np.inf, _POINTS, {}
        for stride in _STRIDES:
            places = _anchors(stride)
            near = np.flatnonzero(np.hypot(places[:, 0], places[:, 1] - MIDDLE) < _NEAR)
            is_face, is_there = (_log_odds(outputs[f"{kind}_{stride}"].reshape(-1)[near]) for kind in ("cls", "obj"))
            top = int(np.argmax(is_face + is_there))
            objects[stride] = float(is_there[top])
            if is_face[top] + is_there[top] > best:
                best = float(is_face[top] + is_there[top])
                steps = outputs[f"kps_{stride}"].reshape(-1, 10)[near[top]].reshape(5, 2)
                found = places[near[top]] + steps * stride / UNIT
        return Opinion(best, objects[16], float(np.abs(found - _POINTS).mean()))


def _loaded(file: Path) -> cv2.dnn.Net:
    with reading(file, "YuNet"):
        return created(cv2.dnn.readNet, file)


def squared(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 RGB: the face upright, from a (height, width, 3) uint8 picture and its (5, 2) points."""
    frame = FaceFrame.of(points)
    return frame.piece(image, frame.place(0.0, MIDDLE), Size(SIDE, SIDE), UNIT)


def _soft(part: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 1) float32 of a bool part, with a soft border."""
    return cv2.GaussianBlur(part.astype(np.float32), (0, 0), _SOFT * UNIT)[..., None]


def _twice(square: np.ndarray) -> np.ndarray:
    """A copy of the square whose right half is the mirrored left half."""
    both = square.copy()
    half = SIDE // 2
    both[:, half:] = square[:, :half][:, ::-1]
    return both


def _anchors(stride: int) -> np.ndarray:
    """(N, 2) u and v of YuNet's anchors in eye distances, row by row."""
    across = (np.arange(SIDE // stride) * stride - (SIDE - 1) / 2) / UNIT
    return np.stack([np.tile(across, len(across)), np.repeat(across + MIDDLE, len(across))], axis=1)


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.flatnonzero((values > low) & (values < high))


def _log_odds(shares: np.ndarray) -> np.ndarray:
    kept = np.clip(shares.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.log(kept / (1 - kept))
