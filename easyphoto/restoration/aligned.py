"""Aligning a face to the square that restoration networks were trained on, and pasting the result back."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from easyphoto.geometry import Size, lying_at, moved_into, scale_of, similarity
from easyphoto.images.masks import fading_square
from easyphoto.images.pictures import as_array, as_picture, pasted_back, warped
from easyphoto.restoration.base import FACE_SIDE

# Mean positions in pixels of the five landmarks in aligned FFHQ (Karras et al., 2019), as GFPGAN and RestoreFormer use.
FACE_POINTS = np.array(
    [
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ]
)
# The restored square fades out over this share of its side, because the network saw only part of what is at its edge.
FADE = 0.08


def restored(
    picture: np.ndarray,
    points: np.ndarray,
    restore: Callable[[Image.Image], Image.Image],
    *,
    allowed: np.ndarray,
    changes_only: bool = False,
) -> np.ndarray:
    """A copy of uint8 RGB `picture` with the face at `points` restored.

    `picture` is (height, width, 3), `points` (5, 2) in pixels; `restore` takes and returns an RGB face of FACE_SIDE
    pixels. `allowed`, float (height, width) in 0..1, is how much of each pixel may come from the restored face; where
    it is 0, every byte stays. `changes_only`: what the restored face adds to the given one is added to the picture, and
    where it adds nothing, every byte stays, too. Raises ValueError if all points coincide or `restore` returns another
    size.
    """
    matrix = similarity(points, FACE_POINTS)
    square = (FACE_SIDE, FACE_SIDE)
    given = warped(picture, matrix, square)
    made = restore(as_picture(given))
    if made.size != square:
        raise ValueError(f"the restored face is {made.width}×{made.height}, not {FACE_SIDE}×{FACE_SIDE}")
    back = cv2.invertAffineTransform(matrix)
    # Only the face's own box is computed: the whole of a picture of 100 million pixels would cost gigabytes.
    box = lying_at(back, Size(*square)).clipped(Size.of(picture))
    if box.width <= 0 or box.height <= 0:
        return picture.copy()
    left, top, right, bottom = box.as_ints()
    here, shape = moved_into(back, box), (bottom - top, right - left)
    alpha = (
        np.clip(warped(fading_square(FACE_SIDE, FADE * FACE_SIDE), here, shape, outside=0.0), 0, 1)
        * allowed[top:bottom, left:right]
    )
    if not changes_only:
        return pasted_back(picture, warped(as_array(made), here, shape), box, alpha)
    change = warped(as_array(made).astype(np.float32) - given, here, shape, outside=0.0)
    result = picture.copy()
    part = result[top:bottom, left:right]
    part[:] = np.clip(np.rint(part + alpha[..., None] * change), 0, 255)
    return result


def enlargement(points: np.ndarray) -> float:
    """How many picture pixels one pixel of the square spans, along a side. `points` is (5, 2) in picture pixels."""
    return 1 / scale_of(similarity(points, FACE_POINTS))
