"""Masks, scarves and sunglasses, and what bare faces wear: clear glasses, hats, beards, lipstick, microphones."""

from __future__ import annotations

import cv2
import numpy as np

from coverings.canvas import UNIT, Ground, clouds, smooth

_CLOTH = (
    (235, 238, 240), (176, 208, 226), (120, 170, 205), (150, 200, 180), (40, 42, 46), (25, 30, 60), (230, 170, 190),
    (190, 40, 50), (90, 110, 80), (210, 190, 160), (120, 80, 60), (240, 220, 90), (128, 128, 130),
)  # fmt: skip
_LENSES = ((12, 12, 14), (30, 22, 16), (52, 34, 22), (24, 36, 28), (20, 28, 48), (60, 60, 64), (48, 20, 30))


def colour_of(rng: np.random.Generator, known: tuple[tuple[int, int, int], ...] = _CLOTH) -> np.ndarray:
    """One of the known ones, a little off, or any."""
    if rng.random() < 0.3:
        return rng.uniform(10, 245, 3).astype(np.float32)
    base = np.asarray(known[int(rng.integers(len(known)))], np.float32)
    return np.clip(base + rng.normal(0, 10, 3), 4, 250).astype(np.float32)


def patterned(ground: Ground, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cloth of a colour: plain, striped, checked, dotted, flowered or woven."""
    other, u, v = colour_of(rng), ground.u, ground.v
    step, turn = rng.uniform(0.06, 0.4), rng.uniform(0, np.pi)
    along, across = u * np.cos(turn) + v * np.sin(turn), -u * np.sin(turn) + v * np.cos(turn)
    match int(rng.integers(7)):
        case 0:
            share = (np.sin(2 * np.pi * along / step) > rng.uniform(-0.5, 0.7)).astype(np.float32)
        case 1:
            share = 0.5 * (np.sin(2 * np.pi * along / step) > 0) + 0.5 * (np.sin(2 * np.pi * across / step) > 0)
        case 2:
            share = ((np.mod(along, step) - step / 2) ** 2 + (np.mod(across, step) - step / 2) ** 2) < (0.3 * step) ** 2
        case 3:
            share = clouds(u.shape, rng, grain=40 * step + 6) > rng.uniform(0, 1)
        case 4:
            share = 0.5 + 0.12 * clouds(u.shape, rng, grain=4, octaves=2)
        case _:
            share = np.zeros_like(u)
    share = np.clip(np.asarray(share, np.float32), 0, 1)[..., None]
    return colour * (1 - share) + other * share


def folded(ground: Ground, rng: np.random.Generator, *, depth: float, pleats: bool) -> np.ndarray:
    """How light the cloth is where it bends: round the face, in folds, and in the pleats of medical masks."""
    round_it = 1 - rng.uniform(0.05, 0.3) * np.clip(np.abs(ground.u) / 1.0, 0, 1.4) ** 2
    lit = round_it + rng.uniform(-0.12, 0.12) * ground.u
    lit = lit + depth * 0.05 * clouds(ground.u.shape, rng, grain=rng.uniform(20, 90))
    if pleats:
        for height in np.linspace(0.75, 1.35, int(rng.integers(3, 5))) + rng.normal(0, 0.03):
            bend = height + 0.10 * np.abs(ground.u) ** 2 * np.sign(1.05 - height)
            lit = lit - rng.uniform(0.06, 0.22) * np.exp(-(((ground.v - bend) / 0.018) ** 2))
            lit = lit + 0.08 * np.exp(-(((ground.v - bend + 0.04) / 0.02) ** 2))
    return np.clip(lit, 0.2, 1.3)


def paint_mask(ground: Ground, rng: np.random.Generator) -> None:
    """Medical masks with pleats and loops, cups with a seam, cloth; sometimes below the nose."""
    top = float(rng.uniform(0.2, 0.5)) if rng.random() < 0.85 else float(rng.uniform(0.72, 0.85))
    low, wide = float(rng.uniform(1.6, 2.0)), float(rng.uniform(0.8, 1.08))
    kind = ("medical", "cup", "cloth")[int(rng.integers(3))]
    peak = top - (0.12 if kind == "cup" else 0.04) * rng.uniform(0.3, 1.6)
    half = [(0.0, peak), (0.3, top + 0.03), (0.7, top + 0.16), (wide, top + rng.uniform(0.2, 0.4))]
    half += [(wide * 0.93, 1.2), (0.62, low - 0.15), (0.0, low)]
    outline = smooth([*half, *[(-u, v) for u, v in half[-2:0:-1]]], 10, closed=True)
    mask = ground.polygon(outline, soft=0.01)
    colour = colour_of(rng)
    if kind != "cloth" and rng.random() < 0.6:
        colour = colour_of(rng, _CLOTH[:4] + _CLOTH[:1] * 3)
    for side in (-1.0, 1.0):
        for height, end in ((top + 0.3, 0.1), (1.25, 0.55)):
            ground.laid(colour * 0.95, ground.line([(side * wide * 0.9, height), (side * 1.3, end)], 0.035))
    ground.laid(patterned(ground, colour, rng) if kind == "cloth" else colour, mask)
    lit = folded(ground, rng, depth=rng.uniform(0.2, 1.4), pleats=kind == "medical")
    if kind == "cup":
        lit = lit - 0.14 * np.exp(-((ground.u / 0.012) ** 2)) + 0.10 * np.exp(-(((ground.u - 0.1) / 0.2) ** 2))
    if rng.random() < 0.5:
        edge = cv2.GaussianBlur(mask, (0, 0), 2) - cv2.erode(mask, np.ones((9, 9), np.uint8))
        lit = lit - rng.uniform(0, 0.35) * np.clip(edge, 0, 1)
    ground.shaded(lit)


def paint_scarf(ground: Ground, rng: np.random.Generator) -> None:
    """Cloth in folds from the nose down, over both edges of the face."""
    top = float(rng.uniform(0.3, 0.8))
    left, right = top + rng.normal(0, 0.12), top + rng.normal(0, 0.12)
    middle = top + rng.normal(0, 0.06)
    edge = smooth([(-2.2, left + 0.3), (-1.0, left), (0.0, middle), (1.0, right), (2.2, right + 0.3)])
    mask = ground.polygon([*map(tuple, edge), (2.2, 3.0), (-2.2, 3.0)], soft=0.02)
    ground.laid(patterned(ground, colour_of(rng), rng), mask)
    lit = folded(ground, rng, depth=2.0, pleats=False)
    for _ in range(int(rng.integers(2, 7))):
        away = (ground.v - rng.uniform(top, 2.4) - rng.normal(0, 0.25) * ground.u) / rng.uniform(0.03, 0.09)
        lit = lit - rng.uniform(0.1, 0.4) * np.exp(-(away**2))
    ground.shaded(np.clip(lit, 0.25, 1.25))


def paint_sunglasses(ground: Ground, rng: np.random.Generator) -> None:
    """Round, square, aviator, wide and wrapped ones; dark, coloured, graded and mirrored."""
    shape = ("round", "square", "aviator", "wide", "visor")[int(rng.integers(5))]
    across, down = rng.uniform(0.36, 0.47), rng.uniform(0.26, 0.38)
    lenses = [_lens(ground, shape, side, across, down, rng) for side in (-1.0, 1.0)]
    lens = np.maximum(*lenses)
    frame_colour = colour_of(rng, ((10, 10, 10), (30, 25, 22), (90, 60, 35), (190, 170, 120), (170, 172, 176)))
    frame = np.clip(cv2.dilate(lens, _disc(rng.uniform(0.015, 0.07))) - lens, 0, 1)
    for side in (-1.0, 1.0):
        ground.laid(frame_colour, ground.line([(side * 0.85, -0.08), (side * 1.25, rng.uniform(-0.12, 0.05))], 0.06))
    bridge = smooth([(-0.15, -0.08), (0.0, rng.uniform(-0.2, -0.05)), (0.15, -0.08)])
    ground.laid(frame_colour, ground.line(bridge, rng.uniform(0.03, 0.08)))
    ground.laid(frame_colour, frame)
    colour = np.asarray(_LENSES[int(rng.integers(len(_LENSES)))], np.float32) * rng.uniform(0.6, 1.5)
    opacity: float | np.ndarray = float(rng.uniform(0.86, 1.0))
    painted: np.ndarray = np.broadcast_to(colour, ground.colour.shape).copy()
    style = rng.random()
    if style < 0.2:
        grade = np.clip((ground.v + down) / (2 * down), 0, 1)
        opacity = (1.0 - rng.uniform(0.1, 0.4) * grade).astype(np.float32)
    elif style < 0.42:
        # A mirror shows sky above and ground below.
        sky, earth = colour_of(rng), colour_of(rng) * 0.6
        horizon = ground.v + rng.normal(0, 0.08) + 0.05 * clouds(ground.u.shape, rng, grain=60)
        share = 1 / (1 + np.exp(-horizon / 0.05))
        painted = sky * (1 - share[..., None]) + earth * share[..., None]
    elif style < 0.5:
        painted = np.broadcast_to(colour_of(rng), ground.colour.shape).copy()
    if rng.random() < 0.6:
        for one, side in zip(lenses, (-1.0, 1.0), strict=True):
            place = (side * 0.5 + rng.uniform(-0.2, 0.2), -0.1)
            glint = ground.ellipse(place, (rng.uniform(0.03, 0.15), 0.05), turn=30)
            painted = painted + 200 * rng.uniform(0.1, 0.9) * (glint * one)[..., None]
    ground.laid(np.clip(painted, 0, 255), lens, opacity)


def _lens(ground: Ground, shape: str, side: float, across: float, down: float, rng: np.random.Generator) -> np.ndarray:
    centre = (side * 0.5, 0.02)
    match shape:
        case "round":
            return ground.ellipse(centre, (0.9 * down + 0.04, 0.9 * down + 0.04))
        case "square":
            return ground.ellipse(centre, (across, 0.85 * down), power=5)
        case "aviator":
            half = [(-0.36, -0.22), (0.0, -0.26), (0.38, -0.2), (0.42, 0.05), (0.24, 0.34), (-0.1, 0.36), (-0.34, 0.1)]
            return ground.polygon(smooth([(side * (0.5 + across / 0.42 * u), v) for u, v in half], closed=True))
        case "wide":
            return ground.ellipse((side * 0.52, 0.06), (across * 1.12, down * 1.2), power=2.6)
    return ground.ellipse((0.0, 0.0), (1.02, 0.85 * down), power=4) * (ground.u * side >= -0.02)


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius * UNIT)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def paint_clear_glasses(ground: Ground, rng: np.random.Generator) -> None:
    """Frames, thin or thick, and now and then a faint glare: the eyes are seen."""
    shape = ("round", "square", "wide")[int(rng.integers(3))]
    across, down = rng.uniform(0.36, 0.44), rng.uniform(0.24, 0.34)
    lens = np.maximum(*(_lens(ground, shape, side, across, down, rng) for side in (-1.0, 1.0)))
    colour = colour_of(rng, ((10, 10, 10), (30, 25, 22), (90, 60, 35), (190, 170, 120), (170, 172, 176)))
    frame = np.clip(cv2.dilate(lens, _disc(rng.uniform(0.01, 0.05))) - lens, 0, 1)
    ground.laid((255, 255, 255), lens, float(rng.uniform(0, 0.12)))
    ground.laid(colour, frame)
    ground.laid(colour, ground.line(smooth([(-0.15, -0.06), (0.0, -0.12), (0.15, -0.06)]), rng.uniform(0.02, 0.05)))
    for side in (-1.0, 1.0):
        ground.laid(colour, ground.line([(side * 0.88, -0.06), (side * 1.2, 0.0)], rng.uniform(0.02, 0.06)))
        if rng.random() < 0.3:
            glare = ground.ellipse((side * 0.62, -0.08), (0.12, 0.05), turn=30)
            ground.laid((250, 252, 255), glare * lens, float(rng.uniform(0.1, 0.45)))


def paint_hat(ground: Ground, rng: np.random.Generator) -> None:
    """Cloth and brim down to the brows."""
    low = float(rng.uniform(-0.75, -0.38))
    edge = smooth([(-2.2, low + 0.2), (-1.0, low + 0.08), (0.0, low), (1.0, low + 0.08), (2.2, low + 0.2)])
    ground.laid(patterned(ground, colour_of(rng), rng), ground.polygon([*map(tuple, edge), (2.2, -2.0), (-2.2, -2.0)]))
    ground.shaded(folded(ground, rng, depth=1.0, pleats=False))


def paint_lipstick(ground: Ground, rng: np.random.Generator) -> None:
    colour = np.array([rng.uniform(120, 220), rng.uniform(10, 70), rng.uniform(20, 90)])
    lips = smooth([(-0.4, 1.1), (-0.12, 1.02), (0.0, 1.05), (0.12, 1.02), (0.4, 1.1), (0.0, 1.24)], closed=True)
    ground.laid(colour, ground.polygon(lips, soft=0.05), float(rng.uniform(0.2, 0.5)))


def paint_microphone(ground: Ground, rng: np.random.Generator) -> None:
    """From below up to the chin."""
    top, aside = float(rng.uniform(1.5, 1.9)), float(rng.uniform(-0.5, 0.5))
    colour = colour_of(rng, ((20, 20, 22), (60, 60, 64), (120, 120, 124)))
    ground.laid(colour * 0.8, ground.line([(aside, top + 0.4), (aside + rng.uniform(-0.6, 0.6), 3.0)], 0.28))
    mesh = colour + 14 * clouds(ground.u.shape, rng, grain=4)[..., None]
    ground.laid(mesh, ground.ellipse((aside, top + 0.25), (0.26, 0.3)))
