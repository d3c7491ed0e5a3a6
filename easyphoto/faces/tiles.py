"""Searches the parts of a large picture, where the whole of it shows no face.

Detectors see a picture reduced to a size of their own, and then a face of a panorama, of a large scan or in a wide
scene has few pixels left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from easyphoto.faces.candidates import largest_first, strongest
from easyphoto.faces.engine import Face

# The longer side up to which detectors see every face that can be replaced.
_LONGEST = 1600
_TILE = 2000
# Of a tile's side, so that a face on the border of one lies whole in the next.
_TILES_SHARE = 0.25
_OVERLAP = 0.3


def faces_in_tiles(detect: Callable[[Image.Image], Sequence[Face]], picture: Image.Image) -> tuple[Face, ...]:
    """The faces of a large picture's overlapping tiles, in its pixels, largest first; none for a small picture."""
    if max(picture.size) <= _LONGEST:
        return ()
    found = []
    for top in _starts(picture.height):
        for left in _starts(picture.width):
            tile = picture.crop((left, top, min(left + _TILE, picture.width), min(top + _TILE, picture.height)))
            found += [face.moved(left, top) for face in detect(tile)]
    boxes = np.array([(face.box.left, face.box.top, face.box.right, face.box.bottom) for face in found])
    kept = strongest(boxes, np.array([face.score for face in found]), _OVERLAP)
    return largest_first([found[index] for index in kept])


def _starts(length: int) -> range:
    """Where tiles begin along a side of `length` pixels."""
    step = round(_TILE * (1 - _TILES_SHARE))
    return range(0, max(1, length - round(_TILE * _TILES_SHARE)), step)
