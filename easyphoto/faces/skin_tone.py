"""The colour of somebody's skin: measured on their photos, told from light, and given to the skin of a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.faces.light import DARKEST, brightened, places
from easyphoto.faces.matte import matte
from easyphoto.images.masks import dilated
from easyphoto.images.pictures import blended
from easyphoto.images.srgb import as_bytes, as_lab, linear

FEWEST_PIXELS = 50
# Red above blue (ln of linear light) is 0.6 or more on skin, and next to nothing on black-and-white pictures.
LEAST_COLOUR = 0.06
# Face widths below the middle between eyes and mouth: where the upper lip begins.
LOWEST = 0.12
# Light changes a person's skin from photo to photo by so much at least (deviation of ln of linear light, of its
# brightness and of its hue), however alike the photos at hand are.
LEAST_BRIGHTNESS, LEAST_HUE = 0.10, 0.06
# So many deviations from the person's photos a template's skin is still theirs in another light, and from the second
# number on it is another skin. Of 60 drawn templates with the person's own skin 58 lie below the first (the middle one
# at 1.5), of 60 with others' 41 above it (4.6).
SAME, ANOTHER = 2.8, 3.8
# For skin beyond the part map: least deviations of L, a, b (bytes), the squared distance at which a colour is no skin
# any more, and how much may be found, in face and neck areas: a wall of the skin's colour is more than a chest.
LEAST_SPREAD = (12.0, 3.0, 3.0)
MOST_UNLIKE = 12.0
MOST_GROWN = 3.0
# The hue (a and b of CIE Lab) of ears and neck beside the face's: nearer than so many of its own spreads, of which the
# least is this. Shadow under a chin is redder than the face by about one of them.
LEAST_HUE_SPREAD, OTHER_HUE = 7.0, 4.0
# Edges of part maps are off by up to this many face widths.
EDGE = 0.025


@dataclass(frozen=True, eq=False)
class SkinTone:
    """Skin over several photos: ln of linear light, and how much light changes it."""

    level: np.ndarray
    """(3,), red, green, blue."""
    brightness: float
    """Standard deviation of the mean of the three."""
    hue: float
    """Standard deviation of what is left of the three without it."""


def skin_of(labels: np.ndarray) -> np.ndarray:
    """Skin and nose, kept off the lips, eyes and brows by a pixel."""
    features = part_mask(labels, (Part.MOUTH, Part.EYES, Part.BROWS))
    near = cv2.dilate(features, np.ones((3, 3), np.uint8))
    return part_mask(labels, (Part.SKIN, Part.NOSE)) * (1 - near)


def skin_level(picture: np.ndarray, skin: np.ndarray, face: Face) -> np.ndarray | None:
    """(3,) ln of linear light of a uint8 RGB array under a 0..1 mask; None where there is hardly any skin.

    Above the mouth only: a beard is no other skin.
    """
    chosen = (skin > 0.5) & (places(face, picture.shape)[1] < LOWEST)
    if int(chosen.sum()) < FEWEST_PIXELS:
        return None
    return np.asarray(np.log(np.maximum(linear(picture[chosen]), DARKEST)).mean(0), np.float64)


def common_tone(levels: Sequence[np.ndarray]) -> SkinTone | None:
    """Over a person's photos in colour; None without any."""
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
    """(3,) what to add to a template's skin so that it is the person's; zeros where only light makes the difference."""
    difference = tone.level - level
    brightness = float(difference.mean())
    if is_colourless(level):
        difference = np.full(3, brightness)
    hue = float(np.linalg.norm(difference - brightness))
    distance = float(np.hypot(brightness / tone.brightness, hue / tone.hue))
    return np.asarray(difference * np.clip((distance - SAME) / (ANOTHER - SAME), 0.0, 1.0))


def is_colourless(level: np.ndarray) -> bool:
    """Whether a skin's level is that of a black-and-white picture, which tells nothing about its hue."""
    return float(np.ptp(level)) < LEAST_COLOUR


def recoloured_skin(
    picture: np.ndarray, labels: np.ndarray, level: np.ndarray, change: np.ndarray, *, width: float, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A template whose face, ears and neck have another skin, and a 0..1 mask of what changed.

    `labels` is its part map, `level` what its skin is now, `width` the face's width in pixels, `free` 0 where nothing
    may change. Eyes and mouth stay.
    """
    skin = part_mask(labels, (Part.SKIN, Part.BROWS, Part.NOSE, Part.EARS, Part.NECK, Part.EYES, Part.MOUTH))
    area = matte(skin, picture, max(1.0, EDGE * width))
    area = area * _of_that_hue(picture, labels, width) * (1.0 - _kept(labels, width)) * free
    moved = as_bytes(brightened(linear(picture), np.exp(change), np.exp(level)))
    return blended(picture, moved, area), area


def with_skin_around(picture: np.ndarray, labels: np.ndarray, width: float) -> np.ndarray:
    """The part map with what goes on from the neck in the skin's colour (chest, shoulders) as neck.

    For part maps that end a neck where necks end on the whole. What is neither joined to the neck nor as much like the
    face's and neck's own colours as these are among themselves stays clothes or background.
    """
    known = part_mask(labels, (Part.SKIN, Part.NOSE, Part.NECK)) > 0.5
    neck = labels == Part.NECK
    if int(known.sum()) < FEWEST_PIXELS or not neck.any():
        return labels
    smooth = cv2.GaussianBlur(picture, (0, 0), max(0.8, 0.01 * width))
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
    """1 well inside the face and where the hue is the face's, 0 where it is another: part maps reach a little into hair
    and what lies beside ears and neck."""
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
    """Eyes and mouth, softly."""
    parts = part_mask(labels, (Part.EYES, Part.MOUTH))
    return cv2.GaussianBlur(parts, (0, 0), max(0.5, 0.008 * width))
