"""The colour of hair, measured and in words that image models know."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import cv2
import numpy as np

from easyphoto.drawings.identity import HAIR_COLOURS
from easyphoto.drawings.scene import DYES
from easyphoto.faces.engine import FACE_PARTS, Part, part_mask
from easyphoto.images.srgb import as_lab

BALD = "bald"
MOST_OF_BALD = 0.05
"""Hair on a bald head, as a share of the face: at most 0.004 of 9 drawn ones, where the shortest hair has 0.13."""
FEWEST_PIXELS = 100
BRIGHTEST, DARKEST = 0.75, 0.55
"""The band of brightness that is measured. Locks throw shadows on each other, and strands shine: of 141 drawn heads 140
have the right name by this band, 129 by the middle of all hair."""


def hair_name(image: np.ndarray, labels: np.ndarray) -> str | None:
    """`brown`, `grey`, …, or `bald`; None where too little of the face or the hair is seen.

    `image` is (height, width, 3) uint8 RGB, `labels` its (height, width) uint8 part map.
    """
    face, hair = part_mask(labels, FACE_PARTS), labels == Part.HAIR
    if face.sum() < FEWEST_PIXELS:
        return None
    if hair.sum() < MOST_OF_BALD * face.sum():
        return BALD
    inner = cv2.erode(hair.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if inner.sum() < FEWEST_PIXELS:
        return None
    colours = as_lab(image)[inner]
    ordered = colours[np.argsort(colours[:, 0])]
    band = ordered[int(DARKEST * len(ordered)) : int(BRIGHTEST * len(ordered)) + 1]
    measured = np.median(band, axis=0)
    return min(_named(), key=lambda name: float(np.linalg.norm(_named()[name] - measured)))


@cache
def _named() -> Mapping[str, np.ndarray]:
    """Name → CIE Lab."""
    colours = {**HAIR_COLOURS, **DYES}
    bytes_ = np.rint(np.array([list(colours.values())]) * 255).astype(np.uint8)
    return dict(zip(colours, as_lab(bytes_)[0], strict=True))
