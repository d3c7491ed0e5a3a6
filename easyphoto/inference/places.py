"""Decides which parts of a template are painted anew for an object, and how large: from a mask, nothing is painted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.architectures.base import Family
from easyphoto.errors import BadMask
from easyphoto.geometry import Box, Size
from easyphoto.images.blur import blurred
from easyphoto.images.masks import closed, dilated, feathered
from easyphoto.inference.plan import MOST_ENLARGEMENT
from easyphoto.messages import Text, note, text
from easyphoto.settings.placing import PlacingSettings

NEAR = 0.15
"""Strokes that are nearer than this, as a share of the largest one's side, are one place."""
SPECK = 0.02
"""Pieces smaller than this share of the largest are slips of the brush."""
LEAST_THICKNESS = 12
"""In pixels, of the template's: in less, nothing can be told from anything else."""
MOST_PLACES = 8
RING = 0.10
"""How far inside the edge of what is taken the second pass works; of the place's size."""
SOFT = 0.02
"""Standard deviation of the Gaussian that softens the second pass's edge; of the place's size."""


@dataclass(frozen=True, eq=False)
class ObjectPlace:
    """One place for an object: its crop, the size at which the networks work, and its masks.

    Masks are (height, width) float32 in 0..1 of the crop, in template pixels.
    """

    number: int
    """From 0, from the left."""
    crop: Box
    work: Size
    painted: np.ndarray
    """What was painted, 0 or 1."""
    alpha: np.ndarray
    """What is repainted and pasted back: what was painted, grown, with a soft edge beyond which nothing changes."""
    side: float
    """Side of a square of what was painted, in template pixels."""

    @property
    def enlargement(self) -> float:
        """Template pixels per network pixel."""
        return max(self.crop.width / self.work.width, self.crop.height / self.work.height)


@dataclass(frozen=True, eq=False)
class _Piece:
    """A connected piece of a mask: its bounding box, and bool (height, width) of that."""

    box: Box
    mask: np.ndarray

    @property
    def thickness(self) -> float:
        """Diameter of the largest circle in it, in pixels."""
        framed = np.pad(self.mask.astype(np.uint8), 1)
        return 2 * float(cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max()) - 1


def places_of(
    painted: np.ndarray, family: Family, settings: PlacingSettings
) -> tuple[tuple[ObjectPlace, ...], tuple[Text, ...]]:
    """The places of a painted mask, bool (height, width) of the template, from the left, and notes on them.

    Pieces that lie apart are places of their own: each gets an object, painted at the networks' full resolution.
    Raises BadMask where nothing is large enough, or there are more than `MOST_PLACES`.
    """
    pieces = _pieces(painted)
    large = [piece for piece in pieces if piece.thickness >= LEAST_THICKNESS]
    if not large:
        pixels = max((piece.thickness for piece in pieces), default=0.0)
        raise BadMask(
            text("What is painted on the mask is only {pixels:.0f} pixels thick.", pixels=pixels),
            advice=text("Paint an area of at least {least} pixels in both directions.", least=LEAST_THICKNESS),
        )
    most = max(piece.mask.sum() for piece in large)
    kept = [piece for piece in large if piece.mask.sum() >= SPECK * most]
    if len(kept) > MOST_PLACES:
        raise BadMask(
            text("The mask has {count} separate pieces.", count=len(kept)),
            advice=text("Paint at most {most}; each gets an object.", most=MOST_PLACES),
        )
    size = Size.of(painted)
    kept.sort(key=lambda piece: piece.box.centre)
    places = tuple(_place(number, piece, size, family, settings) for number, piece in enumerate(kept))
    return places, tuple(_notes(places, len(pieces) - len(kept), family))


def _pieces(painted: np.ndarray) -> tuple[_Piece, ...]:
    """The pieces of a bool mask; strokes that nearly touch are one."""
    left, top, width, height = cv2.boundingRect(painted.astype(np.uint8))
    part = painted[top : top + height, left : left + width]
    _, _, statistics, _ = cv2.connectedComponentsWithStats(part.astype(np.uint8))
    near = closed(part.astype(np.float32), NEAR * float(np.sqrt(statistics[1:, cv2.CC_STAT_AREA].max())))
    count, labels, statistics, _ = cv2.connectedComponentsWithStats((near > 0).astype(np.uint8))
    found = []
    for label in range(1, count):
        x, y, wide, high = (int(value) for value in statistics[label, :4])
        own = part[y : y + high, x : x + wide] & (labels[y : y + high, x : x + wide] == label)
        box = Box(left + x, top + y, left + x + wide, top + y + high)
        found.append(_Piece(box, own))
    return tuple(found)


def _place(number: int, piece: _Piece, picture: Size, family: Family, settings: PlacingSettings) -> ObjectPlace:
    side = float(np.sqrt(piece.box.area))
    growth, feather = settings.mask_growth * side, max(1.0, settings.feather * side)
    margin = round(growth + feather) + 2
    crop = around(piece.box, margin, picture, family.place_factor)
    painted = np.zeros((crop.size.height, crop.size.width), np.float32)
    left, top, right, bottom = piece.box.moved(-crop.left, -crop.top).as_ints()
    painted[top:bottom, left:right] = piece.mask
    alpha = feathered(dilated(painted, growth), feather)
    return ObjectPlace(number, crop, working_size(crop, family), painted, alpha, side)


def border_of(alpha: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """What the second pass repaints, the edge of what is taken, inside it; and how much of that is pasted back, the
    same with soft edges, nowhere more than `alpha`. All are (height, width) float32 in 0..1."""
    inside = (alpha > 0.5).astype(np.float32)
    ring = np.clip((alpha > 0) - dilated(inside, -max(1.0, RING * side)), 0, 1).astype(np.float32)
    return ring, np.asarray(alpha * blurred(ring, max(0.5, SOFT * side)))


def around(box: Box, margin: float, picture: Size, factor: float) -> Box:
    """The crop around a place: `factor` times as long as it and a margin, square where the picture is large enough."""
    whole = box.grown(margin, margin, margin, margin).clipped(picture)
    side = round(factor * max(whole.width, whole.height))
    width, height = min(side, picture.width), min(side, picture.height)
    x, y = whole.centre
    left = min(max(round(x - width / 2), 0), picture.width - width)
    top = min(max(round(y - height / 2), 0), picture.height - height)
    return Box(left, top, left + width, top + height)


def working_size(crop: Box, family: Family) -> Size:
    """The networks' size for a crop: as many pixels as the family's square has, in the crop's shape."""
    scale = family.resolution / float(np.sqrt(crop.area))
    return Size.in_multiples(crop.width * scale, crop.height * scale, family.latent_multiple)


def _notes(places: Sequence[ObjectPlace], left_out: int, family: Family) -> Iterator[Text]:
    if len(places) > 1:
        yield note(
            "several-places",
            "The mask has {count} separate pieces: each got an object of its own.",
            count=len(places),
        )
    if left_out:
        yield note(
            "mask-specks", "{count} small pieces of the mask were left out, as slips of the brush.", count=left_out
        )
    for place in places:
        if place.enlargement > MOST_ENLARGEMENT:
            yield note(
                "place-enlarged",
                "{family} paints at {side} pixels, and this part of the picture has {crop:.0f}: the object is "
                "enlarged {times:.1f} times and becomes softer than the template.",
                family=family.id,
                side=place.work.long,
                crop=max(place.crop.width, place.crop.height),
                times=place.enlargement,
            )
