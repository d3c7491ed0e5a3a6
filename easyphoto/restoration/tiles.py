"""Running a network over a large picture in tiles, with bounded memory and no seams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from easyphoto.progress import Progress

TILE = 256
"""Side of a tile in pixels, before enlarging."""
OVERLAP = 36
"""Overlap of neighbouring tiles in pixels: near its border a tile's output is wrong for lack of context."""


def tiled(
    picture: np.ndarray,
    enlarge: Callable[[np.ndarray], np.ndarray],
    factor: int,
    progress: Progress,
    *,
    tile: int = TILE,
    overlap: int = OVERLAP,
) -> np.ndarray:
    """A uint8 RGB picture (height, width, 3) enlarged to uint8 (`factor` × height, `factor` × width, 3).

    `enlarge` takes a uint8 tile and returns it `factor` times as large in 0..255. Memory holds the result and one row
    of tiles, whatever the picture's size.
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
    """Tile offsets along one side, in pixels: neighbours overlap by at least `overlap`, the last ends at the edge."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def rising(length: int, overlap: int, *, begins: bool) -> np.ndarray:
    """float32 (length,) in 0..1: the weight of a tile over the tile before it.

    It is 0 over the first third of the overlap, rises over the second and is 1 from there on. So the previous tile's
    last third is covered, and this tile's first third is unused. `begins`: there is no previous tile, so all are 1.
    """
    if begins:
        return np.ones(length, np.float32)
    third = overlap / 3
    return np.clip((np.arange(length, dtype=np.float32) + 0.5 - third) / third, 0, 1)
