"""From the part map of a square crop to that of the whole picture."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.geometry import Size, lying_at, moved_into


def square_matrix(left: float, top: float, side: float, *, pixels: int) -> np.ndarray:
    """The (2, 3) matrix that takes a crop's pixel to the picture's, for an upright crop of `pixels` × `pixels`.

    Both count pixel centres, which is what OpenCV's warps want.
    """
    scale = side / pixels
    return np.array([[scale, 0, left + 0.5 * scale - 0.5], [0, scale, top + 0.5 * scale - 0.5]])


def laid_back(labels: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The labels of a crop on a picture of that (height, width), 0 elsewhere; label edges are smoothed, not stepped.

    `matrix` (2, 3) takes the crop's pixels to the picture's.
    """
    result = np.zeros(shape[:2], np.uint8)
    rows, columns = labels.shape
    box = lying_at(matrix, Size(columns, rows)).clipped(Size(shape[1], shape[0]))
    if box.width <= 0 or box.height <= 0:
        return result
    moved = moved_into(matrix, box)
    (x0, y0, x1, y1), size = box.as_ints(), (box.size.width, box.size.height)
    inside = cv2.warpAffine(np.ones(labels.shape, np.float32), moved, size) >= 0.5
    strongest = np.zeros((size[1], size[0]), np.float32)
    for label in np.unique(labels):
        here = (labels == label).astype(np.float32)
        laid = cv2.warpAffine(here, moved, size, borderMode=cv2.BORDER_REPLICATE)
        wins = inside & (laid > strongest)
        result[y0:y1, x0:x1][wins] = label
        strongest[wins] = laid[wins]
    return result
