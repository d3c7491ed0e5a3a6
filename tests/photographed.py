"""Pictures of the tests' own making that count as photographs: soft forms, and light on every pixel of them."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture

# Widths of 320 px and levels: light on the form, then on the skin, down to the camera's grain.
LIGHT = ((40, 20), (16, 15), (6, 10), (2.2, 6), (0.9, 3))


def drawn(seed: int, side: int = 320, *, style: str = "paint") -> tuple[Image.Image, Face]:
    """A drawing and its face."""
    drawing = _drawing(seed, side, style)
    return as_picture(drawing.image), _face(drawing)


def photographed(seed: int, side: int = 320) -> tuple[Image.Image, Face]:
    """The drawing's forms out of focus, under light that no drawing has, and its face."""
    drawing = _drawing(seed, side, "paint")
    noise = np.random.default_rng(seed)
    light = np.zeros((side, side), np.float32)
    for width, level in LIGHT:
        layer = cv2.GaussianBlur(noise.standard_normal((side, side)).astype(np.float32), (0, 0), width * side / 320)
        light += level * layer / layer.std()
    soft = cv2.GaussianBlur(drawing.image, (0, 0), side / 80).astype(np.float32)
    return as_picture(np.clip(soft + light[..., None], 0, 255).astype(np.uint8)), _face(drawing)


def on_ground(picture: Image.Image, seed: int, colour: tuple[int, int, int], *, style: str = "paint") -> Image.Image:
    """The person of that seed's picture cut out and laid on one colour."""
    person = _drawing(seed, picture.width, style).parts > 0
    return as_picture(np.where(person[..., None], np.asarray(picture), np.array(colour)).astype(np.uint8))


def _drawing(seed: int, side: int, style: str) -> Drawing:
    identity = sample_identity(seed)
    return draw(identity, sample_scene(seed, identity, framing="close", style=style), side)


def _face(drawing: Drawing) -> Face:
    return Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 0.99)
