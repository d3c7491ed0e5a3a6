"""Colour transfer to the template's light: mean and deviation in CIE Lab, measured and applied on skin.

After Reinhard et al., "Color transfer between images", 2001, restricted to masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from easyphoto.images.masks import inner_fade
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.images.srgb import as_lab

# Below this deviation (Lab units; L is 0..100) a face is practically one colour and a ratio of deviations is
# meaningless.
NEAR_CONSTANT = 1.0
# Limits of the contrast gain: less makes a face look like wax, more shows the network's noise.
LEAST_GAIN, MOST_GAIN = 0.6, 1.6
# Fewest pixels of skin for a mean.
FEWEST_PIXELS = 20


@dataclass(frozen=True, eq=False)
class LabStatistics:
    """Mean and standard deviation of L, a and b: (3,) each, L in 0..100."""

    mean: np.ndarray
    deviation: np.ndarray


def tone_of(picture: np.ndarray, mask: np.ndarray) -> LabStatistics:
    """Statistics of a (height, width, 3) uint8 RGB picture where the (height, width) mask (0..1) exceeds 0.5.

    Raises ValueError when the mask is nearly empty.
    """
    chosen = as_lab(picture)[mask > 0.5]
    if len(chosen) < FEWEST_PIXELS:
        raise ValueError(f"only {len(chosen)} pixels of skin to take the colour from")
    return LabStatistics(chosen.mean(0), chosen.std(0))


def toned(picture: np.ndarray, have: LabStatistics, want: LabStatistics) -> np.ndarray:
    """A (height, width, 3) uint8 RGB picture with every pixel moved from the statistics `have` to `want`."""
    near_constant = (have.deviation < NEAR_CONSTANT) | (want.deviation < NEAR_CONSTANT)
    gain = np.clip(want.deviation / np.maximum(have.deviation, 1e-6), LEAST_GAIN, MOST_GAIN)
    gain = np.where(near_constant, 1.0, gain)
    moved = (as_lab(picture) - have.mean) * gain + want.mean
    rgb = cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_Lab2RGB)
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def colour_transferred(
    picture: Image.Image, skin: np.ndarray, template: Image.Image, template_skin: np.ndarray, *, edge: float
) -> Image.Image:
    """`picture` with its skin in the template's tone; everything else (lips, eyes, hair) keeps its bytes.

    The masks are (height, width) of their picture, 1 on skin without lips, 0 elsewhere. The change fades in over `edge`
    pixels inside the mask, so that nothing outside it changes. Raises ValueError when either mask is nearly empty.
    """
    base = as_array(picture)
    moved = toned(base, tone_of(base, skin), tone_of(as_array(template), template_skin))
    weight = inner_fade(skin, edge)[..., None]
    mixed = np.rint(base * (1 - weight) + moved * weight)
    return as_picture(np.where(weight > 0, mixed, base))
