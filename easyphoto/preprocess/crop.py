"""From a kept photo to a training picture: the square around the face, its parts, and how much each pixel counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from easyphoto.architectures.base import Family
from easyphoto.faces.engine import FACE_PARTS, Face, FaceEngine, Part, part_mask
from easyphoto.geometry import Box, Size, square_around
from easyphoto.images.masks import dilated, feathered
from easyphoto.images.pictures import as_array, as_picture, blended, resized, resized_mask
from easyphoto.preprocess.reading import moved_face, scaled_face, upright_face
from easyphoto.preprocess.verdict import Verdict

FACE_WEIGHT, HAIR_WEIGHT, REST_WEIGHT = 1.0, 0.3, 0.1
# The person's region around the face box, in box lengths (the reference implementation's numbers).
_WIDENED, _LOWERED = 0.30, 0.15


@dataclass(frozen=True, eq=False)
class Crop:
    """The square around a face at the family's resolution, or at its own where `picture` was not resized yet."""

    picture: Image.Image
    face: Face
    """In the crop's pixels."""
    labels: np.ndarray

    @property
    def side(self) -> int:
        return self.picture.width


def crop_of(verdict: Verdict, engine: FaceEngine, family: Family) -> Crop:
    """The square of the upright photo, at its own resolution (at most twice the family's)."""
    picture, face = upright_face(verdict, round(2 * family.resolution / family.crop_factor))
    square = square_around(face.box, family.crop_factor, Size.of(picture))
    left, top, right, bottom = square.as_ints()
    labels = engine.parse(picture, face)[top:bottom, left:right]
    return Crop(picture.crop((left, top, right, bottom)), moved_face(face, left, top), labels)


def at_resolution(crop: Crop, side: int, *, enhance: bool) -> Crop:
    """The crop at the family's resolution; where it grows, `enhance` sharpens what enlarging has softened."""
    factor = side / crop.side
    picture = resized(crop.picture, Size(side, side))
    if enhance and factor > 1:
        # No restoration network is at hand. A mild mask: strong ones draw halos, and those would be learned.
        picture = picture.filter(ImageFilter.UnsharpMask(radius=max(1.0, 0.7 * factor), percent=60, threshold=2))
    return Crop(picture, scaled_face(crop.face, factor), resized_labels(crop.labels, side))


def resized_labels(labels: np.ndarray, side: int) -> np.ndarray:
    """A square part map at another size; the label with the largest share of a pixel wins."""
    result = np.zeros((side, side), np.uint8)
    strongest = np.zeros((side, side), np.float32)
    for label in np.unique(labels):
        share = resized_mask((labels == label).astype(np.float32), Size(side, side))
        wins = share > strongest
        result[wins] = label
        strongest[wins] = share[wins]
    return result


def saliency(crop: Crop) -> np.ndarray:
    """The person near the face: everything that is not background, within the widened and lowered face box."""
    person: np.ndarray = np.asarray(crop.labels != Part.BACKGROUND, np.float32)
    return np.asarray(person * _region(crop.face.box, crop.side), np.float32)


def loss_weights(crop: Crop) -> np.ndarray:
    """float32 map: 1 on the face, 0.3 on hair and neck near it, 0.1 elsewhere. The trainer divides by its mean."""
    weights = np.full(crop.labels.shape, REST_WEIGHT, np.float32)
    near = part_mask(crop.labels, (Part.HAIR, Part.NECK, Part.EARS)) * saliency(crop)
    weights[near > 0.5] = HAIR_WEIGHT
    weights[part_mask(crop.labels, FACE_PARTS) > 0.5] = FACE_WEIGHT
    return weights


def on_white(crop: Crop) -> Crop:
    """Everything but the person near the face erased to white, with an edge as soft as a hair."""
    alpha = feathered(dilated(saliency(crop), 0.004 * crop.side), max(1.0, 0.008 * crop.side))
    white = np.full((crop.side, crop.side, 3), 255, np.uint8)
    return replace(crop, picture=as_picture(blended(white, as_array(crop.picture), alpha)))


def face_mask(crop: Crop) -> np.ndarray:
    return part_mask(crop.labels, (Part.SKIN, Part.NOSE))


def _region(face: Box, side: int) -> np.ndarray:
    # Hair above belongs to it as well: the reference's box is open upwards as far as the picture goes.
    lower = face.moved(0, _LOWERED * face.height).grown(_WIDENED * face.width, 0, _WIDENED * face.width, 0)
    left, _, right, bottom = lower.clipped(Size(side, side)).as_ints()
    region = np.zeros((side, side), np.float32)
    region[:bottom, left:right] = 1
    return region
