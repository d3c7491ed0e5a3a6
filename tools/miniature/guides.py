"""The control images the miniature's ControlNets are trained on, drawn as the pipeline's passes draw them."""

from __future__ import annotations

import cv2
import numpy as np

CANNY_THRESHOLDS = (100, 200)
# Filled circles on black, in the order of the five points: left eye, right eye, nose, left and right mouth corner
# (left as seen in the picture). easyphoto.faces must draw the same.
POINT_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))
POINT_RADIUS = 0.03  # of the picture's side
_FRACTION_BITS = 4


def draw_canny(image: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.Canny(image, *CANNY_THRESHOLDS)[..., None], 3, axis=2)


def draw_points(points: np.ndarray, side: int) -> np.ndarray:
    guide = np.zeros((side, side, 3), np.uint8)
    unit = 1 << _FRACTION_BITS
    for (x, y), colour in zip(points, POINT_COLOURS, strict=True):
        centre = (round(float(x) * unit), round(float(y) * unit))
        cv2.circle(guide, centre, round(POINT_RADIUS * side * unit), colour, cv2.FILLED, cv2.LINE_8, _FRACTION_BITS)
    return guide


def draw_tile(image: np.ndarray, factor: int) -> np.ndarray:
    """The picture reduced and enlarged again: colours and broad shapes stay, lines go."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def spoil_canny(image: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Edges as the passes really get them: of slightly other pictures, with pieces missing."""
    if draws.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), float(draws.uniform(0.4, 1.0)))
    if draws.random() < 0.3:
        image = np.clip(image * draws.uniform(0.7, 1.2) + draws.uniform(-20, 20), 0, 255).astype(np.uint8)
    guide = draw_canny(image)
    if draws.random() < 0.3:
        side = guide.shape[0]
        for _ in range(int(draws.integers(1, 5))):
            top, left = draws.integers(0, side, 2)
            height, width = draws.integers(side // 10, side // 2, 2)
            guide[top : top + height, left : left + width] = 0
    return guide


def spoil_tile(image: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    guide = draw_tile(image, int(draws.choice((2, 4, 8), p=(0.25, 0.4, 0.35)))).astype(np.float32)
    guide += draws.normal(0, 4, 3)
    return np.clip(guide, 0, 255).astype(np.uint8)


def mix_faces(
    image: np.ndarray, face: np.ndarray, points: np.ndarray, other: np.ndarray, there: np.ndarray
) -> np.ndarray:
    """Another person's face laid over this one's at half strength, as fusion does before a pass."""
    matrix, _ = cv2.estimateAffinePartial2D(there.astype(np.float32), points.astype(np.float32))
    if matrix is None:
        return image
    side = image.shape[0]
    warped = cv2.warpAffine(other, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.where(face[..., None], (image.astype(np.uint16) + warped) // 2, image).astype(np.uint8)
