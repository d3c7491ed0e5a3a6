"""sRGB's transfer curve (IEC 61966-2-1), from bytes to linear light and back, and its colours as CIE Lab."""

from __future__ import annotations

from functools import cache

import numpy as np


def linear(colours: np.ndarray) -> np.ndarray:
    """Linear light of sRGB bytes: float32 in 0..1, in the shape of `colours` (uint8)."""
    return _decoded()[colours]


def as_bytes(light: np.ndarray) -> np.ndarray:
    """sRGB bytes (uint8) of linear light, in the shape of `light` (float); values are clipped to 0..1."""
    light = np.clip(light, 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.rint(encoded * 255).astype(np.uint8)


def as_lab(colours: np.ndarray) -> np.ndarray:
    """CIE Lab of sRGB bytes, (height, width, 3) uint8 to float32: L in 0..100, a and b."""
    import cv2

    return cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


@cache
def _decoded() -> np.ndarray:
    value = np.arange(256, dtype=np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
