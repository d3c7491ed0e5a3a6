"""Connected pieces of a mask."""

from __future__ import annotations

import cv2
import numpy as np


def joined_to(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """bool: the seed, and the pieces of `mask` that hang together with it."""
    _, pieces = cv2.connectedComponents((mask | seed).astype(np.uint8))
    touching = np.unique(pieces[seed])
    joined: np.ndarray = np.isin(pieces, touching[touching > 0])
    return joined


def without_holes(mask: np.ndarray) -> np.ndarray:
    """bool: the mask with everything that it encloses."""
    framed = cv2.copyMakeBorder((~mask).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, pieces = cv2.connectedComponents(framed)
    return np.asarray(pieces != pieces[0, 0])[1:-1, 1:-1]


def fallen(mask: np.ndarray, start: np.ndarray, first: int) -> np.ndarray:
    """bool: the mask's pixels of `start`, and from row `first` on those that hang down from them, as hair does.

    A lock may fall aslant, three columns for a row.
    """
    found: np.ndarray = mask & start
    for row in range(max(first, 1), len(mask)):
        above = found[row - 1]
        if not above.any():
            continue
        reach = cv2.dilate(above.astype(np.uint8)[None], np.ones((1, 7), np.uint8))[0] > 0
        found[row] |= mask[row] & reach
    return found
