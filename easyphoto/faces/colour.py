"""The face takes the template's light: LAB mean and deviation, measured and applied on skin.

Reinhard et al., "Color transfer between images", 2001, in CIE LAB and inside masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from easyphoto.images.masks import inner_fade
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.images.srgb import as_lab

# Below this deviation (LAB units, of 100) a face is as good as one colour, and a ratio of deviations means nothing.
NEAR_CONSTANT = 1.0
# A face that gets more than this much more contrast shows the network's noise, one that gets less turns to wax.
LEAST_GAIN, MOST_GAIN = 0.6, 1.6
# Fewer pixels than this do not make a mean.
FEWEST_PIXELS = 20


@dataclass(frozen=True, eq=False)
class LabStatistics:
    """Mean and deviation of L, a and b."""

    mean: np.ndarray
    deviation: np.ndarray


def tone_of(picture: np.ndarray, mask: np.ndarray) -> LabStatistics:
    """Of a uint8 RGB array under a 0..1 mask. Raises ValueError where the mask is all but empty."""
    chosen = as_lab(picture)[mask > 0.5]
    if len(chosen) < FEWEST_PIXELS:
        raise ValueError(f"only {len(chosen)} pixels of skin to take the colour from")
    return LabStatistics(chosen.mean(0), chosen.std(0))


def toned(picture: np.ndarray, have: LabStatistics, want: LabStatistics) -> np.ndarray:
    """Every pixel of a uint8 RGB array moved from one tone to the other."""
    near_constant = (have.deviation < NEAR_CONSTANT) | (want.deviation < NEAR_CONSTANT)
    gain = np.clip(want.deviation / np.maximum(have.deviation, 1e-6), LEAST_GAIN, MOST_GAIN)
    gain = np.where(near_constant, 1.0, gain)
    moved = (as_lab(picture) - have.mean) * gain + want.mean
    rgb = cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_Lab2RGB)
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def colour_transferred(
    picture: Image.Image, skin: np.ndarray, template: Image.Image, template_skin: np.ndarray, *, edge: float
) -> Image.Image:
    """`picture` with its skin in the template's tone; the rest (lips, eyes, hair) stays byte for byte.

    The masks are 1 on skin, without lips. `edge` is the width in pixels over which the change fades in, inwards, so
    that nothing outside the mask changes. Raises ValueError where either mask is all but empty.
    """
    base = as_array(picture)
    moved = toned(base, tone_of(base, skin), tone_of(as_array(template), template_skin))
    weight = inner_fade(skin, edge)[..., None]
    mixed = np.rint(base * (1 - weight) + moved * weight)
    return as_picture(np.where(weight > 0, mixed, base))
