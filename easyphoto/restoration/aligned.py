"""A face laid upright on the square that restoration networks were trained with, and laid back."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from easyphoto.geometry import Size, lying_at, moved_into, scale_of, similarity
from easyphoto.images.masks import fading_square
from easyphoto.images.pictures import as_array, as_picture, pasted_back, warped
from easyphoto.restoration.base import FACE_SIDE

# Where the five points lie on the squares of FFHQ (Karras et al., 2019), on average; GFPGAN's and RestoreFormer's own.
FACE_POINTS = np.array(
    [
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ]
)
# The restored square fades out over this share of its side: what lies at its edge the network saw only half.
FADE = 0.08


def restored(
    picture: np.ndarray, points: np.ndarray, restore: Callable[[Image.Image], Image.Image], *, allowed: np.ndarray
) -> np.ndarray:
    """A copy of uint8 RGB `picture` with the face at `points` restored.

    `allowed` (0..1, the picture's height and width) is how much of each pixel may come from the restored face; where
    it is 0 every byte stays. Raises ValueError where the points are all one or `restore` answers in another size.
    """
    matrix = similarity(points, FACE_POINTS)
    square = (FACE_SIDE, FACE_SIDE)
    made = restore(as_picture(warped(picture, matrix, square)))
    if made.size != square:
        raise ValueError(f"the restored face is {made.width}×{made.height}, not {FACE_SIDE}×{FACE_SIDE}")
    back = cv2.invertAffineTransform(matrix)
    # On a picture of 100 million pixels everything but the face's own place would cost gigabytes.
    box = lying_at(back, Size(*square)).clipped(Size.of(picture))
    if box.width <= 0 or box.height <= 0:
        return picture.copy()
    left, top, right, bottom = box.as_ints()
    here, shape = moved_into(back, box), (bottom - top, right - left)
    alpha = (
        np.clip(warped(fading_square(FACE_SIDE, FADE * FACE_SIDE), here, shape, outside=0.0), 0, 1)
        * allowed[top:bottom, left:right]
    )
    return pasted_back(picture, warped(as_array(made), here, shape), box, alpha)


def enlargement(points: np.ndarray) -> float:
    """How many picture pixels one pixel of the square covers."""
    return 1 / scale_of(similarity(points, FACE_POINTS))
