"""The visible label of a result, "made with AI": small, in a corner, outside the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, Size
from easyphoto.images.masks import bounds_of
from easyphoto.images.pictures import built_in_font
from easyphoto.inference.results import Photograph

WORDS = "made with AI"
TEXT_SHARE = 0.026
"""Height of the letters, of the picture's short side: legible at the size of a post, and no more."""
LEAST_TEXT = 11
WIDEST = 0.5
"""Of the picture's width; in tiny pictures the letters become smaller."""
_MARGIN, _PADDING, _RADIUS = 0.7, 0.55, 0.5
"""Of the letters' height."""
_OF_FONT = 0.75
"""Height of these words, of their font's size."""
# White on a dark plate with a light rim can be read on any picture.
_PLATE, _RIM, _INK = (14, 14, 14, 176), (255, 255, 255, 130), (255, 255, 255, 255)
_SCALE = 4
_AROUND_FACE = 0.35
"""A face's box ends at brows and chin; hair and neck belong to what the label keeps off."""


def with_label(
    made: Photograph,
    faces: Sequence[Face],
    template: Size,
    alpha: Image.Image | None = None,
    *,
    painted: np.ndarray | None = None,
) -> Photograph:
    """The photograph with the label, and its place in the record; the steps stay without.

    `faces` are the template's, and `alpha` is its transparency: the label stands where the picture is seen. It keeps
    off the faces, and off what was `painted`, bool (height, width) of the template.
    """
    growth = made.image.width / template.width
    around = [face.box for face in faces] + ([] if painted is None else [bounds_of(painted)])
    plate = plate_for(Size.of(made.image))
    place = place_of(Size.of(plate), Size.of(made.image), [box.scaled(growth) for box in around], alpha)
    left, top, right, bottom = place.as_ints()
    image, mask = made.image.copy(), made.mask.copy()
    under = image.crop((left, top, right, bottom)).convert("RGBA")
    image.paste(Image.alpha_composite(under, plate).convert(image.mode), (left, top))
    mask[top:bottom, left:right] = 1.0
    record = {"text": WORDS, "box": [left, top, right, bottom]}
    return replace(made, image=image, mask=mask, made_by={**made.made_by, "ai_label": record})


def plate_for(picture: Size) -> Image.Image:
    """The label, RGBA, in the size for such a picture."""
    height = max(LEAST_TEXT, round(TEXT_SHARE * picture.short))
    plate = _drawn(height)
    most = WIDEST * picture.width
    if plate.width <= most:
        return plate
    return plate.resize((max(1, round(most)), max(1, round(plate.height * most / plate.width))))


def _drawn(height: int) -> Image.Image:
    """Drawn larger and reduced, because the rounded plate has no smooth edge otherwise."""
    letters = _letters(_SCALE * height)
    unit = letters.height
    padding = round(_PADDING * unit)
    size = letters.width + 2 * padding, letters.height + 2 * padding
    plate = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(plate)
    rim = max(1, _SCALE * round(height / 14))
    pen.rounded_rectangle(
        (0, 0, size[0] - 1, size[1] - 1), radius=round(_RADIUS * unit), fill=_PLATE, outline=_RIM, width=rim
    )
    plate.paste(Image.new("RGBA", letters.size, _INK), (padding, padding), letters)
    return plate.resize((round(size[0] / _SCALE), round(size[1] / _SCALE)), Image.Resampling.LANCZOS)


def _letters(height: int) -> Image.Image:
    """The words as a mask, L, in a font of that size. Pillow's own has a single size before 10.1."""
    font = built_in_font(height)
    left, top, right, bottom = (round(side) for side in font.getbbox(WORDS))
    mask = Image.new("L", (right - left, bottom - top), 0)
    ImageDraw.Draw(mask).text((-left, -top), WORDS, fill=255, font=font)
    if isinstance(font, ImageFont.FreeTypeFont):
        return mask
    tall = round(_OF_FONT * height)
    return mask.resize((round(mask.width * tall / mask.height), tall), Image.Resampling.BICUBIC)


def place_of(plate: Size, picture: Size, faces: Sequence[Box], alpha: Image.Image | None = None) -> Box:
    """The corner in which the label covers least of faces and of what is transparent: bottom right, if that is free."""
    margin = round(_MARGIN * plate.height / 2)
    right, bottom = picture.width - plate.width - margin, picture.height - plate.height - margin
    corners = [
        Box(left, top, left + plate.width, top + plate.height)
        for left, top in ((right, bottom), (margin, bottom), (right, margin), (margin, margin))
    ]
    heads = [_head(face) for face in faces]
    return min(corners, key=lambda corner: _covered(corner, heads, picture, alpha))


def _head(face: Box) -> Box:
    across, along = _AROUND_FACE * face.width, _AROUND_FACE * face.height
    return face.grown(across, along, across, along)


def _covered(corner: Box, heads: Sequence[Box], picture: Size, alpha: Image.Image | None) -> float:
    covered = sum(corner.common_area(head) for head in heads)
    if alpha is not None:
        growth = alpha.width / picture.width
        seen = np.asarray(alpha.crop(corner.scaled(growth).as_ints()), np.float32) / 255
        covered += corner.area * float(1 - seen.mean())
    return covered
