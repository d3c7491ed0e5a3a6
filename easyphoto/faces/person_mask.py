"""Mask of the person around a face, by GrabCut or from a mask of all people."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.faces.face_view import FaceView
from easyphoto.images.grabcut import in_front
from easyphoto.images.masks import joined_to, without_holes

# Side in pixels at which GrabCut runs: more pixels cost time without a finer outline.
_SIDE = 160
_ROUNDS = 3
_SURE_FACE = 0.1
FARTHEST_HAIR = 1.05
"""Farthest reach of hair from the face, in units."""


def person_by_colours(view: FaceView, depth: np.ndarray) -> np.ndarray:
    """(side, side) bool mask of the person by GrabCut, seeded with the face and, as probable, hair and shoulders.

    `depth` is (side, side) float32 units inside the outline, negative outside.
    """
    marks = _marks(view, depth)
    likely = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    if likely.all() or not likely.any():
        # GrabCut needs both foreground and background.
        return np.full(depth.shape, bool(likely.all()))
    image = cv2.resize(view.image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    person = in_front(image[..., ::-1], marks, rounds=_ROUNDS).astype(np.uint8)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    person = cv2.morphologyEx(cv2.morphologyEx(person, cv2.MORPH_CLOSE, brush), cv2.MORPH_OPEN, brush)
    whole = cv2.resize(person.astype(np.float32), depth.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    return without_holes(joined_to(whole, depth > _SURE_FACE))


def one_person(people: np.ndarray, view: FaceView, depth: np.ndarray) -> np.ndarray:
    """(side, side) bool: this person's part of a mask of people, without neighbours' heads and separate people.

    `people` is (side, side) bool, `depth` (side, side) float32 units inside the outline, negative outside.
    """
    return joined_to(people & ~_elsewhere(depth, view.v), depth > _SURE_FACE)


def _marks(view: FaceView, depth: np.ndarray) -> np.ndarray:
    depth = cv2.resize(depth, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    u = cv2.resize(view.u, (_SIDE, 1), interpolation=cv2.INTER_AREA)
    v = cv2.resize(view.v, (1, _SIDE), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(view.inside.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) > 0.99
    marks = np.full(depth.shape, cv2.GC_PR_BGD, np.uint8)
    marks[(depth > -0.4) & (v < 1.2)] = cv2.GC_PR_FGD
    marks[(v > 1.2) & (np.abs(u) < 0.9 + np.clip(v - 1.5, 0, 1.2) * 2.2)] = cv2.GC_PR_FGD
    marks[(np.abs(u) < 0.5) & (v > 2.4)] = cv2.GC_FGD
    marks[_elsewhere(depth, v)] = cv2.GC_BGD
    marks[depth > _SURE_FACE] = cv2.GC_FGD
    # The head continues above the forehead with hair that may have the background's colour.
    marks[(v < -0.3) & (depth > -0.12)] = cv2.GC_FGD
    # Below the picture its last row, the chest, is repeated, so that area is not marked as background.
    marks[~inside & (v < 1.2)] = cv2.GC_BGD
    return marks


def _elsewhere(depth: np.ndarray, v: np.ndarray) -> np.ndarray:
    """bool: beside and above the head, farther than hair reaches."""
    far: np.ndarray = (v < 1.2) & (depth < -FARTHEST_HAIR)
    return far
