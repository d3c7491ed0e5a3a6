"""A little more even skin: edges stay, nothing outside the mask changes."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.colour import inner_fade
from easyphoto.images import as_array, as_picture

STRENGTH = 0.4
# Steps up to about this many levels, summed over the three channels, are blotches; larger ones are features (a mole,
# a crease).
BLOTCH = 30.0


def retouched(picture: Image.Image, skin: np.ndarray, *, face_width: float, strength: float = STRENGTH) -> Image.Image:
    """`picture` with its skin evened through an edge-preserving filter. Raises ValueError for a mask of another size.

    `skin` is a 0..1 mask, `face_width` the face's width in pixels: the filter's reach follows it.
    """
    base = as_array(picture)
    if skin.shape != base.shape[:2]:
        raise ValueError(f"a skin mask of shape {skin.shape} does not fit a picture of {base.shape[:2]}")
    reach = float(np.clip(0.02 * face_width, 1.0, 8.0))
    even = cv2.bilateralFilter(base, -1, BLOTCH, reach)
    weight = strength * inner_fade(skin, 0.02 * face_width)[..., None]
    mixed = np.rint(base * (1 - weight) + even * weight)
    return as_picture(np.where(weight > 0, mixed, base))
