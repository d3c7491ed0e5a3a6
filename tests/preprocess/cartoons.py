"""Flat cartoons by a simple hand: one person has one face, drawn again before other grounds and in other shirts."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from easyphoto.faces.engine import Face
from easyphoto.geometry import Box

SIZE = 384
GROUNDS = ("#c4ccd6", "#d6cebe", "#b0beb2", "#ceb8b8", "#2f6f9f", "#e7c44a", "#7a3b6a", "#3d7a4c")
SHIRTS = ("#7a3b6a", "#b0beb2", "#e7c44a", "#3d7a4c", "#d6cebe", "#2f6f9f", "#ceb8b8", "#c4ccd6")
_SKIN, _HAIR = "#e2ae86", "#603c22"


def cartoon(number: int, *, shift: int = 0) -> tuple[Image.Image, Face]:
    """The drawing of that number, from 0 to 7; drawn four times as large and then reduced, so that edges are smooth."""
    large = Image.new("RGB", (4 * SIZE, 4 * SIZE), GROUNDS[number])
    pen = ImageDraw.Draw(large)
    x, y = 768 + 4 * shift, 640

    def ellipse(left: int, top: int, right: int, bottom: int, colour: str) -> None:
        pen.ellipse((x + left, y + top, x + right, y + bottom), fill=colour)

    ellipse(-600, 400, 600, 1500, SHIRTS[number])
    pen.rectangle((x - 100, y + 200, x + 100, y + 440), fill="#ca9c78")
    ellipse(-260, -340, 260, 340, _SKIN)
    pen.pieslice((x - 275, y - 380, x + 275, y + 200), 180, 360, fill=_HAIR)
    ellipse(-215, -220, 215, 200, _SKIN)
    for side in (-115, 115):
        ellipse(side - 45, -55, side + 45, -5, "white")
        ellipse(side - 20, -50, side + 20, -10, "#3a5a3a")
        pen.line((x + side - 60, y - 95, x + side + 60, y - 95), fill=_HAIR, width=14)
    pen.line((x, y, x - 24, y + 90, x + 14, y + 95), fill="#9c785c", width=10)
    pen.arc((x - 110, y + 80, x + 110, y + 190), 20, 160, fill="#aa323c", width=16)
    middle = np.array([[x - 115, y - 30], [x + 115, y - 30], [x, y + 90], [x - 90, y + 170], [x + 90, y + 170]])
    face = Face(Box(*(value / 4 for value in (x - 260, y - 260, x + 260, y + 340))), (middle / 4).astype(np.float32), 1)
    return large.resize((SIZE, SIZE), Image.Resampling.BOX), face
