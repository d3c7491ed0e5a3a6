"""A person's skin tone: measured on their photos, separated from the light, and transferred to a template's skin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.faces.light import DARKEST, brightened, places
from easyphoto.faces.matte import FARTHEST, matte
from easyphoto.images.blur import blurred
from easyphoto.images.masks import dilated, surroundings
from easyphoto.images.pictures import blended
from easyphoto.images.srgb import as_bytes, as_lab, linear

FEWEST_PIXELS = 50
# Difference between red and blue (ln of linear light): 0.6 or more on skin, nearly 0 on black-and-white pictures.
LEAST_COLOUR = 0.06
# Face widths below the middle between eyes and mouth where the upper lip begins.
LOWEST = 0.12
# Least deviations of brightness and of hue (ln of linear light) that light causes between photos of one person, even
# when the given photos are more alike.
LEAST_BRIGHTNESS, LEAST_HUE = 0.10, 0.06
# Distance in deviations from the person's photos: up to the first a template's skin is the person's in another light,
# from the second on it is another skin. Of 60 drawn templates with the person's own skin 58 are below the first (median
# 1.5), of 60 with others' skin 41 are above it (median 4.6).
SAME, ANOTHER = 2.8, 3.8
# For skin beyond the part map: least deviations of L, a, b (bytes), squared distance from which a colour is not skin,
# and the largest area found, in areas of face and neck: a wall of the skin's colour is larger than a chest.
LEAST_SPREAD = (12.0, 3.0, 3.0)
MOST_UNLIKE = 12.0
MOST_GROWN = 3.0
# Hue (a and b of CIE Lab) of the face: its least spread, and the number of spreads from which ears and neck count as
# another hue. Shadow under a chin is redder than the face by about one spread.
LEAST_HUE_SPREAD, OTHER_HUE = 7.0, 4.0
# Possible error of part maps' edges, in face widths.
EDGE = 0.025
# OpenCV computes in steps; a part of the picture begins and ends at such.
_STEP = 32


@dataclass(frozen=True, eq=False)
class SkinTone:
    """A person's skin over several photos, in ln of linear light, and its variation with the light."""

    level: np.ndarray
    """(3,): mean red, green, blue."""
    brightness: float
    """Standard deviation of the mean of the three channels."""
    hue: float
    """Standard deviation of the channels after subtracting their mean."""


def skin_of(labels: np.ndarray) -> np.ndarray:
    """(height, width) float32 mask, 1 on skin and nose of a uint8 part map, a pixel away from lips, eyes and brows."""
    features = part_mask(labels, (Part.MOUTH, Part.EYES, Part.BROWS))
    near = cv2.dilate(features, np.ones((3, 3), np.uint8))
    return part_mask(labels, (Part.SKIN, Part.NOSE)) * (1 - near)


def skin_level(picture: np.ndarray, skin: np.ndarray, face: Face) -> np.ndarray | None:
    """(3,) float64 mean ln of linear light on skin; None with hardly any skin.

    `picture` is (height, width, 3) uint8 RGB, `skin` a (height, width) mask in 0..1. Only pixels above the mouth count,
    because a beard does not change the skin tone.
    """
    chosen = (skin > 0.5) & (places(face, picture.shape)[1] < LOWEST)
    if int(chosen.sum()) < FEWEST_PIXELS:
        return None
    return np.asarray(np.log(np.maximum(linear(picture[chosen]), DARKEST)).mean(0), np.float64)


def common_tone(levels: Sequence[np.ndarray]) -> SkinTone | None:
    """The skin tone over a person's colour photos, from (3,) levels by `skin_level`; None without any."""
    coloured = [level for level in levels if not is_colourless(level)]
    if not coloured:
        return None
    table = np.stack(coloured)
    brightness = table.mean(1)
    hue = table - brightness[:, None]
    many = len(table) > 1
    return SkinTone(
        table.mean(0),
        max(LEAST_BRIGHTNESS, float(brightness.std(ddof=1)) if many else 0.0),
        max(LEAST_HUE, float(np.sqrt(hue.var(0, ddof=1).sum())) if many else 0.0),
    )


def change_of(tone: SkinTone, level: np.ndarray) -> np.ndarray:
    """(3,) float64 to add to a template's (3,) `level` to get the person's tone, in ln of linear light.

    Zeros when light alone explains the difference.
    """
    difference = tone.level - level
    brightness = float(difference.mean())
    if is_colourless(level):
        difference = np.full(3, brightness)
    hue = float(np.linalg.norm(difference - brightness))
    distance = float(np.hypot(brightness / tone.brightness, hue / tone.hue))
    return np.asarray(difference * np.clip((distance - SAME) / (ANOTHER - SAME), 0.0, 1.0))


def is_colourless(level: np.ndarray) -> bool:
    """Whether a (3,) skin level is that of a black-and-white picture, which has no information on hue."""
    return float(np.ptp(level)) < LEAST_COLOUR


def recoloured_skin(
    picture: np.ndarray, labels: np.ndarray, level: np.ndarray, change: np.ndarray, *, width: float, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A template with the skin of face, ears and neck changed, and a (height, width) float32 mask (0..1) of the change.

    `picture` is (height, width, 3) uint8 RGB, `labels` its uint8 part map. `level` is its present skin level and
    `change` what to add, both (3,) in ln of linear light. `width` is the face's width in pixels; `free`
    (height, width) is 0 where nothing may change. Eyes and mouth stay.
    """
    skin = part_mask(labels, (Part.SKIN, Part.BROWS, Part.NOSE, Part.EARS, Part.NECK, Part.EYES, Part.MOUTH))
    result, changed = picture.copy(), np.zeros(labels.shape, np.float32)
    reach = max(1.0, EDGE * width)
    part = surroundings(skin > 0, math.ceil((FARTHEST + 1) * reach) + 6, step=_STEP)
    if part is not None:
        here, there, skin = picture[part], labels[part], skin[part]
        area = matte(skin, here, reach) * _of_that_hue(here, there, width) * (1.0 - _kept(there, width)) * free[part]
        # Each byte of a channel moves to the same byte wherever it is.
        every = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
        table = as_bytes(brightened(linear(every), np.exp(change), np.exp(level)))
        result[part], changed[part] = blended(here, cv2.LUT(here, table[None]), area), area
    return result, changed


def with_skin_around(picture: np.ndarray, labels: np.ndarray, width: float) -> np.ndarray:
    """The part map with skin that continues from the neck (chest, shoulders) labelled as neck.

    For part maps whose neck ends at an average position. Only pixels connected to the neck and within the spread of the
    face's and neck's own colours are relabelled; others stay clothes or background. `picture` is (height, width, 3)
    uint8 RGB, `labels` (height, width) uint8, `width` the face's width in pixels.
    """
    known = part_mask(labels, (Part.SKIN, Part.NOSE, Part.NECK)) > 0.5
    neck = labels == Part.NECK
    if int(known.sum()) < FEWEST_PIXELS or not neck.any():
        return labels
    smooth = blurred(picture, max(0.8, 0.01 * width))
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32)
    middle = np.median(lab[known], axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(lab[known] - middle), axis=0), LEAST_SPREAD)
    alike = (((lab - middle) / spread) ** 2).sum(2) < MOST_UNLIKE
    open_to = alike & np.isin(labels, (int(Part.CLOTHES), int(Part.BACKGROUND)))
    rows = np.arange(len(labels))[:, None]
    open_to &= rows > float(np.flatnonzero(neck.any(1))[0])
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(0.02 * width)) + 1,) * 2)
    joined = cv2.morphologyEx((open_to | neck).astype(np.uint8), cv2.MORPH_OPEN, brush)
    _, pieces = cv2.connectedComponents(joined | neck.astype(np.uint8))
    grown = np.isin(pieces, np.unique(pieces[neck])) & (pieces > 0) & ~neck
    if int(grown.sum()) > MOST_GROWN * int(known.sum()):
        return labels
    result = labels.copy()
    result[grown] = Part.NECK
    return np.asarray(result)


def _of_that_hue(picture: np.ndarray, labels: np.ndarray, width: float) -> np.ndarray:
    """float32, 1 well inside the face and where the hue is the face's, 0 where it is another, because part maps extend
    a little into hair and what is beside ears and neck."""
    lab = as_lab(picture)[..., 1:]
    known = labels == Part.SKIN
    if int(known.sum()) < FEWEST_PIXELS:
        return np.ones(labels.shape, np.float32)
    middle = np.median(lab[known], axis=0)
    spread = max(LEAST_HUE_SPREAD, float(np.median(np.linalg.norm(lab[known] - middle, axis=1))))
    far = np.linalg.norm(lab - middle, axis=2) / spread
    well_inside = dilated(part_mask(labels, FACE_PARTS), -2 * EDGE * width) > 0
    return np.where(well_inside, 1.0, np.clip(OTHER_HUE - far, 0.0, 1.0)).astype(np.float32)


def _kept(labels: np.ndarray, width: float) -> np.ndarray:
    """float32 mask of eyes and mouth with soft edges."""
    parts = part_mask(labels, (Part.EYES, Part.MOUTH))
    return blurred(parts, max(0.5, 0.008 * width))
