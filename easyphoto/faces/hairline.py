"""Detection of hair, hats and, beside a turned cheek, background inside a face's outline."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.faces.face_view import FaceView
from easyphoto.faces.features import Brow
from easyphoto.images.masks import fallen, joined_to

BROW_LINE = -0.35
"""v above which only skin-coloured pixels are face, because the height of the hairline is unknown."""
# Share of the chin that is unlike skin: above this on 19 of 21 bearded photographs, below it on 145 of 174 others.
_BEARDED = 0.16
# Hair does not hang over the mouth: dark pixels this near to its middle are a moustache, a beard or a shadow.
_MOUTH_SIDE = 0.55
# Below this v, hair lies on a cheek only if it also fills this share of the area beside the cheek.
_CHEEK, _HANGING = 0.3, 0.4


def covered(
    view: FaceView, depth: np.ndarray, skin: np.ndarray, person: np.ndarray, chin: float, brows: tuple[Brow, Brow]
) -> np.ndarray:
    """(side, side) bool: what covers the face from outside its outline.

    Hair enters from above or from a side; brows, lenses, moles and beards do not. `depth` is (side, side) float32 units
    inside the outline, `skin` and `person` are (side, side) bool, `chin` is the chin's v.
    """
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    bare = cv2.morphologyEx((~skin & (depth > -0.05)).astype(np.uint8), cv2.MORPH_OPEN, brush) > 0
    bare = joined_to(bare, bare & (depth < 0.03))
    bare &= _may_be_hair(view, depth, skin, person, chin)
    found = fallen(bare, (depth < 0.1) | (view.v < BROW_LINE), view.row(BROW_LINE))
    for eye, brow in zip(view.points[:2], brows, strict=True):
        _clear_eye(view, found, eye)
        if brow.seen:
            # The brow's end may touch the hair.
            found &= ~view.filled(brow.outline)
    return found & (depth > 0)


def _may_be_hair(view: FaceView, depth: np.ndarray, skin: np.ndarray, person: np.ndarray, chin: float) -> np.ndarray:
    """bool: everywhere except where a beard grows and in the shadow on a cheek beside which no hair hangs."""
    u, v, mouth = view.u, view.v, view.points[3:].mean(0)
    high = (v < view.points[2, 1] + 0.05) | (depth < 0)
    if _bearded(view, depth, skin, chin):
        return high
    possible = high | (np.abs(u - mouth[0]) > _MOUTH_SIDE)
    beside = (depth < -0.03) & (depth > -0.25) & (v > 0.5) & (v < 1.1)
    for side in (u < mouth[0], u > mouth[0]):
        hangs = (person & ~skin)[beside & side]
        if not hangs.any() or hangs.mean() < _HANGING:
            possible &= ~side | (v < _CHEEK) | (depth < 0)
    return possible


def _bearded(view: FaceView, depth: np.ndarray, skin: np.ndarray, chin: float) -> bool:
    patch = _chin(view, depth, chin)
    return bool(patch.any() and 1 - skin[patch].mean() > _BEARDED)


def _chin(view: FaceView, depth: np.ndarray, chin: float) -> np.ndarray:
    """bool: below the lips, above the jaw."""
    mouth = view.points[3:].mean(0)
    around: np.ndarray = (np.abs(view.u - mouth[0]) < 0.5) & (view.v > mouth[1] + 0.2) & (view.v < chin)
    return around & (depth > 0.02)


def _clear_eye(view: FaceView, found: np.ndarray, eye: np.ndarray) -> None:
    """Clear `found` around an eye, unless hair crosses it: brow, lashes and lenses may touch a fringe, but hair over an
    eye enters above it and leaves below."""
    near = np.abs(view.u[0] - eye[0]) < 0.45
    top, under, above = (view.row(eye[1] + way) for way in (-0.14, 0.28, -0.42))

    def around(row: int, columns: int) -> np.ndarray:
        return cv2.dilate(found[row].astype(np.uint8)[None], np.ones((1, columns), np.uint8))[0] > 0

    over = around(under, 9) & around(above, 25)
    found[top:under, near & ~over] = False
