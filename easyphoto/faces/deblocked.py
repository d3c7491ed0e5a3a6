"""Removal of JPEG blocks and grain that keeps edges.

After Yaroslavsky, "Digital Picture Processing", 1985, and Coifman and Donoho, "Translation-invariant de-noising", 1995:
small cosine coefficients of all overlapping blocks are zeroed and the reconstructions averaged. The position of JPEG's
blocks is not needed; after a resize it is unknown.
"""

from __future__ import annotations

import numpy as np

_SIDE = 8


def deblocked(grey: np.ndarray, threshold: float) -> np.ndarray:
    """A (height, width) float32 grey picture (0..255) without cosine coefficients below `threshold` (same unit).

    Coefficients are those of all overlapping 8 × 8 blocks; each block keeps its mean.
    """
    import cv2

    pad = _SIDE - 1
    wide = cv2.copyMakeBorder(grey, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    blocks = np.lib.stride_tricks.sliding_window_view(wide, (_SIDE, _SIDE))
    rows, columns = blocks.shape[:2]
    transform = _transform()
    coefficients = blocks.reshape(-1, _SIDE * _SIDE) @ transform.T
    kept = np.abs(coefficients) >= threshold
    kept[:, 0] = True
    answers = ((coefficients * kept) @ transform).reshape(rows, columns, _SIDE, _SIDE)
    total = np.zeros_like(wide)
    for down in range(_SIDE):
        for right in range(_SIDE):
            total[down : down + rows, right : right + columns] += answers[:, :, down, right]
    height, width = grey.shape
    return np.asarray(total[pad : pad + height, pad : pad + width] / _SIDE**2)


def _transform() -> np.ndarray:
    """The orthonormal cosine transform of an 8 × 8 block: (64, 64) float32."""
    frequency, place = np.mgrid[:_SIDE, :_SIDE]
    line = np.sqrt(2 / _SIDE) * np.cos(np.pi * (2 * place + 1) * frequency / (2 * _SIDE))
    line[0] /= np.sqrt(2)
    return np.kron(line, line).astype(np.float32)
