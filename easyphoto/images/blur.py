"""A Gaussian blur that takes time with the pixels, whatever its deviation.

OpenCV's takes time with the deviation as well, and most of ours grow with a face: a template four times as large took
thirty times as long.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

# Above this deviation in pixels the image is blurred at a smaller size, where the deviation is at least `_LEAST`. An
# edge and what is softer then differ from OpenCV's blur by at most 0.2 % of their height, 0.6 % at the image's border,
# and white noise by 0.6 %.
_EXACT = 12.0
_LEAST = 6.0
# Averaging squares of `factor` pixels is a blur of variance factor² / 12, and enlarging bilinearly one of factor² / 6.
_VARIANCE = 1 / 12 + 1 / 6


def blurred(image: np.ndarray, deviation: float) -> np.ndarray:
    """The image blurred by a Gaussian with this standard deviation in pixels; beyond its border it is mirrored.

    `image` is (height, width) or (height, width, 3), uint8 or float32, like the result.
    """
    if deviation <= _EXACT:
        return cv2.GaussianBlur(image, (0, 0), deviation)
    (height, width), factor = image.shape[:2], math.floor(deviation / _LEAST)
    size = math.ceil(width / factor), math.ceil(height / factor)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    across, down = (
        math.sqrt((deviation * few / many) ** 2 - _VARIANCE) for few, many in zip(size, (width, height), strict=True)
    )
    small = cv2.GaussianBlur(small, (0, 0), across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    made = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.rint(made).astype(np.uint8) if image.dtype == np.uint8 else made
