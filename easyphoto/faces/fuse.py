"""Face fusion: the reference face's features blended into the target's face, in the target's light.

It uses a warp (a similarity that bends near the five points), relighting by a plane fitted over the skin, and a soft
seam inside both faces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.align import FLOW_REACH, Warp, flowing_warp, shape_kept
from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.faces.light import light_of, relit
from easyphoto.faces.outline import head_frame
from easyphoto.faces.resolution import as_soft_as
from easyphoto.geometry import Size
from easyphoto.images.blur import blurred
from easyphoto.images.masks import dilated, inner_fade, largest_piece, surroundings
from easyphoto.images.pictures import as_array, as_picture, blended, resized, resized_mask

SKIN = (Part.SKIN, Part.NOSE)
FEATURES = (Part.BROWS, Part.EYES, Part.NOSE, Part.MOUTH)
# Lengths in face widths. The seam keeps away from hair and outline, whose soft edges are not in any part map.
SEAM_INSET = 0.015
SEAM_FADE = 0.04
FEATURE_MARGIN = 0.03
NEAR_HAIR = 0.06
# Face width in pixels at which skin is inpainted: the time grows with the fourth power of the width (minutes at 2,000
# px), and the result is smooth anyway.
FILLED_WIDTH = 256
# Possible error of hair's labels in face widths, and the difference from which two colours (0..255) are told apart.
UNSURE, TOLD_APART = 0.025, 80.0
# Share of the relighting applied to eyes, brows and mouth. Light reaches them as it does skin, but the difference in
# skin colour must not: with all of it, the eyes of a pale face on a dark one would lose their whites, and teeth would
# turn blue in a cold room, as would black brows on a pale face.
PAINTED = (Part.EYES, Part.BROWS, Part.MOUTH)
PAINTED_SHARE = 0.4
PAINTED_FADE = 0.012
# Largest blur (standard deviation, in face widths) applied to match the template. Softer templates are out of focus,
# and the face need not be.
MOST_SOFTENED = 0.015
# A Gaussian reaches this many standard deviations.
_BLUR_REACH = 4.0
# Least area common to both faces, as a share of the target's face box.
LEAST_COMMON = 0.15


@dataclass(frozen=True, eq=False)
class Laid:
    """The reference face warped onto the target, before blending. All arrays have the target's height and width."""

    picture: np.ndarray
    """(height, width, 3) uint8 RGB."""
    face: np.ndarray
    """(height, width) float32 0..1: the reference's face, with a soft edge."""
    features: np.ndarray
    """(height, width) float32 0..1: eyes, brows, nose and mouth of both faces, with a soft edge."""


def laid(
    source: Image.Image,
    source_face: Face,
    source_labels: np.ndarray,
    target: np.ndarray,
    target_face: Face,
    target_labels: np.ndarray,
) -> Laid:
    """The source face warped onto the target, relit and softened to match it.

    `target` is (height, width, 3) uint8 RGB; the labels are (height, width) uint8 part maps of their pictures. Raises
    ValueError when the faces' visible parts hardly overlap, or one is turned much farther than the other.
    """
    width, shape = target_face.box.width, target.shape[:2]
    kept = shape_kept(source_face.points, target_face.points)
    heads = head_frame(target_labels, target_face).width / head_frame(source_labels, source_face).width
    reach = FLOW_REACH * width
    warp = flowing_warp(source_face.points, target_face.points, shape_kept=kept, reach=reach, heads=heads)
    region = common_face(warp, source_labels, target_labels, width)
    if region.sum() < LEAST_COMMON * target_face.box.area:
        raise ValueError("too little skin is visible on both faces to blend them")
    warped = warp.applied(as_array(source), shape)
    skin_there = warp.applied(part_mask(source_labels, SKIN), shape, outside=0.0) * region
    skin_here = part_mask(target_labels, SKIN) * region
    painted = warp.applied(part_mask(source_labels, PAINTED), shape, outside=0.0)
    # Part maps are coarser than pictures; unsmoothed, their steps would show as a jagged lip.
    painted = blurred(painted, max(0.5, PAINTED_FADE * width))
    lights = light_of(warped, skin_there, target_face), light_of(target, skin_here, target_face)
    lit = relit(warped, *lights, target_face, share=1.0 - (1.0 - PAINTED_SHARE) * painted)
    lit = as_soft_as(lit, target, region, MOST_SOFTENED * width)
    return Laid(lit, inner_fade(region, SEAM_FADE * width), _features(warp, source_labels, target_labels, width))


def mixed(target: np.ndarray, over: Laid, ratio: float, *, fine: float = 0.0) -> np.ndarray:
    """`target` ((height, width, 3) uint8 RGB) blended with `over`: skin at `ratio` (0..1), features at twice that.

    Features are fully replaced from a ratio of 0.5, because half-blended eyes look like four eyes. Inside the
    reference's face, detail finer than `fine` pixels (standard deviation of a blur) is entirely the reference's,
    because a target that was generated smaller and enlarged has none.
    """
    # Outside the reference's face nothing changes; a blur there reads what is near it.
    place = surroundings(over.face > 0, math.ceil(_BLUR_REACH * max(fine, 0.0)) + 1)
    if place is None:
        return target
    face = over.face[place][..., None]
    weight = face * (ratio + (min(1.0, 2 * ratio) - ratio) * over.features[place][..., None])
    here, there = target[place].astype(np.float32), over.picture[place].astype(np.float32)
    if fine <= 0:
        made = here + weight * (there - here)
    else:
        coarse_here, coarse_change = blurred(here, fine), blurred(there - here, fine)
        detail = (here - coarse_here) + face * ((there - here) - coarse_change)
        made = coarse_here + weight * coarse_change + detail
    result = target.copy()
    np.copyto(result[place], np.clip(np.rint(made), 0, 255).astype(np.uint8), where=weight > 0)
    return result


def common_face(warp: Warp, source_labels: np.ndarray, target_labels: np.ndarray, width: float) -> np.ndarray:
    """(height, width) float32 mask, 0 or 1: where both part maps show face, inset a little, in one piece without holes.

    `warp` maps the source's part map onto the target's; `width` is the target face's width in pixels.
    """
    there = warp.applied(part_mask(source_labels, FACE_PARTS), target_labels.shape, outside=0.0)
    both = (there > 0.5) & (part_mask(target_labels, FACE_PARTS) > 0.5)
    inset = max(1.0, SEAM_INSET * width)
    # Morphological opening by the inset: a strip of skin between two locks of hair would be nothing but seam.
    region = dilated(dilated(both.astype(np.float32), -2 * inset), inset)
    outlines, _ = cv2.findContours(largest_piece(region).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(region.shape, np.uint8), outlines, -1, 1, cv2.FILLED).astype(np.float32)


def without_ends(
    base: np.ndarray, labels: np.ndarray, covered: np.ndarray, width: float, *, exact: bool, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The target with the ends of its brows and eyes inpainted where the reference's face does not cover them.

    Those ends would otherwise show beside the new ones. They are filled with the skin around them (Telea, "An image
    inpainting technique", 2004). Hair stays unchanged, and so does what is near it unless the part map is `exact`,
    because a brow that shines through a fringe is part of the fringe. No end of a brow is filled only in part.

    `base` is (height, width, 3) uint8 RGB, `labels` its uint8 part map, `covered` (height, width) in 0..1 the
    reference's face, `width` the face's width in pixels. Nothing changes where `free` (height, width) is 0. Returns the
    picture and a (height, width) float32 mask (0..1) of the change.
    """
    margin = max(1.0, FEATURE_MARGIN * width)
    face = part_mask(labels, FACE_PARTS)
    open_to_change = (covered < 0.9) * (free > 0)
    brows = dilated(part_mask(labels, (Part.BROWS,)), margin) * face * open_to_change
    bare = _without_hair(base, labels, width) if exact else _away_from_hair(labels, brows, width)
    hole = dilated(part_mask(labels, (Part.BROWS, Part.EYES)), margin) * bare * open_to_change
    if not hole.any():
        return base, hole
    left, top, wide, high = cv2.boundingRect(hole.astype(np.uint8))
    reach = round(4 * margin) + 2
    part = slice(max(top - reach, 0), top + high + reach), slice(max(left - reach, 0), left + wide + reach)
    unknown = np.maximum(dilated(part_mask(labels, FEATURES), margin), 1 - dilated(face, -margin))
    filled = _filled(base[part], np.maximum(unknown, hole)[part], margin, scale=min(1.0, FILLED_WIDTH / width))
    soft = np.maximum(hole, blurred(hole, max(0.5, margin / 3)) * bare)
    result = base.copy()
    result[part] = blended(base[part], filled, soft[part])
    return result, soft


def _filled(picture: np.ndarray, unknown: np.ndarray, reach: float, *, scale: float) -> np.ndarray:
    """`picture` inpainted where `unknown` > 0, computed at `scale` (0..1)."""
    size = Size.of(picture)
    small = Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))
    known = np.ascontiguousarray(resized(as_picture(picture), small) if scale < 1 else picture)
    mask = (resized_mask(unknown.astype(np.float32), small) > 0).astype(np.uint8)
    made = cv2.inpaint(known, mask, max(1.0, reach * scale), cv2.INPAINT_TELEA)
    return as_array(resized(as_picture(made), size)) if scale < 1 else np.asarray(made)


def _away_from_hair(labels: np.ndarray, ends: np.ndarray, width: float) -> np.ndarray:
    """float32 mask, 1 where the face is not near hair.

    Each end of a brow (a piece of `ends`, (height, width), above 0) counts as a whole, by where most of it lies: of an
    end that is filled up to the hair's margin a dark stub would stay there.
    """
    face, hair = part_mask(labels, FACE_PARTS), part_mask(labels, (Part.HAIR,))
    near = dilated(hair, NEAR_HAIR * width) > 0
    bare = face * ~near
    if not (ends * near).any():
        return bare
    off_hair = face * (1 - dilated(hair, 1.0))
    count, pieces = cv2.connectedComponents((ends > 0).astype(np.uint8))
    for piece in range(1, count):
        there = pieces == piece
        bare[there] = 0.0 if near[there].mean() > 0.5 else off_hair[there]
    return bare


def _without_hair(base: np.ndarray, labels: np.ndarray, width: float) -> np.ndarray:
    """float32 mask, 1 where hair does not cover the face.

    Along the hairline, where labels may be wrong, only pixels of the brows' colour count as bare; so the hairline stays
    and no end of a brow is left beside it. If brows and hair have similar colours, and at the eyes, the labels decide.
    """
    face, hair = part_mask(labels, FACE_PARTS), part_mask(labels, (Part.HAIR,))
    bare = face * (1 - dilated(hair, 1.0))
    brows = labels == Part.BROWS
    if not brows.any() or not hair.any():
        return bare
    brow, lock = (np.median(base[there], axis=0) for there in (brows, hair > 0))
    if np.abs(brow - lock).max() < TOLD_APART:
        return bare
    eyes = dilated(part_mask(labels, (Part.EYES,)), 2 * FEATURE_MARGIN * width)
    unsure = (dilated(hair, UNSURE * width) > 0) & (dilated(hair, -UNSURE * width) <= 0) & (eyes <= 0)
    of_a_brow = np.abs(base.astype(np.float32) - brow).max(2) < TOLD_APART / 2
    return np.where(unsure, of_a_brow, bare > 0).astype(np.float32)


def _features(warp: Warp, source_labels: np.ndarray, target_labels: np.ndarray, width: float) -> np.ndarray:
    """Features of both faces; without the target's, its brow would shine through beside the new one."""
    there = warp.applied(part_mask(source_labels, FEATURES), target_labels.shape, outside=0.0)
    either = np.maximum(there > 0.5, part_mask(target_labels, FEATURES)).astype(np.float32)
    grown = dilated(either, max(1.0, 2 * FEATURE_MARGIN * width))
    return blurred(grown, max(0.8, FEATURE_MARGIN * width))
