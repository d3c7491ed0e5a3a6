"""What YuNet makes of parts of a face: it is shown the face with a half blanked, or one half twice.

Where the mouth is hidden a face without its upper half is no face to it, and where an eye is hidden neither is an upper
half made of that eye's side and its mirror image. Numbers only; `photo_covering` says what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from easyphoto.faces.face_view import FaceFrame
from easyphoto.faces.opencv_files import created, reading
from easyphoto.geometry import Size

SIDE, UNIT = 320, 56.0
"""The square that YuNet is shown, and the eye distance in it: large enough for eyes, small enough to take 10 ms."""
MIDDLE = 0.5
"""The square's middle lies this far below the eyes, in eye distances."""
_STRIDES = (8, 16, 32)
_OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES)
_POINTS = np.array([(-0.5, 0.0), (0.5, 0.0), (0.0, 0.6), (-0.4, 1.1), (0.4, 1.1)])
# An answer belongs to the face where its anchor lies this near to the face's middle.
_NEAR = 0.75
# Below this line, or above it, a half is blanked.
_UPPER, _LOWER = 0.5, 0.35
_SOFT = 0.07
_LEAST = 1e-5


@dataclass(frozen=True)
class Opinion:
    face: float
    """The best sum of the two log odds, at any scale, that this is a face."""
    object: float
    """The log odds of the second at the scale that a face fills here."""
    off: float
    """How far the five points are from where a face has them, in eye distances."""


@dataclass(frozen=True)
class Halves:
    left_eye_twice: Opinion
    right_eye_twice: Opinion
    both_eyes: Opinion
    below_eyes: Opinion


class YuNetHalves:
    """Opens YuNet's file once more, for its answers below the detector's threshold."""

    def __init__(self, file: Path) -> None:
        with reading(file, "YuNet"):
            self._network = created(cv2.dnn.readNet, file)
        across = (np.arange(SIDE) - (SIDE - 1) / 2) / UNIT
        self._down = np.repeat(across[:, None] + MIDDLE, SIDE, axis=1)
        self._inner = np.ix_(_between(across + MIDDLE, -0.4, 1.4), _between(across, -0.8, 0.8))

    def answers(self, image: np.ndarray, points: np.ndarray) -> Halves:
        """`image` is RGB, the five points lie in its pixels."""
        square = squared(image, points)
        lower, upper = self._down > _UPPER, self._down < _LOWER
        return Halves(
            left_eye_twice=self._answer(self._blanked(_twice(square), lower)),
            right_eye_twice=self._answer(self._blanked(_twice(square[:, ::-1]), lower)),
            both_eyes=self._answer(self._blanked(square, lower)),
            below_eyes=self._answer(self._blanked(square, upper)),
        )

    def _blanked(self, square: np.ndarray, part: np.ndarray) -> np.ndarray:
        """A part in the face's own middle colour, so that no edge but its border comes in."""
        colour = np.median(square[self._inner].reshape(-1, 3), axis=0)
        alpha = cv2.GaussianBlur(part.astype(np.float32), (0, 0), _SOFT * UNIT)[..., None]
        return (square * (1 - alpha) + colour * alpha).astype(np.uint8)

    def _answer(self, square: np.ndarray) -> Opinion:
        self._network.setInput(cv2.dnn.blobFromImage(np.ascontiguousarray(square[..., ::-1])))
        outputs = dict(zip(_OUTPUTS, self._network.forward(_OUTPUTS), strict=True))
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


def squared(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The face upright in a square of SIDE pixels."""
    frame = FaceFrame.of(points)
    return frame.piece(image, frame.place(0.0, MIDDLE), Size(SIDE, SIDE), UNIT)


def _twice(square: np.ndarray) -> np.ndarray:
    """The left half and its mirror image."""
    both = square.copy()
    half = SIDE // 2
    both[:, half:] = square[:, :half][:, ::-1]
    return both


def _anchors(stride: int) -> np.ndarray:
    """(N, 2) u and v of YuNet's anchors, row by row."""
    across = (np.arange(SIDE // stride) * stride - (SIDE - 1) / 2) / UNIT
    return np.stack([np.tile(across, len(across)), np.repeat(across + MIDDLE, len(across))], axis=1)


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.flatnonzero((values > low) & (values < high))


def _log_odds(shares: np.ndarray) -> np.ndarray:
    kept = np.clip(shares.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.log(kept / (1 - kept))
