"""Finds photos that show nearly the same picture: bursts, crops and copies. They count once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, similarity
from easyphoto.images.pictures import as_array, needed
from easyphoto.images.srgb import as_lab

# Side of the patch in pixels; it spans three face widths, with the face in the middle third.
_SIDE = 96
_FACE = slice(_SIDE // 3, 2 * _SIDE // 3)
_POINTS = np.array([[0.31, 0.36], [0.69, 0.36], [0.5, 0.56], [0.34, 0.74], [0.66, 0.74]])
_COARSE = 24
# Of 1,987 copies of 98 photographs and drawings (crops to 70 %, sizes from 0.3, quality from 10, brightness ± 15 %,
# bursts, black bars) 17 were missed, and none of 25,960 pairs of different pictures, 672 of them flat cartoons of one
# person, was taken for a copy. Copies correlate by 0.96 or more and differ by less than 5 ΔE; the nearest pairs of
# different photographs have 0.88 and 9, of drawings 0.85 and 16, of cartoons, which share the face, 1.0 and 6.6. On
# pictures that were not used to set the bounds: 17 of 2,003 copies missed, 3 of 18,051 pairs taken for copies.
_ALIKE = 0.90
_COLOURS = 7.0
# At most this share of the surroundings may differ by more than 10 ΔE: copies have 0.04, the nearest cartoons 0.16.
_OTHER_COLOUR, _OTHER_SHARE = 10.0, 0.12
# A cheap first test on the coarse patches rejects nine of ten pairs of different pictures; one in a thousand copies
# has less than 0.76.
_WORTH_A_LOOK = 0.6
_FEWEST = 100
_BLACK = 16
# Copies are not brightened or darkened further than this; beyond it the light is another one.
_LEAST_GAIN, _MOST_GAIN = 0.75, 1.33
_GREY = 3.0


@dataclass(frozen=True, eq=False)
class Signature:
    """A small patch of the face and its surroundings, upright and of one size in every copy."""

    lab: np.ndarray
    """(side, side, 3) float32 CIELAB: L, a, b."""
    seen: np.ndarray
    """(side, side) bool: pixels inside the picture; black bars beside it lie outside."""
    coarse: np.ndarray
    """float32 L of the patch, reduced."""
    coarse_seen: np.ndarray
    """bool, of the shape of `coarse`: pixels wholly inside the picture."""
    extent: float
    """The area of the picture in squares as wide as the face."""

    @property
    def is_grey(self) -> bool:
        colours = np.abs(self.lab[..., 1:][self.seen])
        return not colours.size or float(np.quantile(colours, 0.98)) < _GREY


def signature(picture: Image.Image, face: Face) -> Signature:
    """The signature, aligned by the five points, so that crops and resized copies have nearly the same one."""
    import cv2

    image = as_array(picture)
    target = ((_POINTS - 0.5) / 3 + 0.5) * _SIDE
    matrix = similarity(np.asarray(face.points, np.float64), target)
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    whole, size = _without_bars(image), (_SIDE, _SIDE)
    near, shifted = needed(image, matrix, size)
    # Blur first: a bare warp would pick single pixels, and two sizes of one picture would differ.
    smooth = cv2.GaussianBlur(near, (0, 0), max(0.5 / zoom, 0.3))
    patch = cv2.warpAffine(smooth, shifted, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(whole, matrix, size, flags=cv2.INTER_NEAREST)
    lab = as_lab(patch)
    # Erode, because the blur carries the picture's edge inwards.
    seen = cv2.erode(inside, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_REPLICATE) > 0
    small = (_COARSE, _COARSE)
    coarse_seen = cv2.resize(seen.astype(np.float32), small, interpolation=cv2.INTER_AREA) > 0.99
    coarse = cv2.resize(lab[..., 0], small, interpolation=cv2.INTER_AREA)
    return Signature(lab, seen, coarse, coarse_seen, extent=float(whole.sum()) / max(face.box.width, 1.0) ** 2)


def picture_signature(picture: Image.Image) -> Signature:
    """The signature of a picture as a whole, for pictures in which no face is looked for: its longer side spans the
    patch."""
    third = max(picture.size) / 3
    left, top = (picture.width - third) / 2, (picture.height - third) / 2
    middle = Face(Box(left, top, left + third, top + third), _POINTS * third + (left, top), 1.0)
    return signature(picture, middle)


def are_duplicates(one: Signature, other: Signature) -> bool:
    """Whether two photos are one picture or neighbours in a burst, by face, surroundings and colours."""
    both = one.coarse_seen & other.coarse_seen
    if correlation(one.coarse[both], other.coarse[both]) < _WORTH_A_LOOK:
        return False
    lab, seen = _laid_on(one, other)
    face = np.zeros_like(seen)
    face[_FACE, _FACE] = seen[_FACE, _FACE]
    if int(face.sum()) < _FEWEST:
        return False
    around = seen & ~face
    difference = _difference(one.lab, _in_its_light(lab, one.lab, face), in_colour=not (one.is_grey or other.is_grey))
    for part in (face, around):
        if int(part.sum()) < _FEWEST:
            continue
        if correlation(one.lab[..., 0][part], lab[..., 0][part]) < _ALIKE or float(difference[part].mean()) > _COLOURS:
            return False
    return int(around.sum()) < _FEWEST or float((difference[around] > _OTHER_COLOUR).mean()) <= _OTHER_SHARE


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson correlation of two float arrays of one shape, -1..1; 1 for empty or constant ones."""
    if not one.size:
        return 1.0
    one, other = one.ravel() - one.mean(), other.ravel() - other.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm > 1e-6 else 1.0


def _without_bars(image: np.ndarray) -> np.ndarray:
    """uint8 mask: 1 on the picture, 0 on black bars that a player or a screenshot adds at its sides."""
    height, width = image.shape[:2]
    # The maximum over three channels at a time would take ten times as long.
    rows = np.flatnonzero(image.reshape(height, -1).max(axis=1) > _BLACK)
    columns = np.flatnonzero(image.max(axis=0).max(axis=1) > _BLACK)
    inside = np.zeros((height, width), np.uint8)
    if rows.size and columns.size:
        inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 1
    return inside


def _laid_on(one: Signature, other: Signature) -> tuple[np.ndarray, np.ndarray]:
    """The other's Lab patch registered on the first one's, and the mask of pixels that both show.

    The five points of a small or degraded copy are off by a few pixels, enough to make it look like another picture.
    """
    import cv2

    still, matrix = np.eye(2, 3, dtype=np.float32), np.eye(2, 3, dtype=np.float32)
    both = (one.seen & other.seen).astype(np.uint8)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 25, 1e-4)
    try:
        light = np.ascontiguousarray(one.lab[..., 0]), np.ascontiguousarray(other.lab[..., 0])
        _, matrix = cv2.findTransformECC(*light, matrix, cv2.MOTION_AFFINE, until, both, 5)
    except cv2.error:  # it did not converge
        matrix = still
    if abs(float(np.linalg.det(matrix[:, :2])) - 1) > 0.35 or float(np.abs(matrix[:, 2]).max()) > 0.2 * _SIDE:
        matrix = still
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    lab = cv2.warpAffine(other.lab, matrix, (_SIDE, _SIDE), flags=way, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(other.seen.astype(np.float32), matrix, (_SIDE, _SIDE), flags=way) > 0.99
    return lab, one.seen & seen


def _in_its_light(lab: np.ndarray, wanted: np.ndarray, face: np.ndarray) -> np.ndarray:
    """`lab` scaled to the brightness and colourfulness of the wanted face, so that only other differences remain."""
    gains = []
    for channels in (slice(0, 1), slice(1, 3)):
        have, want = lab[..., channels][face], wanted[..., channels][face]
        together, alone = float((have * want).sum()), float((have**2).sum())
        gains.append(float(np.clip(together / max(alone, 1e-6), _LEAST_GAIN, _MOST_GAIN)))
    return lab * np.array([gains[0], gains[1], gains[1]], np.float32)


def _difference(one: np.ndarray, other: np.ndarray, *, in_colour: bool) -> np.ndarray:
    """ΔE of each pixel's neighbourhood; without `in_colour`, the difference in L only."""
    import cv2

    difference = cv2.GaussianBlur(one - other, (0, 0), 1.5)
    return np.asarray(np.sqrt((difference[..., : 3 if in_colour else 1] ** 2).sum(axis=2)))
