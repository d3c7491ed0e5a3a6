"""Where a template is to be repainted: a mask file that somebody painted, or a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from easyphoto.errors import BadMask
from easyphoto.geometry import Box, Size
from easyphoto.images.originals import read_original
from easyphoto.messages import text

HALF = 128
# A mask may leave less than this only by mistake, an inverted one for instance: what is painted then fits into nothing.
LEAST_LEFT = 0.05
PAINT_SO = text("Paint white on black, or anything on transparent, where the object goes.")
BOX_SO = text(
    "Write left, top, width and height, in pixels or as shares of the picture: 120,80,200,160 or 0.2,0.3,0.4,0.4."
)


def read_painted(source: Path, template: Size) -> np.ndarray:
    """The painted part of a mask file: bool (height, width) of the template's size.

    White is painted; in a file with transparency whatever is opaque is, of any colour. Grey and half transparent count
    from the middle on. Raises BadPicture, and BadMask for another size, nothing painted, or (nearly) everything.
    """
    mask = read_original(source)
    size = Size.of(mask.picture)
    if size != template:
        raise BadMask(
            text(
                "The mask has {width}×{height} pixels, the template {template_width}×{template_height}.",
                width=size.width,
                height=size.height,
                template_width=template.width,
                template_height=template.height,
            ),
            advice=text("Make the mask in the template's size."),
        )
    values = mask.alpha if mask.alpha is not None else mask.picture.convert("L")
    painted = np.asarray(values) >= HALF
    if not painted.any():
        raise BadMask(text("Nothing is painted on the mask."), advice=PAINT_SO)
    if _leaves_nothing(painted.sum(), template):
        raise BadMask(text("The mask covers the whole template, so that nothing of it would be left."), advice=PAINT_SO)
    return painted


def boxed(box: Sequence[float], template: Size) -> np.ndarray:
    """The same for a box of left, top, width and height: in pixels, or as shares where none is above 1.

    Raises BadMask for a box without an area, one that reaches beyond the template, or one that is all of it.
    """
    found = box_in_pixels(box, template)
    if found.clipped(template) != found:
        raise BadMask(
            text(
                "The box {box} reaches beyond the template, which has {width}×{height} pixels.",
                box=box_words(box),
                width=template.width,
                height=template.height,
            ),
            advice=BOX_SO,
        )
    if _leaves_nothing(found.area, template):
        raise BadMask(text("The box covers the whole template, so that nothing of it would be left."), advice=BOX_SO)
    painted = np.zeros((template.height, template.width), bool)
    left, top, right, bottom = found.as_ints()
    painted[top:bottom, left:right] = True
    return painted


def written_box(written: str) -> tuple[float, float, float, float]:
    """The box of `120,80,200,160`, or of shares of the picture. Raises BadMask for what is none, or not so written."""
    try:
        return checked_box([float(side) for side in written.replace(";", ",").split(",")])
    except ValueError as error:
        raise BadMask(text("{box} is not a box.", box=written.strip()[:100]), advice=BOX_SO) from error


def checked_box(box: Sequence[float]) -> tuple[float, float, float, float]:
    """Raises BadMask for other than four numbers, a negative place, or a box without an area."""
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[:2]) < 0 or min(box[2:]) <= 0:
        raise BadMask(text("{box} is not a box.", box=box_words(box)), advice=BOX_SO)
    left, top, width, height = box
    return left, top, width, height


def box_in_pixels(box: Sequence[float], template: Size) -> Box:
    """The box in whole pixels of the template. Raises BadMask."""
    left, top, width, height = checked_box(box)
    across, down = (template.width, template.height) if max(box) <= 1 else (1, 1)
    sides = left * across, top * down, (left + width) * across, (top + height) * down
    return Box(*(float(round(side)) for side in sides))


def box_words(box: Sequence[float]) -> str:
    return ",".join(f"{side:g}" for side in box)


def _leaves_nothing(painted: float, template: Size) -> bool:
    return painted > (1 - LEAST_LEFT) * template.width * template.height
