"""One room and one cup, drawn from several sides, and how near a picture is to the room."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from easyphoto.drawings.backgrounds import paint_background
from easyphoto.drawings.canvas import Canvas, Colour
from easyphoto.drawings.frame import Frame
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.props import paint_thing
from easyphoto.drawings.renderer import draw
from easyphoto.drawings.scene import BACKGROUNDS, sample_colour, sample_scene
from easyphoto.images.srgb import as_lab

ROOM_SEED = 8_600_000
WALL, ACCENT, DETAIL = (0.16, 0.46, 0.50), (0.86, 0.46, 0.12), (0.70, 0.16, 0.18)
"""Teal walls, an orange floor and red books: no room of the renderer's usual colours looks like it."""
CUP_SEED = 8_700_636
PICTURES, HELD_OUT = 8, 4
SIDE, WHOLE = 512, 720
EMPTY = (0, 5)
"""Pictures of the room without anybody in it."""
LEVELS, COLOURS = 6, 8
"""Bins of a histogram: of lightness, and of each of the two colour axes."""
_BLUR = 0.8


@dataclass(frozen=True, eq=False)
class RoomMeasure:
    """Pictures of the room that the training never saw, as histograms."""

    histograms: tuple[np.ndarray, ...]

    def distance(self, picture: np.ndarray) -> float:
        """Return how far a (height, width, 3) uint8 RGB picture is from the room: 0 (the same colours in the same
        shares) to 1; the mean over the pictures."""
        mine = histogram(picture)
        return float(np.mean([1 - np.minimum(mine, other).sum() for other in self.histograms]))


def room_measure() -> RoomMeasure:
    held_out = [room_picture(PICTURES + number) for number in range(HELD_OUT)]
    return RoomMeasure(tuple(histogram(picture) for picture in held_out))


def histogram(picture: np.ndarray) -> np.ndarray:
    """Return the shares of colours in CIE Lab, (LEVELS, COLOURS, COLOURS) float32 of sum 1; neighbours share a little,
    because a shade on a bin's border is not another colour."""
    small = cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA)
    lab = as_lab(small).reshape(-1, 3)
    ranges = [(0, 100), (-80, 80), (-80, 80)]
    found, _ = np.histogramdd(np.clip(lab, -79.9, 99.9), bins=(LEVELS, COLOURS, COLOURS), range=ranges)
    for axis in range(3):
        found = _softened(found, axis)
    return np.asarray(found / found.sum(), np.float32)


def _softened(values: np.ndarray, axis: int) -> np.ndarray:
    lines = np.moveaxis(values, axis, 0)
    flat = np.ascontiguousarray(lines.reshape(len(lines), -1))
    soft = cv2.GaussianBlur(flat, (1, 5), sigmaX=0.01, sigmaY=_BLUR, borderType=cv2.BORDER_REFLECT)
    return np.moveaxis(soft.reshape(lines.shape), 0, axis)


def room_picture(number: int) -> np.ndarray:
    """Draw the room, (SIDE, SIDE, 3) uint8 RGB: camera, light and people follow from the number, the rest stays."""
    rng = np.random.default_rng([909, number])
    colours: tuple[Colour, Colour, Colour] = (WALL, ACCENT, DETAIL)
    if number % PICTURES in EMPTY:
        canvas = Canvas(np.zeros((WHOLE, WHOLE, 3), np.uint8), np.zeros((WHOLE, WHOLE), np.uint8))
        paint_background(canvas, "room", colours, ROOM_SEED)
        whole = canvas.image
    else:
        person = sample_identity(ROOM_SEED + number)
        scene = sample_scene(ROOM_SEED + number, person, style="paint", framing="portrait")
        there = replace(scene, background="room", background_colours=colours, seed=ROOM_SEED, blur=0.0, warmth=0.0)
        whole = draw(person, replace(there, brightness=1.0), WHOLE).image
    return _photographed(whole, rng)


def _photographed(whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part of the picture, a little brighter or darker, warmer or colder."""
    side = int(rng.uniform(0.78, 1.0) * WHOLE)
    left, top = (int(rng.integers(0, WHOLE - side + 1)) for _ in range(2))
    warmth = float(rng.uniform(-1, 1))
    light = float(rng.uniform(0.88, 1.1)) * np.array([1 + 0.05 * warmth, 1.0, 1 - 0.06 * warmth])
    part = np.clip(whole[top : top + side, left : left + side] * light, 0, 255).astype(np.uint8)
    return cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def cup_picture(number: int) -> np.ndarray:
    """Draw the one cup, (SIDE, SIDE, 3) uint8 RGB, before another background each time."""
    rng = np.random.default_rng([910, number])
    canvas = Canvas(np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE), np.uint8))
    colours = (sample_colour(rng), sample_colour(rng), sample_colour(rng))
    paint_background(canvas, BACKGROUNDS[number % len(BACKGROUNDS)], colours, CUP_SEED + number)
    scale = SIDE * float(rng.uniform(0.24, 0.32))
    x, y = (SIDE * float(rng.uniform(0.42, 0.58)) for _ in range(2))
    frame = Frame(scale, x, y, float(rng.uniform(-0.2, 0.2)), 0.0, 0.0)
    paint_thing(canvas, "cup", frame, np.random.default_rng(CUP_SEED))
    return canvas.image
