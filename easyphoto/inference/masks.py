"""Masks: what each pass repaints and how much the paste-back may change.

They are made at the template's resolution, so that edges are as fine as the template, and reduced for the networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.geometry import Box, Size
from easyphoto.images.blur import blurred
from easyphoto.images.masks import closed, dilated, feathered, inner_fade

# Shares of the face's width.
GAPS = 0.10
"""Narrower gaps are closed: between brow and hair, between lips."""
TONGUES = 0.06
"""Narrower tongues of skin between locks of hair are left out."""
FIRST_GROWTH = 0.04
"""How far beyond the face the first pass paints; nothing of that is pasted."""
RING = 0.10
"""How far inside the face's edge the second pass and the joint pass work."""
COVER_GROWTH = 0.08
# The painted area ends inside the face, so that hair, outline and background stay the template's, as sharp as before:
# with an edge that fell outwards, four drawn pairs lost 11.4 units of colour (ΔE) around the face.
INSET, FADE = 0.012, 0.05
SOFT = 0.02
"""Standard deviation of the Gaussian that softens the edge of the second pass and the joint pass."""
# Width of the soft edge around other faces, as a share of the crop's side.
FEATHER = 1 / 64
# Pieces smaller than this share of the face are errors of the part map; an ear behind hair is about 3 %.
SPECK = 0.01


@dataclass(frozen=True, eq=False)
class FaceMasks:
    """Masks of one crop: (height, width) float32 in 0..1, in template pixels."""

    face: np.ndarray
    """The face with its gaps closed: skin, features and ears."""
    first: np.ndarray
    """What the first pass repaints."""
    ring: np.ndarray
    """A band along the face's edge, inside the face."""
    second: np.ndarray
    """What the second pass repaints: the ring, and eyes and mouth where the settings ask for them."""
    alpha: np.ndarray
    """How much of the painted pixels the paste-back takes: 0 outside the face and at its edge, rising to 1 inside."""


def face_masks(labels: np.ndarray, face: Face, *, free: np.ndarray, repaint_features: bool) -> FaceMasks:
    """The masks of a crop.

    `labels`: (height, width) uint8 values of `Part`; `free`: float32 of that size, 0 where nothing may change (another
    face, the crop's inner edges) and 1 elsewhere; `face` is in crop pixels.
    """
    width = face.box.width
    whole = closed(without_specks(part_mask(labels, (*FACE_PARTS, Part.EARS))), GAPS * width)
    # A lock of hair in the face is a gap too, but must not be painted over; a tongue of skin between locks is all edge.
    bare = closed(without_specks(part_mask(labels, FACE_PARTS)), GAPS * width) * (labels != Part.HAIR)
    bare = dilated(dilated(bare, -TONGUES / 2 * width), TONGUES / 2 * width) * bare
    first = dilated(bare, FIRST_GROWTH * width) * free
    alpha = inner_fade(dilated(bare, -INSET * width), FADE * width) * free
    ring = second = np.clip(bare - dilated(bare, -RING * width), 0, 1) * free
    if repaint_features:
        second = np.maximum(ring, dilated(part_mask(labels, (Part.EYES, Part.MOUTH)), 0.02 * width) * free)
    return FaceMasks(whole, first, ring, second, alpha)


def softened(mask: np.ndarray, alpha: np.ndarray, width: float) -> np.ndarray:
    """Paste-back alpha of a pass inside `mask`: its blurred edge, limited by the face's `alpha`.

    All are (height, width) float32 in 0..1; `width` is the face's width in pixels.
    """
    return np.asarray(alpha * blurred(mask, max(0.5, SOFT * width)))


def feather_of(side: int) -> float:
    """Width in pixels of the soft edge around other faces, for a crop whose side is `side` pixels."""
    return max(2.0, FEATHER * side)


def without_specks(mask: np.ndarray) -> np.ndarray:
    """The larger pieces of a (height, width) mask, as float32 0 or 1.

    A stray "skin" pixel in the hair would otherwise grow into a hole.
    """
    count, pieces, statistics, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8))
    areas = statistics[:, cv2.CC_STAT_AREA]
    large = [index for index in range(1, count) if areas[index] >= SPECK * areas[1:].sum()]
    return np.isin(pieces, large).astype(np.float32)


def ellipse(face: Face, size: Size) -> np.ndarray:
    """A substitute part map, (height, width) uint8 values of `Part`: skin in the ellipse of the face's box."""
    labels = np.zeros((size.height, size.width), np.uint8)
    centre = tuple(round(value) for value in face.box.centre)
    axes = (max(1, round(face.box.width / 2)), max(1, round(face.box.height / 2)))
    return cv2.ellipse(labels, centre, axes, 0, 0, 360, int(Part.SKIN), cv2.FILLED)


def inner_edges(crop: Box, picture: Size, margin: float) -> np.ndarray:
    """(height, width) float32 of the crop: 1 inside, falling to 0 over `margin` pixels at its edges.

    Edges where the picture itself ends stay 1; at the others a hard cut would show.
    """
    width, height = crop.size.width, crop.size.height
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    across, down = np.full(width, np.inf, np.float32), np.full(height, np.inf, np.float32)
    if crop.left > 0:
        across = np.minimum(across, columns)
    if crop.right < picture.width:
        across = np.minimum(across, columns[::-1])
    if crop.top > 0:
        down = np.minimum(down, rows)
    if crop.bottom < picture.height:
        down = np.minimum(down, rows[::-1])
    distance = np.minimum(across[None, :], down[:, None])
    return np.clip(distance / max(margin, 1.0), 0, 1).astype(np.float32)


def cover_mask(own: np.ndarray, others: list[tuple[np.ndarray, Face]]) -> np.ndarray:
    """(height, width) float32 in 0..1: 1 over the other faces of a crop, 0 over the parts of its own face.

    Part maps (uint8 values of `Part`) and faces are in crop pixels.
    """
    cover = np.zeros(own.shape, np.float32)
    for labels, face in others:
        parts = part_mask(labels, (*FACE_PARTS, Part.EARS))
        cover = np.maximum(cover, dilated(closed(parts, 0.1 * face.box.width), COVER_GROWTH * face.box.width))
    return np.where(part_mask(own, (*FACE_PARTS, Part.EARS)) > 0, 0, cover).astype(np.float32)


def covered(crop: np.ndarray, cover: np.ndarray, hide: np.ndarray) -> np.ndarray:
    """The crop (uint8 RGB) with `cover` filled smoothly from its surroundings, so that no guide sees an edge.

    `cover` and `hide`: (height, width) float32 in 0..1. Pixels in `hide` do not serve as filling either.
    """
    if not (cover > 0).any():
        return crop
    reach = max(2.0, 0.08 * crop.shape[0])
    usable = (1 - np.maximum(cover, hide)).astype(np.float32) + np.float32(1e-4)
    total = np.maximum(blurred(usable, reach), 1e-6)
    filling = blurred(crop * usable[..., None], reach) / total[..., None]
    soft = np.maximum(feathered(cover, 0.02 * crop.shape[0]), cover)[..., None] * (1 - hide * (cover == 0))[..., None]
    return np.rint(crop * (1 - soft) + filling * soft).astype(np.uint8)
