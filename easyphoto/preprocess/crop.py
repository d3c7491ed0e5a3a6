"""Makes a training picture of a kept photo: the square crop around the face, its part map and its loss weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from easyphoto.architectures.base import Family
from easyphoto.faces.engine import FACE_PARTS, Face, FaceEngine, Part, part_mask
from easyphoto.geometry import Box, Size, square_around
from easyphoto.images.masks import dilated, feathered
from easyphoto.images.pictures import as_array, as_picture, blended, resized, resized_mask
from easyphoto.preprocess.reading import scaled_face, upright_face
from easyphoto.preprocess.verdict import Verdict

FACE_WEIGHT, HAIR_WEIGHT, REST_WEIGHT = 1.0, 0.3, 0.1
# Growth and downward shift of the face box to the person's region, in box lengths (the reference implementation's).
_WIDENED, _LOWERED = 0.30, 0.15


@dataclass(frozen=True, eq=False)
class Crop:
    """The square around a face, at the family's resolution or, before `at_resolution`, at its own."""

    picture: Image.Image
    face: Face
    """The face in pixels of the crop."""
    labels: np.ndarray
    """(side, side) uint8 values of `Part`."""

    @property
    def side(self) -> int:
        return self.picture.width


def crop_of(verdict: Verdict, engine: FaceEngine, family: Family) -> Crop:
    """The square crop of the upright photo, at its own resolution (at most twice the family's)."""
    picture, face = upright_face(verdict, round(2 * family.resolution / family.crop_factor))
    square = square_around(face.box, family.crop_factor, Size.of(picture))
    left, top, right, bottom = square.as_ints()
    labels = engine.parse(picture, face)[top:bottom, left:right]
    return Crop(picture.crop((left, top, right, bottom)), face.moved(-left, -top), labels)


def at_resolution(crop: Crop, side: int, *, enhance: bool) -> Crop:
    """The crop resized to `side` pixels; `enhance` sharpens it where it was enlarged."""
    factor = side / crop.side
    picture = resized(crop.picture, Size(side, side))
    if enhance and factor > 1:
        # There is no restoration network. The mask is mild: strong ones draw halos, which would be learned.
        picture = picture.filter(ImageFilter.UnsharpMask(radius=max(1.0, 0.7 * factor), percent=60, threshold=2))
    return Crop(picture, scaled_face(crop.face, factor), resized_labels(crop.labels, side))


def resized_labels(labels: np.ndarray, side: int) -> np.ndarray:
    """A square part map resized to (side, side), uint8 values of `Part`; the label with most of a pixel wins."""
    result = np.zeros((side, side), np.uint8)
    strongest = np.zeros((side, side), np.float32)
    for label in np.unique(labels):
        share = resized_mask((labels == label).astype(np.float32), Size(side, side))
        wins = share > strongest
        result[wins] = label
        strongest[wins] = share[wins]
    return result


def saliency(crop: Crop) -> np.ndarray:
    """(side, side) float32 mask of the person near the face, 0 or 1: no background, within the grown face box."""
    person: np.ndarray = np.asarray(crop.labels != Part.BACKGROUND, np.float32)
    return np.asarray(person * _region(crop.face.box, crop.side), np.float32)


def loss_weights(crop: Crop) -> np.ndarray:
    """(side, side) float32 loss weights: 1 on the face, 0.3 on hair, ears and neck near it, 0.1 elsewhere.

    The trainer divides them by their mean.
    """
    weights = np.full(crop.labels.shape, REST_WEIGHT, np.float32)
    near = part_mask(crop.labels, (Part.HAIR, Part.NECK, Part.EARS)) * saliency(crop)
    weights[near > 0.5] = HAIR_WEIGHT
    weights[part_mask(crop.labels, FACE_PARTS) > 0.5] = FACE_WEIGHT
    return weights


def on_white(crop: Crop) -> Crop:
    """The crop with everything but the person near the face erased to white, with a soft edge."""
    alpha = feathered(dilated(saliency(crop), 0.004 * crop.side), max(1.0, 0.008 * crop.side))
    white = np.full((crop.side, crop.side, 3), 255, np.uint8)
    return replace(crop, picture=as_picture(blended(white, as_array(crop.picture), alpha)))


def face_mask(crop: Crop) -> np.ndarray:
    """(side, side) float32 mask, 1 on skin and nose."""
    return part_mask(crop.labels, (Part.SKIN, Part.NOSE))


def _region(face: Box, side: int) -> np.ndarray:
    # Hair above belongs to the region: as in the reference implementation, it reaches up to the picture's edge.
    lower = face.moved(0, _LOWERED * face.height).grown(_WIDENED * face.width, 0, _WIDENED * face.width, 0)
    left, _, right, bottom = lower.clipped(Size(side, side)).as_ints()
    region = np.zeros((side, side), np.float32)
    region[:bottom, left:right] = 1
    return region
