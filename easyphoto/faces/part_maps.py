"""Mapping of a square crop's part map back to the whole picture."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.geometry import Box, Size, lying_at, moved_into, transformed


def square_matrix(left: float, top: float, side: float, *, pixels: int) -> np.ndarray:
    """The (2, 3) matrix from an upright crop's pixels to the picture's; the crop is `pixels` × `pixels`.

    `left`, `top` and `side` are the crop's box in pixels of the picture. Coordinates are pixel centres, as in OpenCV's
    warps.
    """
    scale = side / pixels
    return np.array([[scale, 0, left + 0.5 * scale - 0.5], [0, scale, top + 0.5 * scale - 0.5]])


def laid_back(labels: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The (rows, columns) labels of a crop as a (height, width) uint8 part map of the picture, 0 outside the crop.

    `matrix` (2, 3) maps the crop's pixels to the picture's, `shape` starts with the picture's height and width. Each
    label is interpolated, so that edges are smooth instead of stepped.
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
        here = labels == label
        left, top, right, bottom = _lying_within(here, moved, size).as_ints()
        part = np.s_[top:bottom, left:right]
        shifted = moved_into(moved, Box(left, top, right, bottom))
        laid = cv2.warpAffine(
            here.astype(np.float32), shifted, (right - left, bottom - top), borderMode=cv2.BORDER_REPLICATE
        )
        wins = inside[part] & (laid > strongest[part])
        result[y0:y1, x0:x1][part][wins] = label
        strongest[part][wins] = laid[wins]
    return result


def _lying_within(here: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> Box:
    """The box, within (width, height), that a label's mask reaches once warped; it limits the work for small labels."""
    columns, rows = np.flatnonzero(here.any(axis=0)), np.flatnonzero(here.any(axis=1))
    ends = [(x, y) for x in (columns[0] - 1, columns[-1] + 1) for y in (rows[0] - 1, rows[-1] + 1)]
    places = transformed(np.array(ends), matrix)
    (left, top), (right, bottom) = np.floor(places.min(0)), np.ceil(places.max(0)) + 1
    # At least one pixel, for a label wholly outside.
    left, top = float(np.clip(left, 0, size[0] - 1)), float(np.clip(top, 0, size[1] - 1))
    return Box(left, top, float(np.clip(right, left + 1, size[0])), float(np.clip(bottom, top + 1, size[1])))
