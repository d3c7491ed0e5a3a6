"""Fusion: the reference face's features on the target's face, in the target's light.

Own warp (a similarity that bends near the five points), colour match in LAB, then Poisson blending
(Pérez et al., "Poisson image editing", 2003, as `cv2.seamlessClone`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.align import FLOW_REACH, Warp, flowing_warp
from easyphoto.faces.colour import Tone, inner_fade, tone_of, toned
from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.images import as_array, as_picture, blended, dilated

# How much of the reference's own proportions survives: they carry the likeness; the rest goes to the template's pose.
# Likeness of the fused crop at ratio 0.5, 12 drawn pairs of one colouring (templates 0.07, other photos 0.93): 0.65 at
# 0.4, 0.75 at 0.7, 0.78 at 1.0; but at 1.0 a turned template shows a frontal face.
SHAPE_KEPT = 0.85
SKIN = (Part.SKIN, Part.NOSE)
FEATURES = (Part.BROWS, Part.EYES, Part.NOSE, Part.MOUTH)
# Lengths in face widths. The seam keeps a little away from hair and outline, whose soft edges no part map knows.
SEAM_INSET = 0.015
SEAM_FADE = 0.04
FEATURE_MARGIN = 0.03
# Light reaches eyes, brows and lips as it does skin, but the skin's own colour does not: moved all the way, the eyes
# of a pale face on a dark one would lose their whites.
PAINTED = (Part.BROWS, Part.EYES, Part.MOUTH)
PAINTED_TONE = 0.4
# Steps of L (of 100) from the skin around that skin itself hardly makes; brows and lashes make 30.
STRANGE = 15.0
# Less common face than this share of the target's face box is no ground for a fusion.
LEAST_COMMON = 0.15


@dataclass(frozen=True, eq=False)
class Laid:
    """The whole reference face on the target, before it is mixed with the target's own."""

    picture: np.ndarray
    """uint8 (height, width, 3)."""
    face: np.ndarray
    """float 0..1: where the reference's face lies, with a soft edge."""
    features: np.ndarray
    """float 0..1: eyes, brows, nose and mouth of both faces, with a soft edge."""
    notes: tuple[str, ...] = ()


def fused(
    source: Image.Image,
    source_face: Face,
    source_labels: np.ndarray,
    target: Image.Image,
    target_face: Face,
    target_labels: np.ndarray,
    ratio: float,
) -> Image.Image:
    """`target` with the features of `source`, mixed at `ratio`. Raises ValueError where the two have no common face."""
    return mixed(target, laid(source, source_face, source_labels, target, target_face, target_labels), ratio)


def mixed(target: Image.Image, over: Laid, ratio: float) -> Image.Image:
    """Skin is mixed at `ratio`. Features count double: they are whole from a half on, because half of two pairs of
    eyes is four eyes."""
    strength = ratio + (min(1.0, 2 * ratio) - ratio) * over.features
    return as_picture(blended(as_array(target), over.picture, over.face * strength))


def laid(
    source: Image.Image,
    source_face: Face,
    source_labels: np.ndarray,
    target: Image.Image,
    target_face: Face,
    target_labels: np.ndarray,
) -> Laid:
    """Raises ValueError where the faces' visible parts hardly overlap (hair over one, a wrong part map)."""
    base, width = as_array(target), target_face.box.width
    warp = flowing_warp(source_face.points, target_face.points, shape_kept=SHAPE_KEPT, reach=FLOW_REACH * width)
    warped = warp.applied(as_array(source), base.shape[:2])
    region = common_face(warp, source_labels, target_labels, width)
    if region.sum() < LEAST_COMMON * target_face.box.area:
        raise ValueError("the two faces have too little skin in common to be fused")
    skin_there = warp.applied(part_mask(source_labels, SKIN), base.shape[:2], outside=0.0) * region
    skin_here = part_mask(target_labels, SKIN) * region
    painted = warp.applied(part_mask(source_labels, PAINTED), base.shape[:2], outside=0.0)
    lit = toned(warped, tone_of(warped, skin_there), tone_of(base, skin_here))
    matched = blended(lit, warped, (1 - PAINTED_TONE) * painted)
    cleared, residue = without_features(base, target_labels, width)
    cloned, notes = cloned_into(cleared, matched, region)
    # Poisson keeps the source's falloff toward its outline, so the middle of a shaded face comes out too light. Its
    # contrast is right by now.
    have, want = tone_of(cloned, skin_there), tone_of(base, skin_here)
    cloned = blended(
        cloned, toned(cloned, have, Tone(want.mean, have.deviation)), inner_fade(region, SEAM_FADE * width)
    )
    features = _features(warp, source_labels, target_labels, width)
    face = np.maximum(inner_fade(region, SEAM_FADE * width), residue)
    return Laid(cloned, face, np.maximum(features, residue), notes)


def common_face(warp: Warp, source_labels: np.ndarray, target_labels: np.ndarray, width: float) -> np.ndarray:
    """One piece without holes where both faces show face, a little inside their outlines."""
    there = warp.applied(part_mask(source_labels, FACE_PARTS), target_labels.shape, outside=0.0)
    both = (there > 0.5) & (part_mask(target_labels, FACE_PARTS) > 0.5)
    inset = max(1.0, SEAM_INSET * width)
    # Opened once more by the inset: a tongue of skin between two locks of hair is all seam.
    region = dilated(dilated(both.astype(np.float32), -2 * inset), inset)
    # Two pixels free at the picture's edge: Poisson needs a boundary on every side.
    region[:2], region[-2:], region[:, :2], region[:, -2:] = 0, 0, 0, 0
    count, pieces, statistics, _ = cv2.connectedComponentsWithStats((region > 0.5).astype(np.uint8))
    if count < 2:
        return np.zeros_like(region)
    largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
    outlines, _ = cv2.findContours((pieces == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(region.shape, np.uint8), outlines, -1, 1, cv2.FILLED).astype(np.float32)


def without_features(base: np.ndarray, labels: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """The target with nothing but skin, and a soft mask of its features.

    Poisson takes its boundary from this: with hair, an inked outline or half a brow there, their dark would run over
    the cheeks. And ends of the target's features beyond the common face are covered by it.
    """
    margin = max(1.0, FEATURE_MARGIN * width)
    bare = part_mask(labels, FACE_PARTS)
    features = dilated(part_mask(labels, FEATURES), 1.5 * margin) * bare
    skin = dilated(bare, -margin) * (1 - features)
    strange = unlike_skin_around(base, skin, reach=4 * margin)
    near_eyes = dilated(part_mask(labels, (Part.BROWS, Part.EYES)), 5 * margin)
    features = np.maximum(features, strange * near_eyes * bare)
    safe = skin * (1 - np.maximum(features, strange))
    soft = np.maximum(features, cv2.GaussianBlur(features, (0, 0), max(0.8, margin / 2)) * bare)
    return skin_filled(base, 1 - safe, safe, reach=4 * margin), soft.astype(np.float32)


def unlike_skin_around(base: np.ndarray, skin: np.ndarray, *, reach: float) -> np.ndarray:
    """1 where "skin" is much darker or lighter than its neighbourhood: part maps from landmarks miss ends of brows."""
    lightness = cv2.cvtColor(base, cv2.COLOR_RGB2LAB)[..., :1].astype(np.float32) / 2.55
    around = skin_filled(np.repeat(lightness, 3, axis=2), np.ones_like(skin), skin, reach=reach)[..., 0]
    strange = (np.abs(lightness[..., 0] - around) > STRANGE) & (skin > 0)
    return dilated(strange.astype(np.float32), max(1.0, reach / 4))


def skin_filled(base: np.ndarray, hole: np.ndarray, skin: np.ndarray, *, reach: float) -> np.ndarray:
    """The hole filled with the mean of the skin around it, the nearer the more."""
    share = cv2.GaussianBlur(skin.astype(np.float32), (0, 0), reach)[..., None]
    near = cv2.GaussianBlur(base.astype(np.float32) * skin[..., None], (0, 0), reach)
    filling = np.where(share > 1e-3, near / np.maximum(share, 1e-3), base)
    return blended(base, np.clip(filling, 0, 255), hole)


def cloned_into(base: np.ndarray, over: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """`over` on `base` inside `region` by its gradients; plainly laid, with a note, where OpenCV refuses the mask."""
    mask = (region > 0.5).astype(np.uint8) * 255
    left, top, width, height = cv2.boundingRect(mask)
    try:
        # OpenCV puts the middle of the mask's bounding box at the given point: this one leaves it where it is.
        centre = (left + width // 2, top + height // 2)
        return cv2.seamlessClone(over, base, mask, centre, cv2.NORMAL_CLONE), ()
    except cv2.error as error:
        note = f"Fusion: the seam could not be solved ({error.err or error}); the face was laid on with a soft edge."
        return np.where(region[..., None] > 0.5, over, base), (note,)


def _features(warp: Warp, source_labels: np.ndarray, target_labels: np.ndarray, width: float) -> np.ndarray:
    """Features of both faces: the target's too, or its brow would shine through beside the new one."""
    there = warp.applied(part_mask(source_labels, FEATURES), target_labels.shape, outside=0.0)
    either = np.maximum(there > 0.5, part_mask(target_labels, FEATURES)).astype(np.float32)
    grown = dilated(either, max(1.0, 2 * FEATURE_MARGIN * width))
    return cv2.GaussianBlur(grown, (0, 0), max(0.8, FEATURE_MARGIN * width))
