"""Mask operations: grow, shrink, close, feather, and find connected pieces.

A mask is (height, width) float32 in 0..1, or bool where the docstring says so.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from easyphoto.geometry import Box

# Above this radius in pixels a distance transform replaces the brush: the two differ by less than half a pixel.
_LARGEST_BRUSH = 24
Place = tuple[slice, slice]
"""Rows and columns."""


def dilated(mask: np.ndarray, radius: float) -> np.ndarray:
    """The mask grown by `radius` pixels on every side (shrunk where negative), with a round brush.

    A mask at the picture's edge continues beyond it, so shrinking does not start there.
    """
    pixels = round(abs(radius))
    if pixels == 0:
        return mask
    result = np.zeros(mask.shape, np.float32)
    place = surroundings(mask > 0, pixels + 1)
    if place is None:
        return result
    part = mask[place]
    if part.dtype == np.bool_ or ((part == 0) | (part == 1)).all():
        inside = (part > 0).astype(np.uint8)
        result[place] = _spread(inside, pixels) if radius > 0 else 1 - _spread(1 - inside, pixels)
    else:
        soft = part.astype(np.float32)
        result[place] = _brushed(soft, pixels) if radius > 0 else -_brushed(-soft, pixels)
    return result


def surroundings(inside: np.ndarray, margin: int, *, step: int = 1) -> Place | None:
    """Where a bool mask is, and at least `margin` pixels around it; None for an empty one.

    It begins and ends at multiples of `step`, or at the mask's border: OpenCV computes in steps, and what it gives at
    other ends differs in the last digits from what it gives for the whole mask.
    """
    left, top, wide, high = cv2.boundingRect(inside.astype(np.uint8))
    if wide == 0:
        return None
    rows, columns = (
        slice(max((first - margin) // step * step, 0), -(-(first + length + margin) // step) * step)
        for first, length in ((top, high), (left, wide))
    )
    return rows, columns


def bounds_of(inside: np.ndarray) -> Box:
    """The bounding box, in pixels, of a bool (height, width) mask that is not empty."""
    left, top, wide, high = map(float, cv2.boundingRect(inside.astype(np.uint8)))
    return Box(left, top, left + wide, top + high)


def _spread(inside: np.ndarray, pixels: int) -> np.ndarray:
    """A mask of 0 and 1 grown; uint8, like the result."""
    if pixels <= _LARGEST_BRUSH:
        return _brushed(inside, pixels)
    away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (away <= pixels).astype(np.uint8)


def _brushed(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The mask grown by OpenCV's round brush, whose rows are laid one by one.

    So the time grows with the radius, and not with the brush's area as OpenCV's does.
    """
    height, width = mask.shape
    wide = cv2.copyMakeBorder(mask, pixels, pixels, pixels, pixels, cv2.BORDER_REPLICATE)
    result, reach = mask.copy(), 0
    for row in range(pixels, -1, -1):
        half = round((pixels**2 - row**2) ** 0.5)
        while reach < half:
            # Two copies of a stretch join to a longer one as long as no gap is left between them.
            step = min(half - reach, 2 * reach + 1)
            wider = wide.copy()
            np.maximum(wide[:, step:], wider[:, :-step], out=wider[:, :-step])
            np.maximum(wide[:, :-step], wider[:, step:], out=wider[:, step:])
            wide, reach = wider, reach + step
        for top in {pixels - row, pixels + row}:
            np.maximum(result, wide[top : top + height, pixels : pixels + width], out=result)
    return result


def feathered(mask: np.ndarray, width: float) -> np.ndarray:
    """The mask (where above 0.5, as 1) with an edge that falls to exactly 0 within `width` pixels outside it.

    It is made from distances, not by a blur, which has no end: outside the widened mask every byte must stay.
    """
    inside = (mask > 0.5).astype(np.uint8)
    result = inside.astype(np.float32)
    place = surroundings(mask > 0.5, math.ceil(width) + 1)
    if width <= 0 or place is None:
        return result
    distance = cv2.distanceTransform(1 - inside[place], cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = np.clip(1 - distance / (width + 1), 0, 1)
    ramp[distance > width] = 0
    result[place] = ramp * ramp * (3 - 2 * ramp)
    return result


def inner_fade(mask: np.ndarray, width: float) -> np.ndarray:
    """0 outside the mask, rising to 1 over `width` pixels inside it; the picture's border does not count as edge."""
    inside = (mask > 0.5).astype(np.uint8)
    result = inside.astype(np.float32)
    place = surroundings(mask > 0.5, 1)
    if width <= 0 or place is None or inside.all():
        return result
    distance = cv2.distanceTransform(inside[place], cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = np.clip(distance / (width + 1), 0, 1)
    result[place] = ramp * ramp * (3 - 2 * ramp)
    return result


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
