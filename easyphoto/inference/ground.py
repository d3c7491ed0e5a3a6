"""Gives the template around one face the person's outline and skin colour, before any diffusion pass.

It works on the template's own pixels at their resolution, so that the result is as sharp as the template.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from easyphoto.faces.engine import Face, Part
from easyphoto.faces.outline import Outline, bend_to
from easyphoto.faces.skin_tone import (
    SkinTone,
    change_of,
    is_colourless,
    recoloured_skin,
    skin_level,
    skin_of,
    with_skin_around,
)
from easyphoto.geometry import Box, Size
from easyphoto.messages import note, text
from easyphoto.settings.inference import InferenceSettings

# Side of the examined area in lengths of the face box's longer side: neck, ears and hair lie within it.
AREA_FACTOR = 3.0
# Smaller changes of skin colour (ln of linear light, in the channel that changes most) are ignored.
LEAST_CHANGE = 0.02


@dataclass(frozen=True, eq=False)
class Ground:
    """A part of the template in template pixels; all arrays have the height and width of `box`."""

    box: Box
    picture: np.ndarray
    """(height, width, 3) uint8 RGB."""
    labels: np.ndarray
    """(height, width) uint8 values of `Part`."""
    changed: np.ndarray
    """(height, width) float32 in 0..1; where it is 0, the pixel is the template's byte for byte."""
    notes: tuple[str, ...] = ()

    def within(self, crop: Box) -> tuple[slice, slice]:
        """Slices of rows and columns that `crop` (in template pixels) takes in the arrays."""
        left, top, right, bottom = crop.moved(-self.box.left, -self.box.top).as_ints()
        return slice(top, bottom), slice(left, right)


def area_around(face: Face, crop: Box, picture: Size) -> Box:
    """The face's surroundings and at least the crop, in whole template pixels."""
    half = AREA_FACTOR * max(face.box.width, face.box.height) / 2
    x, y = face.box.centre
    around = Box(x - half, y - half, x + half, y + half).clipped(picture)
    left, top, right, bottom = around.as_ints()
    return Box(min(left, crop.left), min(top, crop.top), max(right, crop.right), max(bottom, crop.bottom))


def made_ready(
    box: Box,
    picture: np.ndarray,
    labels: np.ndarray,
    face: Face,
    free: np.ndarray,
    *,
    name: str,
    outline: Outline | None,
    skin: SkinTone | None,
    exact: bool,
    settings: InferenceSettings,
) -> Ground:
    """The part `box` of the template with the person's outline and skin, as far as they are known and wanted.

    `picture` (uint8 RGB), `labels` (uint8 values of `Part`), `face` and `free` (float32, 0 where nothing may change,
    1 where everything may) are in pixels of `box`. `exact`: the part map is as good on the neck as on the face.
    """
    ground = Ground(box, picture, labels, np.zeros(labels.shape, np.float32))
    if outline is not None and settings.outline:
        ground = _with_outline(ground, outline, face, free)
    if skin is not None and settings.skin == "person":
        ground = _with_skin(ground, skin, face, free, name, exact=exact)
    return ground


def _with_outline(ground: Ground, outline: Outline, face: Face, free: np.ndarray) -> Ground:
    bend = bend_to(outline, ground.labels, face, free)
    if bend is None:
        return ground
    changed = ground.changed.copy()
    changed[bend.part] = np.maximum(changed[bend.part], np.clip(bend.moved, 0.0, 1.0))
    return Ground(ground.box, bend.picture(ground.picture), bend.labels(ground.labels), changed)


def _with_skin(ground: Ground, skin: SkinTone, face: Face, free: np.ndarray, name: str, *, exact: bool) -> Ground:
    level = skin_level(ground.picture, skin_of(ground.labels), face)
    change = change_of(skin, level) if level is not None else np.zeros(3)
    if level is None or np.abs(change).max() < LEAST_CHANGE:
        return ground
    width = face.box.width
    # In a colourless picture chest and clothes cannot be told apart.
    labels = ground.labels if exact or is_colourless(level) else with_skin_around(ground.picture, ground.labels, width)
    picture, area = recoloured_skin(ground.picture, labels, level, change, width=width, free=free)
    changed = np.maximum(ground.changed, area)
    return Ground(ground.box, picture, ground.labels, changed, (_skin_note(ground.labels, name),))


def _skin_note(labels: np.ndarray, name: str) -> str:
    seen = [word for part, word in ((Part.EARS, "ears"), (Part.NECK, "neck")) if (labels == part).any()]
    where = text("the face")
    if len(seen) == 2:
        where = text("face, ears and neck")
    elif seen:
        where = text("face and ears") if seen == ["ears"] else text("face and neck")
    rest = (
        text("other skin keeps the template's colour")
        if seen
        else text("neck and ears were not found and keep the template's")
    )
    return note(
        "skin-recoloured",
        "{name} has another skin colour than the template: {where} got it, {rest}. To keep the template's: "
        "--skin template (in the tab: Skin colour).",
        name=name,
        where=where,
        rest=rest,
    )
