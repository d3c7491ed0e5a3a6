"""A large picture through a network in pieces: bounded memory, no seams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from easyphoto.progress import Progress

TILE = 256
"""Side in pixels of what the network sees at once."""
OVERLAP = 36
"""By how much neighbours overlap: near its border a tile's answer is wrong, the network saw no surroundings there."""


def tiled(
    picture: np.ndarray,
    enlarge: Callable[[np.ndarray], np.ndarray],
    factor: int,
    progress: Progress,
    *,
    tile: int = TILE,
    overlap: int = OVERLAP,
) -> np.ndarray:
    """uint8 (height, width, 3), `factor` times enlarged; `enlarge` takes a uint8 piece and gives levels, 0..255.

    Held at once are the result and one row of tiles, whatever the picture's size.
    """
    height, width = picture.shape[:2]
    result = np.zeros((factor * height, factor * width, 3), np.uint8)
    tops, lefts = starts(height, tile, overlap), starts(width, tile, overlap)
    for row, top in enumerate(tops):
        band = np.zeros((factor * min(tile, height), factor * width, 3), np.float32)
        for column, left in enumerate(lefts):
            progress.check()
            piece = enlarge(picture[top : top + tile, left : left + tile]).astype(np.float32)
            alpha = rising(piece.shape[1], factor * overlap, begins=left == 0)[None, :, None]
            place = band[:, factor * left : factor * left + piece.shape[1]]
            place += (piece - place) * alpha
            progress.step(row * len(lefts) + column + 1, len(tops) * len(lefts))
        alpha = rising(band.shape[0], factor * overlap, begins=top == 0)[:, None, None]
        rows = result[factor * top : factor * top + band.shape[0]]
        rows[:] = np.clip(np.rint(rows + (band - rows) * alpha), 0, 255)
    return result


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along one side: the last ends at the end, neighbours overlap by `overlap` or more."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def rising(length: int, overlap: int, *, begins: bool) -> np.ndarray:
    """How much of a tile covers what lies before it: 0 over the first third of the overlap, 1 from the second on.

    Its neighbour's last third is therefore covered, its own first third unused. `begins`: nothing lies before it.
    """
    if begins:
        return np.ones(length, np.float32)
    third = overlap / 3
    return np.clip((np.arange(length, dtype=np.float32) + 0.5 - third) / third, 0, 1)
