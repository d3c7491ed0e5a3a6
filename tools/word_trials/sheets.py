"""Sheets to look at: rows of pictures, each as large as it is and never enlarged softly."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from easyphoto.images.pictures import built_in_font

SIDE, GAP, TOP = 192, 4, 22


def sheet(titles: Sequence[str], rows: Sequence[Sequence[Image.Image]], side: int = SIDE) -> Image.Image:
    """Draw rows of pictures under their titles; a smaller picture is enlarged to `side`, pixel by pixel."""
    whole = Image.new("RGB", (len(titles) * (side + GAP), TOP + len(rows) * (side + GAP)), "white")
    pen, font = ImageDraw.Draw(whole), built_in_font(13)
    for column, title in enumerate(titles):
        pen.text((column * (side + GAP) + 4, 3), title, "black", font)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            scale = side / max(picture.size)
            method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
            fitted = picture.resize((round(picture.width * scale), round(picture.height * scale)), method)
            whole.paste(fitted, (column * (side + GAP), TOP + row * (side + GAP)))
    return whole
