"""Finds an object in a picture: its mask, by a network or by colours, and the square around it."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from easyphoto.faces.parts import Saliency
from easyphoto.geometry import Box, Size, square_around
from easyphoto.images.grabcut import in_front
from easyphoto.images.masks import bounds_of, without_holes
from easyphoto.images.pictures import as_array, resized_mask, shrunk

MARGIN = 1.25
"""Side of the square around an object, as a multiple of its longer side."""
# What covers less is a speck, what covers more is the picture itself: then nothing was told apart.
_LEAST_SHARE, _MOST_SHARE = 0.01, 0.85
# Longer side in pixels at which GrabCut runs, and the rim of the picture that it takes for background.
_LONGEST, _RIM, _ROUNDS = 256, 0.04, 5
_SPECK = 0.33
"""Pieces smaller than this share of the largest one do not belong to the object: the sun above a cup. Of two shoes
both do."""


def object_mask(picture: Image.Image, network: Saliency | None = None) -> np.ndarray | None:
    """(height, width) float32 mask in 0..1 of the object in an RGB picture; None where none stands out.

    Without a `network` it is told from the picture's rim by its colours (GrabCut).
    """
    mask = network.mask(picture) if network is not None else _by_colours(picture)
    sure = _without_specks(mask > 0.5)
    if not _LEAST_SHARE <= float(sure.mean()) <= _MOST_SHARE:
        return None
    # Soft edges belong to the pieces that are kept.
    near = cv2.dilate(sure.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.asarray(np.where(near, np.maximum(mask, 0), 0), np.float32)


def square_of(mask: np.ndarray) -> Box:
    """The square around the object of a mask, with a margin, inside the picture."""
    return square_around(bounds_of(mask > 0.5), MARGIN, Size.of(mask))


def _by_colours(picture: Image.Image) -> np.ndarray:
    small = as_array(shrunk(picture, _LONGEST))
    height, width = small.shape[:2]
    rim = max(2, round(_RIM * min(height, width)))
    marks = np.full((height, width), cv2.GC_BGD, np.uint8)
    marks[rim:-rim, rim:-rim] = cv2.GC_PR_FGD
    found = in_front(small[..., ::-1], marks, rounds=_ROUNDS).astype(np.uint8)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    found = cv2.morphologyEx(cv2.morphologyEx(found, cv2.MORPH_OPEN, brush), cv2.MORPH_CLOSE, brush)
    return resized_mask(without_holes(found > 0).astype(np.float32), Size.of(picture))


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """The pieces of a bool mask that are not much smaller than the largest: a pair of shoes has two."""
    count, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = facts[1:count, cv2.CC_STAT_AREA]
    large = 1 + np.flatnonzero(areas >= _SPECK * areas.max()) if areas.size else np.array([], int)
    return np.isin(labels, large)
