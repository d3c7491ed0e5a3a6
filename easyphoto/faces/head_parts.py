"""Labels of what is around a face: hair, ears, neck and clothes; hands count as background."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.faces.complexion import Complexion
from easyphoto.faces.engine import Part
from easyphoto.faces.face_view import FaceView
from easyphoto.faces.person_mask import FARTHEST_HAIR
from easyphoto.images.masks import fallen, joined_to

# Area of ears beside a face: from the brows to below the nose, no wider than an ear.
_EAR_TOP, _EAR_FOOT, _EAR_WIDTH = -0.42, 0.85, 0.34
# A nose tip with |u| above this hides the ear on its side (on all but about 5 of 27 such photographs).
_FAR_EAR_HIDDEN = 0.14
# Above this v everything beside the face that is not skin is hair; below it only what hangs down from there.
_HAIR_FOOT = 0.4
# Farther than this below the chin hair is not searched: it may lie on clothes of any colour.
_LONGEST_HAIR = 0.6
_NECK = 1.0
_WIDEST_NECK = 1.1


def around_face(
    view: FaceView, depth: np.ndarray, complexion: Complexion, person: np.ndarray, chin: float
) -> np.ndarray:
    """(side, side) uint8 part labels outside the face's outline.

    `depth` is (side, side) float32 units inside the outline, negative outside, `person` (side, side) bool, `chin` the
    chin's v.
    """
    skin, u, v = complexion.skin, view.u, view.v
    outside = person & (depth < 0)
    hair = _hair(view, outside & (depth > -FARTHEST_HAIR), complexion, chin)
    # The area under the chin is neck even in dark shadow.
    neck = (skin & (np.abs(u) < 1.2) & (v < chin + _NECK)) | ((np.abs(u) < 0.45) & (depth > -0.2))
    hand = skin & (depth < -_EAR_WIDTH) & (v < chin - 0.15)
    labels = np.zeros(depth.shape, np.uint8)
    labels[outside & (v > _HAIR_FOOT)] = Part.CLOTHES
    labels[outside & (v > _HAIR_FOOT) & neck] = Part.NECK
    labels[outside & hand] = Part.BACKGROUND
    labels[hair] = Part.HAIR
    labels[_ears(view, depth, outside & skin)] = Part.EARS
    return labels


def _hair(view: FaceView, outside: np.ndarray, complexion: Complexion, chin: float) -> np.ndarray:
    """bool: what is not skin above and beside the face, and what hangs down from it in the same colours."""
    upper = outside & (view.v < _HAIR_FOOT) & ~complexion.skin
    # Hair of the skin's colour reaches the crown; a hand does not.
    fair = outside & (view.v < _HAIR_FOOT) & complexion.skin
    upper |= joined_to(fair, fair & (view.v < -0.5))
    sure = upper & ~complexion.skin
    if sure.sum() < 50:
        return upper
    sample = complexion.lab[sure]
    middle = np.median(sample, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(sample - middle), axis=0), (14.0, 4.0, 4.0))
    off = cv2.GaussianBlur((((complexion.lab - middle) / spread) ** 2).sum(-1).astype(np.float32), (0, 0), 2.0)
    alike = outside & (off < 8) & ~complexion.skin & (view.v < chin + _LONGEST_HAIR)
    return fallen(alike | upper, upper, view.row(_HAIR_FOOT))


def _ears(view: FaceView, depth: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """bool: ears. A hand at the cheek and fair hair have an ear's colour, but extend beyond where an ear ends."""
    found = np.zeros(depth.shape, bool)
    turn, middle, v = float(view.points[2, 0]), float(view.points[:, 0].mean()), view.v
    place = (depth < 0) & (depth > -_EAR_WIDTH) & (v > _EAR_TOP) & (v < _EAR_FOOT)
    across = np.abs(view.u - middle)
    farther = (depth < -_EAR_WIDTH - 0.06) & (depth > -2 * _EAR_WIDTH) & (v > _EAR_TOP - 0.2) & (v < 1.1)
    higher = (depth < -0.08) & (depth > -_EAR_WIDTH) & (v > _EAR_TOP - 0.6) & (v < _EAR_TOP - 0.1)
    lower = (across > _WIDEST_NECK) & (across < 2.0) & (v > _EAR_FOOT + 0.1) & (v < _EAR_FOOT + 0.4)
    elsewhere = skin & (farther | higher | lower)
    for sign in (1, -1):
        if sign * turn > _FAR_EAR_HIDDEN:
            continue
        side = sign * (view.u - middle) > 0
        ear = joined_to(skin & place & side, skin & place & side & (depth > -0.08))
        if (elsewhere & side).sum() < 0.5 * ear.sum():
            found |= ear
    return found
