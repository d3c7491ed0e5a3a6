"""Mask operations: grow, shrink, close, feather, and find connected pieces.

A mask is (height, width) float32 in 0..1, or bool where the docstring says so.
"""

from __future__ import annotations

import cv2
import numpy as np

# A brush takes time with the square of its radius; above this radius in pixels a distance transform replaces it.
_LARGEST_BRUSH = 24


def dilated(mask: np.ndarray, radius: float) -> np.ndarray:
    """The mask grown by `radius` pixels on every side (shrunk where negative), with a round brush."""
    pixels = round(abs(radius))
    if pixels == 0:
        return mask
    if pixels > _LARGEST_BRUSH and ((mask == 0) | (mask == 1)).all():
        inside = (mask > 0).astype(np.uint8)
        away = cv2.distanceTransform(1 - inside if radius > 0 else inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return (away <= pixels if radius > 0 else away > pixels).astype(np.float32)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    # A mask at the picture's edge continues beyond it, so shrinking must not start there.
    change = cv2.dilate if radius > 0 else cv2.erode
    return change(mask.astype(np.float32), brush, borderType=cv2.BORDER_REPLICATE)


def feathered(mask: np.ndarray, width: float) -> np.ndarray:
    """The mask (where above 0.5, as 1) with an edge that falls to exactly 0 within `width` pixels outside it.

    It is made from distances, not by a blur, which has no end: outside the widened mask every byte must stay.
    """
    inside = (mask > 0.5).astype(np.uint8)
    if width <= 0 or not inside.any():
        return inside.astype(np.float32)
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = np.clip(1 - distance / (width + 1), 0, 1)
    ramp[distance > width] = 0
    return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)


def inner_fade(mask: np.ndarray, width: float) -> np.ndarray:
    """0 outside the mask, rising to 1 over `width` pixels inside it; the picture's border does not count as edge."""
    inside = (mask > 0.5).astype(np.uint8)
    if width <= 0 or inside.all():
        return inside.astype(np.float32)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = np.clip(distance / (width + 1), 0, 1)
    return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)


def fading_square(side: int, width: float) -> np.ndarray:
    """(side, side) float32: 0 along its edge, rising to 1 within `width` pixels from there."""
    square = np.zeros((side, side), np.float32)
    square[1:-1, 1:-1] = 1
    return inner_fade(square, width)


def joined_to(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """bool: the seed and the pieces of `mask` connected with it; both are bool (height, width)."""
    _, pieces = cv2.connectedComponents((mask | seed).astype(np.uint8))
    touching = np.unique(pieces[seed])
    joined: np.ndarray = np.isin(pieces, touching[touching > 0])
    return joined


def without_holes(mask: np.ndarray) -> np.ndarray:
    """bool: the mask (bool) with everything that it encloses."""
    framed = cv2.copyMakeBorder((~mask).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, pieces = cv2.connectedComponents(framed)
    return np.asarray(pieces != pieces[0, 0])[1:-1, 1:-1]


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """bool: the largest connected piece of `mask` above 0.5; all False where there is none."""
    count, pieces, statistics, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8))
    largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA])) if count > 1 else -1
    return np.asarray(pieces == largest)


def fallen(mask: np.ndarray, start: np.ndarray, first: int) -> np.ndarray:
    """bool: the mask's pixels in `start`, and from row `first` on those that hang down from them, as hair does.

    `mask` and `start` are bool (height, width). A lock may fall aslant, by three columns per row.
    """
    found: np.ndarray = mask & start
    for row in range(max(first, 1), len(mask)):
        above = found[row - 1]
        if not above.any():
            continue
        reach = cv2.dilate(above.astype(np.uint8)[None], np.ones((1, 7), np.uint8))[0] > 0
        found[row] |= mask[row] & reach
    return found


def closed(mask: np.ndarray, width: float) -> np.ndarray:
    """The mask with gaps narrower than `width` pixels filled (between brow and hair, between lips)."""
    # A frame, because closing would otherwise fill from the picture's edge.
    frame = round(width) + 1
    framed = cv2.copyMakeBorder(mask, frame, frame, frame, frame, cv2.BORDER_CONSTANT, value=0)
    return dilated(dilated(framed, width / 2), -width / 2)[frame:-frame, frame:-frame]
