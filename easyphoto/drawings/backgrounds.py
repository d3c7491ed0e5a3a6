"""Backgrounds behind people: plain, patterned, indoors and outdoors."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.drawings.canvas import Canvas, Colour, bytes_of, ellipse, mix, shade


def paint_background(canvas: Canvas, kind: str, colours: tuple[Colour, Colour, Colour], seed: int) -> None:
    """Fill the whole canvas; ``colours`` are wall, accent and detail."""
    rng = np.random.default_rng([404, seed % (1 << 31)])
    first, second, _ = colours
    if kind == "plain":
        canvas.image[:] = bytes_of(first)
    elif kind == "gradient":
        _gradient(canvas, first, second, bool(rng.integers(2)))
    elif kind == "stripes":
        _stripes(canvas, first, mix(first, second, 0.5), rng)
    elif kind == "shapes":
        _shapes(canvas, colours, rng)
    elif kind == "room":
        _room(canvas, colours, rng)
    elif kind == "landscape":
        _landscape(canvas, colours, rng)
    elif kind == "lights":
        _lights(canvas, colours, rng)
    else:
        _city(canvas, colours, rng)


def rectangle(canvas: Canvas, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
    """An upright rectangle in picture fractions."""
    _polygon(canvas, np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), colour)


def _polygon(canvas: Canvas, points: np.ndarray, colour: Colour) -> None:
    height, width = canvas.labels.shape
    canvas.fill(points * (width, height) - 0.5, colour)


def _round(canvas: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    """A circle at picture fractions; the radius is a fraction of the shorter side."""
    height, width = canvas.labels.shape
    r = radius * min(height, width)
    canvas.fill(ellipse(x * width - 0.5, y * height - 0.5, r, r, count=28), colour)


def _gradient(canvas: Canvas, first: Colour, second: Colour, across: bool) -> None:
    height, width = canvas.labels.shape
    count = width if across else height
    t = ((np.arange(count) + 0.5) / count)[:, None]
    line = np.rint(255.0 * (np.array(first) * (1 - t) + np.array(second) * t)).astype(np.uint8)
    canvas.image[:] = line[None] if across else line[:, None]


def _stripes(canvas: Canvas, first: Colour, second: Colour, rng: np.random.Generator) -> None:
    canvas.image[:] = bytes_of(first)
    slant, step = float(rng.uniform(-0.8, 0.8)), float(rng.uniform(0.06, 0.2))
    for x in np.arange(-1.0, 2.0, 2 * step):
        _polygon(canvas, np.array([(x, 0.0), (x + step, 0.0), (x + step + slant, 1.0), (x + slant, 1.0)]), second)


def _shapes(canvas: Canvas, colours: tuple[Colour, Colour, Colour], rng: np.random.Generator) -> None:
    canvas.image[:] = bytes_of(colours[0])
    for index in range(9):
        x, y, r = float(rng.random()), float(rng.random()), float(rng.uniform(0.04, 0.18))
        colour = mix(colours[0], colours[1 + index % 2], 0.65)
        if index % 3 == 0:
            _round(canvas, x, y, r, colour)
        else:
            turn = float(rng.uniform(0, 3.0))
            corners = np.linspace(0, 2 * np.pi, 4 + index % 3)[:-1] + turn
            _polygon(canvas, np.stack([x + r * np.cos(corners), y + r * np.sin(corners)], axis=1), colour)


def _room(canvas: Canvas, colours: tuple[Colour, Colour, Colour], rng: np.random.Generator) -> None:
    wall, accent, detail = colours
    _gradient(canvas, shade(wall, 1.08), shade(wall, 0.86), False)
    floor = float(rng.uniform(0.7, 0.88))
    rectangle(canvas, 0.0, floor, 1.0, 1.0, shade(mix(accent, (0.5, 0.35, 0.22), 0.6), 0.8))
    rectangle(canvas, 0.0, floor - 0.02, 1.0, floor, shade(wall, 1.25))
    x = float(rng.uniform(0.03, 0.6))
    rectangle(canvas, x, 0.08, x + 0.34, 0.52, (0.95, 0.94, 0.90))
    rectangle(canvas, x + 0.02, 0.10, x + 0.32, 0.50, mix((0.62, 0.80, 0.95), accent, 0.25))
    rectangle(canvas, x + 0.16, 0.10, x + 0.18, 0.50, (0.95, 0.94, 0.90))
    shelf = (x + 0.5) % 0.8
    rectangle(canvas, shelf, 0.34, shelf + 0.24, 0.37, shade(detail, 0.6))
    for book in range(5):
        left = shelf + 0.015 + 0.042 * book
        top = 0.34 - float(rng.uniform(0.09, 0.16))
        rectangle(canvas, left, top, left + 0.034, 0.34, shade((detail, accent)[book % 2], 0.8 + 0.1 * book))


def _landscape(canvas: Canvas, colours: tuple[Colour, Colour, Colour], rng: np.random.Generator) -> None:
    sky = mix((0.45, 0.68, 0.95), colours[0], 0.35)
    _gradient(canvas, sky, mix(sky, (1.0, 0.95, 0.85), 0.7), False)
    _round(canvas, float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.1, 0.3)), 0.07, (1.0, 0.95, 0.75))
    x = np.linspace(0.0, 1.0, 24)
    for level in range(3):
        top = 0.5 + 0.15 * level + 0.06 * np.sin(x * rng.uniform(4, 11) + rng.uniform(0, 6))
        hill = np.concatenate([np.stack([x, top], axis=1), [(1.0, 1.0), (0.0, 1.0)]])
        _polygon(canvas, hill, shade(mix((0.36, 0.58, 0.34), colours[1], 0.35), 1.1 - 0.17 * level))


def _lights(canvas: Canvas, colours: tuple[Colour, Colour, Colour], rng: np.random.Generator) -> None:
    _gradient(canvas, shade(colours[0], 0.35), shade(colours[1], 0.55), False)
    small = cv2.resize(canvas.image, (96, 96), interpolation=cv2.INTER_AREA)
    tiny = Canvas(small, np.zeros((96, 96), dtype=np.uint8))
    for index in range(16):
        glow = mix(colours[index % 3], (1.0, 0.85, 0.6), 0.5)
        _round(tiny, float(rng.random()), float(rng.random()), float(rng.uniform(0.03, 0.09)), glow)
    small = cv2.GaussianBlur(small, (0, 0), 1.6)
    height, width = canvas.labels.shape
    canvas.image[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _city(canvas: Canvas, colours: tuple[Colour, Colour, Colour], rng: np.random.Generator) -> None:
    _gradient(canvas, mix(colours[0], (0.9, 0.9, 1.0), 0.4), mix(colours[1], (1.0, 0.85, 0.7), 0.5), False)
    x = 0.0
    while x < 1.0:
        width, top = float(rng.uniform(0.1, 0.22)), float(rng.uniform(0.15, 0.6))
        body = shade(mix(colours[2], (0.4, 0.42, 0.5), 0.5), float(rng.uniform(0.5, 1.0)))
        rectangle(canvas, x, top, x + width, 1.0, body)
        for row in np.arange(top + 0.04, 0.95, 0.11):
            for column in np.arange(x + 0.02, x + width - 0.04, 0.055):
                rectangle(canvas, column, row, column + 0.03, row + 0.055, mix(body, (1.0, 0.9, 0.6), 0.5))
        x += width
