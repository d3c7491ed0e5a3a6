"""Detection of covered eyes and mouths on drawn faces, by the part map and by the contrast within an eye."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.faces.engine import Covering, Face, Part, covering_of
from easyphoto.faces.face_view import FaceFrame

# Half axes of the ellipses examined around an eye and the mouth, in eye distances.
_EYE, _MOUTH = (0.22, 0.16), (0.38, 0.20)
# Least shares of those ellipses labelled as eye and mouth. On 145 uncovered drawn faces they were at least 0.56 and
# 0.33; on 173 covered ones 0 to 0.3 (except sunglasses, which the part map labels as large eyes).
_LEAST_EYE, _LEAST_MOUTH = 0.40, 0.27
# Least range of lightness within an eye, in L (0..100): at least 40 on those uncovered faces, at most 31 behind 71
# pairs of sunglasses.
_LEAST_SPAN = 36.0


def drawn_covering(image: np.ndarray, labels: np.ndarray, face: Face) -> Covering | None:
    """What is hidden; None when eyes and mouth are visible.

    `image` is (height, width, 3) uint8 RGB, `labels` its (height, width) uint8 part map.
    """
    frame = FaceFrame.of(face.points)
    low = np.maximum(np.floor(face.points.min(0) - frame.unit), 0).astype(int)
    high = np.ceil(face.points.max(0) + frame.unit).astype(int) + 1
    part = slice(low[1], max(high[1], low[1])), slice(low[0], max(high[0], low[0]))
    image, labels = image[part], labels[part]
    if not labels.size:
        return None
    rows, columns = np.indices(labels.shape) + low[::-1, None, None]
    u, v = np.moveaxis(frame.coordinates_of(np.dstack([columns, rows])), -1, 0)
    lightness = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32) / 2.55

    def around(place: np.ndarray, axes: tuple[float, float]) -> np.ndarray:
        away = (np.asarray(place, np.float64) - frame.origin) / frame.unit
        inside: np.ndarray = np.hypot((u - away @ frame.right) / axes[0], (v - away @ frame.down) / axes[1]) < 1
        return inside

    def is_hidden(eye: np.ndarray) -> bool:
        near = around(eye, _EYE)
        if not near.any():
            return False
        dark, light = np.percentile(lightness[near], (5, 90))
        return bool((labels[near] == Part.EYES).mean() < _LEAST_EYE or light - dark < _LEAST_SPAN)

    mouth = around(face.points[3:5].mean(0), _MOUTH)
    no_mouth = bool(mouth.any()) and float((labels[mouth] == Part.MOUTH).mean()) < _LEAST_MOUTH
    return covering_of(is_hidden(face.points[0]), is_hidden(face.points[1]), no_mouth)
