"""Clothes, and objects for pictures without a face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from easyphoto.drawings.canvas import Canvas, Colour, ellipse, mix, ribbon, shade, taper
from easyphoto.drawings.frame import Frame, smooth
from easyphoto.drawings.identity import HAIR_COLOURS, sample_identity
from easyphoto.drawings.scene import Scene, sample_colour


def paint_clothes(
    canvas: Canvas, body: Frame, scene: Scene, top: float, neck: float, shoulder: float, ink: Colour | None, label: int
) -> None:
    """Shoulders and chest down to the picture's edge.

    ``top`` (v of the collar), ``neck`` and ``shoulder`` (half widths) are in face units.
    """
    colour, trim = scene.clothes_colour, scene.clothes_trim
    scoop = 0.62 if scene.clothes in ("shirt", "jacket") else 0.34
    half = [(neck + 0.06, top + 0.02), (neck + 0.5, top + 0.24), (shoulder * 0.78, top + 0.55), (shoulder, top + 1.2)]
    side = smooth(np.array(half + [(shoulder * 1.1, top + 3.0), (shoulder * 1.15, top + 8.0)]), 4, closed=False)
    collar = np.array([(-neck - 0.06, top + 0.02), (-neck * 0.5, top + 0.7 * scoop), (0.0, top + scoop)])
    collar = smooth(np.concatenate([collar, collar[1::-1] * (-1.0, 1.0)]), 5, closed=False)
    outline = np.concatenate([collar, side, side[::-1] * (-1.0, 1.0)])
    shape = body.rigid(outline)
    if ink is not None:
        canvas.fill(ribbon(np.concatenate([shape, shape[:1]]), 0.06 * body.scale), ink, label)
    canvas.fill(shape, colour, label)
    if scene.clothes == "striped":
        for level in np.arange(top + 0.75, top + 5.0, 0.5):
            reach = shoulder * min(1.0, 0.75 + 0.25 * (level - top))
            t = np.linspace(-reach, reach, 15)
            curve = np.stack([t, level - 0.12 * (t / shoulder) ** 2], axis=1)
            canvas.fill(body.rigid(ribbon(curve, 0.2)), trim, label)
    if scene.clothes == "jacket":
        for s in (-1.0, 1.0):
            lapel = np.array(
                [(s * (neck + 0.02), top), (s * (neck + 0.5), top + 0.5), (s * 0.12, top + 1.6), (0.0, top + scoop)]
            )
            canvas.fill(body.rigid(lapel), shade(trim, 0.8), label)
    for s in (-1.0, 1.0):
        fold = np.array(
            [(s * shoulder * 0.62, top + 0.9), (s * shoulder * 0.66, top + 1.6), (s * shoulder * 0.6, top + 2.4)]
        )
        canvas.fill(body.rigid(ribbon(smooth(fold, 5, closed=False), taper(11, 0.10))), shade(colour, 0.68), label)
    band = {"sweater": 0.17, "hoodie": 0.26, "shirt": 0.09, "striped": 0.12}.get(scene.clothes, 0.06)
    edge = shade(trim if scene.clothes != "hoodie" else colour, 0.82)
    canvas.fill(body.rigid(ribbon(collar, band)), edge, label)


def paint_things(canvas: Canvas, rng: np.random.Generator) -> None:
    """One to four objects, many of them round, none of them a face."""
    painters = tuple(_PAINTERS.values())
    for _ in range(int(rng.integers(1, 5))):
        painter = painters[int(rng.integers(len(painters)))]
        size = canvas.labels.shape[0]
        scale = size * float(rng.uniform(0.06, 0.22))
        x, y = size * float(rng.uniform(0.15, 0.85)), size * float(rng.uniform(0.2, 0.85))
        painter(canvas, Frame(scale, x, y, float(rng.uniform(-0.3, 0.3)), 0.0, 0.0), rng)


def paint_thing(canvas: Canvas, kind: str, frame: Frame, rng: np.random.Generator) -> None:
    """One object of that kind (a key of ``_PAINTERS``); its colours follow from ``rng``."""
    _PAINTERS[kind](canvas, frame, rng)


def paint_head_from_behind(
    canvas: Canvas, frame: Frame, rng: np.random.Generator, hair: int, neck: int, clothes: int
) -> None:
    """Hair, neck and shoulders of a person seen from behind; ``hair``, ``neck`` and ``clothes`` are labels."""
    person = sample_identity(int(rng.integers(1 << 30)))
    colour = list(HAIR_COLOURS.values())[int(rng.integers(len(HAIR_COLOURS)))]
    canvas.fill(
        frame.rigid(np.array([(-0.6, 0.8), (0.6, 0.8), (0.66, 2.4), (-0.66, 2.4)])), shade(person.skin, 0.85), neck
    )
    half = [(0.5, 1.9), (1.5, 2.3), (2.1, 3.0), (2.3, 9.0)]
    body = np.array([*half, *[(-u, v) for u, v in half[::-1]]])
    canvas.fill(frame.rigid(body), sample_colour(rng), clothes)
    low = float(rng.choice((1.1, 1.5, 2.6)))
    back = [(0.0, -1.5), (0.8, -1.3), (1.12, -0.4), (1.1, 0.5), (0.95, low - 0.2), (0.4, low)]
    outline = smooth(np.array([*back, *[(-u, v) for u, v in back[:0:-1]]]), 5)
    canvas.fill(frame.rigid(outline), colour, hair)
    for start in np.linspace(-0.8, 0.8, 9):
        t = np.linspace(0.0, 1.0, 9)
        lock = np.stack(
            [1.1 * start * np.sin(0.25 + 1.9 * t) ** 0.7, -1.3 + 0.2 * abs(start) + (low + 0.9) * t], axis=1
        )
        tone = 0.75 if rng.random() < 0.5 else 1.2
        canvas.fill(frame.rigid(ribbon(lock, taper(9, 0.07))), shade(colour, tone), hair)


def _disc(canvas: Canvas, frame: Frame, radius: float, colour: Colour) -> None:
    """A shaded sphere."""
    for step, part in enumerate(np.linspace(1.0, 0.2, 14)):
        spot = ellipse(-0.3 * (1 - part), -0.35 * (1 - part), radius * part, radius * part)
        canvas.fill(frame.rigid(spot), mix(shade(colour, 0.6), mix(colour, (1.0, 1.0, 1.0), 0.5), step / 13))


def _ball(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    _disc(canvas, frame, 1.0, sample_colour(rng))
    t = np.linspace(-0.9, 0.9, 11)
    for bend in (-0.5, 0.4):
        band = np.stack([t, bend * (1.0 - t**2)], axis=1)
        canvas.fill(frame.rigid(ribbon(band, taper(11, 0.12))), sample_colour(rng))


def _fruit(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    hues: tuple[Colour, ...] = ((0.88, 0.25, 0.18), (0.95, 0.58, 0.15), (0.60, 0.75, 0.25), (0.95, 0.72, 0.55))
    _disc(canvas, frame, 1.0, hues[int(rng.integers(len(hues)))])
    stem = np.array([(0.0, -0.85), (0.05, -1.1), (0.16, -1.3)])
    canvas.fill(frame.rigid(ribbon(stem, 0.1)), (0.36, 0.22, 0.10))
    canvas.fill(frame.rigid(ellipse(0.36, -1.12, 0.28, 0.12, -0.4)), (0.30, 0.55, 0.22))


def _clock(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    canvas.fill(frame.rigid(ellipse(0.0, 0.0, 1.1, 1.1, count=36)), shade(sample_colour(rng), 0.6))
    canvas.fill(frame.rigid(ellipse(0.0, 0.0, 0.95, 0.95, count=36)), (0.95, 0.93, 0.88))
    for hour in np.linspace(0.0, 2 * np.pi, 12, endpoint=False):
        canvas.fill(
            frame.rigid(ellipse(0.78 * np.cos(hour), 0.78 * np.sin(hour), 0.06, 0.06, count=8)), (0.2, 0.2, 0.22)
        )
    for length in (0.45, 0.68):
        angle = float(rng.uniform(0, 6.28))
        hand = np.array([(0.0, 0.0), (length * np.cos(angle), length * np.sin(angle))])
        canvas.fill(frame.rigid(ribbon(hand, 0.08)), (0.15, 0.15, 0.18))


def _cup(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    colour = sample_colour(rng)
    t = np.linspace(-1.4, 1.4, 11)
    handle = np.stack([0.7 + 0.4 * np.cos(t), 0.1 + 0.42 * np.sin(t)], axis=1)
    canvas.fill(frame.rigid(ribbon(handle, 0.16)), shade(colour, 0.8))
    canvas.fill(frame.rigid(np.array([(-0.8, -0.7), (0.8, -0.7), (0.62, 0.85), (-0.62, 0.85)])), colour)
    canvas.fill(frame.rigid(ellipse(0.0, -0.7, 0.8, 0.2)), shade(colour, 1.2))
    canvas.fill(frame.rigid(ellipse(0.0, -0.68, 0.66, 0.14)), (0.30, 0.18, 0.10))


def _shirt(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    half = [(0.3, -0.9), (0.7, -0.8), (1.3, -0.2), (1.0, 0.15), (0.72, -0.1), (0.75, 1.2)]
    shape = np.array([*half, *[(-u, v) for u, v in half[::-1]], (0.0, -0.65)])
    canvas.fill(frame.rigid(shape), sample_colour(rng), 9)
    canvas.fill(frame.rigid(np.array([(-0.73, 0.3), (0.73, 0.3), (0.74, 0.55), (-0.74, 0.55)])), sample_colour(rng), 9)


def _plant(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    for angle in np.linspace(-2.6, -0.5, 7):
        leaf = ellipse(0.7 * np.cos(angle), 0.7 * np.sin(angle) + 0.2, 0.55, 0.15, float(angle))
        canvas.fill(frame.rigid(leaf), shade((0.30, 0.58, 0.28), float(rng.uniform(0.7, 1.2))))
    canvas.fill(frame.rigid(np.array([(-0.5, 0.3), (0.5, 0.3), (0.36, 1.1), (-0.36, 1.1)])), sample_colour(rng))


_PAINTERS: dict[str, Callable[[Canvas, Frame, np.random.Generator], None]] = {
    "ball": _ball, "fruit": _fruit, "clock": _clock, "cup": _cup, "shirt": _shirt, "plant": _plant,
}  # fmt: skip
