"""Parts of a photographed face without a parsing network: five points give the geometry, the picture the outlines.

Skin is told from hair by the face's own colours (`complexion`), brows, eyes and lips are found by darkness and redness
(`features`), the person by GrabCut or, where a saliency network has told the person from the background, by its mask.
"""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.faces.complexion import complexion_of
from easyphoto.faces.engine import Face, Part
from easyphoto.faces.face_view import FaceView
from easyphoto.faces.features import Features, features_of
from easyphoto.faces.hairline import BROW_LINE, covered
from easyphoto.faces.head_parts import around_face
from easyphoto.faces.oval import chin_of, depth_inside, face_oval
from easyphoto.faces.part_maps import laid_back
from easyphoto.faces.person_mask import one_person, person_by_colours
from easyphoto.geometry import Box, Size
from easyphoto.images.masks import joined_to, without_holes
from easyphoto.images.pictures import warped

_CROP_FACTOR = 2.4
# Less of an eye than this means that something lies over it.
_EYE_SEEN = 0.7


def surroundings(face: Face, size: Size) -> Box:
    """The part of a picture of that size, in whole pixels, in which `landmark_parts` labels a face."""
    half = _CROP_FACTOR * max(face.box.width, face.box.height) / 2
    x, y = face.box.centre
    return Box(*Box(x - half, y - half, x + half, y + half).clipped(size).as_ints())


def landmark_parts(image: np.ndarray, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
    """Part labels (uint8, the picture's size) of a photographed RGB face; background beyond 2.4 face lengths.

    `foreground`, a float mask of the picture's size, says where people are; without it GrabCut guesses.
    """
    crop = surroundings(face, Size.of(image))
    if crop.width < 8 or crop.height < 8:
        return np.zeros(image.shape[:2], np.uint8)
    view = FaceView.of(image, face)
    people = None
    if foreground is not None:
        side = view.image.shape[:2]
        people = warped(foreground.astype(np.float32), cv2.invertAffineTransform(view.matrix), side, outside=0) > 0.5
    labels = laid_back(_parts(view, people), view.matrix, image.shape)
    left, top, right, bottom = crop.as_ints()
    beyond = np.ones(labels.shape, bool)
    beyond[top:bottom, left:right] = False
    labels[beyond] = Part.BACKGROUND
    return labels


def _parts(view: FaceView, people: np.ndarray | None) -> np.ndarray:
    outline = face_oval(view)
    depth = depth_inside(view, outline)
    person = person_by_colours(view, depth) if people is None else one_person(people, view, depth)
    complexion = complexion_of(view, depth, person)
    features = features_of(view, complexion.lab)
    chin = chin_of(outline)
    # The person's own edge runs along a turned cheek more truly than the outline does.
    hidden = covered(view, depth, complexion.skin, person, chin, features.brows) | ~person
    face = _face(view, depth, complexion.skin, hidden, features)
    labels = around_face(view, depth, complexion, person, chin)
    labels[(depth > 0) & person] = Part.HAIR
    labels[face] = Part.SKIN
    _bare_lids(view, labels, features)
    _draw_features(view, labels, features)
    return labels


def _face(view: FaceView, depth: np.ndarray, skin: np.ndarray, hidden: np.ndarray, features: Features) -> np.ndarray:
    """From the brows down all of the oval that nothing covers; above them what looks like skin, and the brows."""
    below = view.v > BROW_LINE
    brows = np.logical_or(*(view.filled(brow.outline) & brow.seen for brow in features.brows))
    face = (depth > 0) & ~hidden & (below | skin | brows)
    # Gaps between strands of a fringe are no face to repaint.
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    face = cv2.morphologyEx(face.astype(np.uint8), cv2.MORPH_OPEN, brush) > 0
    seed = face & (depth > 0.2) & below
    return without_holes(joined_to(face, seed)) & ~hidden & (depth > 0)


def _bare_lids(view: FaceView, labels: np.ndarray, features: Features) -> None:
    """Between an eye that is seen and its brow there is nothing but lid: its shadow has the colour of a fringe."""
    for eye, brow in zip(features.eyes, features.brows, strict=True):
        seen = labels[view.filled(eye)] == Part.SKIN
        if not seen.size or seen.mean() < _EYE_SEEN:
            continue
        between = cv2.convexHull(np.concatenate([eye, brow.outline]).astype(np.float32)).reshape(-1, 2)
        lid = view.filled(between) & (view.v > float(brow.outline[:, 1].mean()))
        labels[lid & (labels == Part.HAIR)] = Part.SKIN


def _draw_features(view: FaceView, labels: np.ndarray, features: Features) -> None:
    """On the face only: what hair covers is not there."""
    face = labels == Part.SKIN
    shapes = [(features.nose, Part.NOSE), (features.mouth, Part.MOUTH)]
    shapes += [(brow.outline, Part.BROWS) for brow in features.brows] + [(eye, Part.EYES) for eye in features.eyes]
    for outline, part in shapes:
        labels[view.filled(outline) & face] = part
