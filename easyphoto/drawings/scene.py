"""Everything in a picture except identity: pose, light, expression, hair, clothes, background, style."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from easyphoto.drawings.frame import box_of
from easyphoto.drawings.identity import HAIR_COLOURS, HAIR_FORMS, Colour, DrawnIdentity

Framing = Literal["close", "portrait", "wide"]

STYLES: tuple[str, ...] = ("paint", "ink")
FRAMINGS: dict[str, tuple[float, float]] = {"close": (0.45, 0.65), "portrait": (0.28, 0.45), "wide": (0.12, 0.28)}
BACKGROUNDS: tuple[str, ...] = ("plain", "gradient", "stripes", "shapes", "room", "landscape", "lights", "city")
CLOTHES: tuple[str, ...] = ("shirt", "sweater", "striped", "jacket", "hoodie")
DYES: dict[str, Colour] = {
    "pink": (0.92, 0.45, 0.62),
    "blue": (0.25, 0.42, 0.78),
    "green": (0.25, 0.58, 0.40),
    "purple": (0.50, 0.30, 0.66),
}
_EDGE = 0.015  # picture fractions kept free around the face box


@dataclass(frozen=True)
class Scene:
    """The scene of one picture. Positions and widths are fractions of the picture, angles are radians."""

    seed: int
    style: str
    framing: str
    face_width: float  # face box width / picture width
    cx: float  # centre of the face box
    cy: float
    roll: float
    yaw: float  # feature shift in face units
    pitch: float
    smile: float  # -0.1..1
    mouth_open: float  # 0..1
    brow_raise: float  # -0.5..1
    eye_close: float  # 0..0.4
    gaze_x: float  # -1..1
    gaze_y: float
    light_angle: float  # direction of the light source, 0 is right, pi/2 above
    light_strength: float
    warmth: float  # -1 cold, 1 warm
    brightness: float
    hair_form: str
    hair: Colour
    clothes: str
    clothes_colour: Colour
    clothes_trim: Colour
    background: str
    background_colours: tuple[Colour, Colour, Colour]
    blur: float  # standard deviation as fraction of the picture
    noise: float  # standard deviation in 0..1
    glasses: str = ""  # one of glasses.GLASSES; nobody wears any unless it is asked for

    def words(self) -> str:
        """Caption words from a small fixed vocabulary, comma separated."""
        hair = "bald" if self.hair_form == "bald" else f"{_hair_word(self.hair)} {self.hair_form} hair"
        mood = "open mouth" if self.mouth_open > 0.45 else "smiling" if self.smile > 0.35 else "calm"
        style = "soft painting" if self.style == "paint" else "ink drawing"
        worn = [self.glasses] if self.glasses else []
        return ", ".join([hair, mood, self.clothes, f"{self.background} background", style, *worn])


def sample_scene(
    seed: int,
    identity: DrawnIdentity,
    *,
    style: str | None = None,
    framing: Framing = "portrait",
    photo_index: int = 0,
) -> Scene:
    """A scene for a person. ``photo_index`` distinguishes pictures of one person with the same seed."""
    rng = np.random.default_rng([202, seed, photo_index, identity.seed])
    drawn_style = STYLES[int(rng.integers(len(STYLES)))]
    roll = math.radians(float(rng.uniform(-12.0, 12.0)))
    width, cx, cy = _sample_place(rng, identity, framing, roll)
    hair_form, hair = _sample_hair(rng, identity)
    backdrop = tuple(sample_colour(rng) for _ in range(3))
    return Scene(
        seed=int(seed) * 1009 + int(photo_index),
        style=drawn_style if style is None else style,
        framing=framing,
        face_width=width,
        cx=cx,
        cy=cy,
        roll=roll,
        yaw=float(rng.uniform(-0.16, 0.16)),
        pitch=float(rng.uniform(-0.05, 0.05)),
        smile=float(rng.uniform(-0.1, 1.0)),
        mouth_open=float(rng.uniform(0.25, 1.0)) if rng.random() < 0.3 else 0.0,
        brow_raise=float(rng.uniform(-0.5, 1.0)),
        eye_close=float(rng.uniform(0.0, 0.35)) if rng.random() < 0.5 else 0.0,
        gaze_x=float(rng.uniform(-1.0, 1.0)),
        gaze_y=float(rng.uniform(-1.0, 1.0)),
        light_angle=float(rng.uniform(0.1, math.pi - 0.1)),
        light_strength=float(rng.uniform(0.3, 1.0)),
        warmth=float(rng.uniform(-1.0, 1.0)),
        brightness=float(rng.uniform(0.88, 1.10)),
        hair_form=hair_form,
        hair=hair,
        clothes=CLOTHES[int(rng.integers(len(CLOTHES)))],
        clothes_colour=sample_colour(rng),
        clothes_trim=sample_colour(rng),
        background=BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))],
        background_colours=backdrop,  # type: ignore[arg-type]
        blur=float(rng.uniform(0.0008, 0.0035)) if rng.random() < 0.35 else 0.0,
        noise=float(rng.uniform(0.004, 0.018)) if rng.random() < 0.4 else 0.0,
    )


def sample_colour(rng: np.random.Generator) -> Colour:
    """A pleasant colour: any hue, seldom fully saturated."""
    hue, saturation, value = rng.uniform(0.0, 6.0), rng.uniform(0.12, 0.7), rng.uniform(0.3, 0.95)
    channels = (np.array([5.0, 3.0, 1.0]) + hue) % 6.0
    rgb = value * (1.0 - saturation * np.clip(np.minimum(channels, 4.0 - channels), 0.0, 1.0))
    r, g, b = (round(float(c), 5) for c in rgb)
    return r, g, b


def _sample_place(
    rng: np.random.Generator, identity: DrawnIdentity, framing: str, roll: float
) -> tuple[float, float, float]:
    left, top, right, bottom = box_of(identity, roll)
    lo, hi = FRAMINGS[framing]
    width = float(rng.uniform(lo, hi))
    height = width * (bottom - top) / (right - left)
    # Leaves room above for hair and below for clothes if the picture allows it; the box is always inside.
    free_x, free_y = 0.5 - width / 2 - _EDGE, 0.5 - height / 2 - _EDGE
    cx = 0.5 + float(rng.uniform(-0.7, 0.7)) * free_x
    cy = 0.5 + float(rng.uniform(-0.55, 0.45)) * free_y
    return width, cx, cy


def _sample_hair(rng: np.random.Generator, identity: DrawnIdentity) -> tuple[str, Colour]:
    changed = rng.random() < 0.5
    form = HAIR_FORMS[int(rng.integers(len(HAIR_FORMS)))]
    named = {**HAIR_COLOURS, **DYES}
    colour = list(named.values())[int(rng.integers(len(named)))]
    return (form, colour) if changed else (identity.hair_form, identity.hair)


def _hair_word(colour: Colour) -> str:
    named = {**HAIR_COLOURS, **DYES}
    return min(named, key=lambda name: sum((a - b) ** 2 for a, b in zip(colour, named[name], strict=True)))
