"""The soft edge of a mask as the picture shows it: part maps are coarser than pictures, and their steps would show."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.images import dilated

# Colours of both sides that differ by less than this (of 255) do not tell where the edge lies.
LEAST_CONTRAST = 12.0


def matte(mask: np.ndarray, picture: np.ndarray, reach: float) -> np.ndarray:
    """float32 0..1: how much of each pixel belongs to `mask` (0..1), whose edge may be off by `reach` pixels.

    Within reach of the edge a pixel lies between the colours of both sides around it (Porter & Duff, "Compositing
    digital images", 1984, solved for the share); beyond, the mask is as it was.
    """
    inside = (mask > 0.5).astype(np.float32)
    sure, out = dilated(inside, -reach), 1.0 - dilated(inside, reach)
    colours = picture.astype(np.float32)
    near = max(1.0, 2.0 * reach)
    own, own_weight = _around(colours, sure, near)
    other, other_weight = _around(colours, out, near)
    axis = own - other
    length = (axis**2).sum(2)
    share = ((colours - other) * axis).sum(2) / np.maximum(length, 1e-3)
    plain = cv2.GaussianBlur(inside, (0, 0), max(0.5, reach / 3))
    known = (own_weight > 1e-3) & (other_weight > 1e-3) & (length > LEAST_CONTRAST**2)
    edge = np.where(known, np.clip(share, 0.0, 1.0), plain)
    return np.where(sure > 0.5, 1.0, np.where(out > 0.5, 0.0, edge)).astype(np.float32)


def _around(colours: np.ndarray, mask: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The mean colour of the mask's pixels around every pixel, and how many there are."""
    weight = cv2.GaussianBlur(mask, (0, 0), reach)
    mean = cv2.GaussianBlur(colours * mask[..., None], (0, 0), reach) / np.maximum(weight, 1e-6)[..., None]
    return mean, weight
