"""Face parsing without a parsing network: geometry from the five points, refined on the picture.

Skin is separated from hair by the face's own colours (`complexion`), brows, eyes and lips are located by darkness and
redness (`features`), and the person by a saliency network's mask if there is one, else by GrabCut.
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
# An eye with a smaller visible share than this is covered.
_EYE_SEEN = 0.7


def surroundings(face: Face, size: Size) -> Box:
    """The box, in whole pixels of a picture of that size, in which `landmark_parts` labels a face."""
    half = _CROP_FACTOR * max(face.box.width, face.box.height) / 2
    x, y = face.box.centre
    return Box(*Box(x - half, y - half, x + half, y + half).clipped(size).as_ints())


def landmark_parts(image: np.ndarray, face: Face, foreground: np.ndarray | None = None) -> np.ndarray:
    """(height, width) uint8 part labels of a photographed face.

    `image` is (height, width, 3) uint8 RGB. Outside a square of 2.4 face lengths everything is background.
    `foreground` is a (height, width) mask in 0..1 of people; without it GrabCut estimates one.
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
    # Along a turned cheek the person's mask is more accurate than the outline model.
    hidden = covered(view, depth, complexion.skin, person, chin, features.brows) | ~person
    face = _face(view, depth, complexion.skin, hidden, features)
    labels = around_face(view, depth, complexion, person, chin)
    labels[(depth > 0) & person] = Part.HAIR
    labels[face] = Part.SKIN
    _bare_lids(view, labels, features)
    _draw_features(view, labels, features)
    return labels


def _face(view: FaceView, depth: np.ndarray, skin: np.ndarray, hidden: np.ndarray, features: Features) -> np.ndarray:
    """bool: below the brow line the uncovered part of the oval, above it the skin-coloured part and the brows."""
    below = view.v > BROW_LINE
    brows = np.logical_or(*(view.filled(brow.outline) & brow.seen for brow in features.brows))
    face = (depth > 0) & ~hidden & (below | skin | brows)
    # Gaps between strands of a fringe do not count as face.
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    face = cv2.morphologyEx(face.astype(np.uint8), cv2.MORPH_OPEN, brush) > 0
    seed = face & (depth > 0.2) & below
    return without_holes(joined_to(face, seed)) & ~hidden & (depth > 0)


def _bare_lids(view: FaceView, labels: np.ndarray, features: Features) -> None:
    """Relabel hair between a visible eye and its brow as skin: a lid's shadow has the colour of a fringe."""
    for eye, brow in zip(features.eyes, features.brows, strict=True):
        seen = labels[view.filled(eye)] == Part.SKIN
        if not seen.size or seen.mean() < _EYE_SEEN:
            continue
        between = cv2.convexHull(np.concatenate([eye, brow.outline]).astype(np.float32)).reshape(-1, 2)
        lid = view.filled(between) & (view.v > float(brow.outline[:, 1].mean()))
        labels[lid & (labels == Part.HAIR)] = Part.SKIN


def _draw_features(view: FaceView, labels: np.ndarray, features: Features) -> None:
    """Label the features, on the face only; parts covered by hair are left out."""
    face = labels == Part.SKIN
    shapes = [(features.nose, Part.NOSE), (features.mouth, Part.MOUTH)]
    shapes += [(brow.outline, Part.BROWS) for brow in features.brows] + [(eye, Part.EYES) for eye in features.eyes]
    for outline, part in shapes:
        labels[view.filled(outline) & face] = part
