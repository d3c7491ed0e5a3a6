"""Where the person is, around a face: by GrabCut, or by a mask of everybody."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.faces.face_view import FaceView
from easyphoto.images.masks import joined_to, without_holes

# GrabCut takes time with the pixels, and its outline is no finer for them.
_SIDE = 160
_ROUNDS = 3
_SURE_FACE = 0.1
FARTHEST_HAIR = 1.05
"""Hair reaches no farther from the face, in units."""


def person_by_colours(view: FaceView, depth: np.ndarray) -> np.ndarray:
    """GrabCut: the face is sure, hair around it and shoulders below are likely. `depth`: units inside the outline."""
    marks = _marks(view, depth)
    likely = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    if likely.all() or not likely.any():
        # GrabCut wants some of both.
        return np.full(depth.shape, bool(likely.all()))
    image = cv2.resize(view.image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    before, behind = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(np.ascontiguousarray(image[..., ::-1]), marks, None, behind, before, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.uint8)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    person = cv2.morphologyEx(cv2.morphologyEx(person, cv2.MORPH_CLOSE, brush), cv2.MORPH_OPEN, brush)
    whole = cv2.resize(person.astype(np.float32), depth.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    return without_holes(joined_to(whole, depth > _SURE_FACE))


def one_person(people: np.ndarray, view: FaceView, depth: np.ndarray) -> np.ndarray:
    """This person of everybody in the mask: without the neighbours' heads, and without who stands apart."""
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
    # A head goes on above the forehead, in hair that may have the background's colour.
    marks[(v < -0.3) & (depth > -0.12)] = cv2.GC_FGD
    # Below the picture's end its last row, the chest, is repeated.
    marks[~inside & (v < 1.2)] = cv2.GC_BGD
    return marks


def _elsewhere(depth: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Beside and above the head, farther than hair reaches."""
    far: np.ndarray = (v < 1.2) & (depth < -FARTHEST_HAIR)
    return far
