"""Hands and hair: what covers a face with the face's own colours."""

from __future__ import annotations

import numpy as np

from coverings.canvas import Ground, Place, clouds, smooth

_HAIR = (
    (18, 14, 12), (36, 26, 20), (66, 44, 30), (104, 72, 44), (160, 120, 74), (206, 170, 112), (226, 200, 150),
    (120, 52, 26), (150, 148, 146), (205, 204, 200), (90, 40, 90),
)  # fmt: skip
_MOUSTACHE: list[Place] = [(-0.5, 1.16), (-0.3, 0.92), (0.0, 0.84), (0.3, 0.92), (0.5, 1.16), (0.0, 1.0)]
_BEARD: list[Place] = [
    (-0.98, 0.4), (-0.75, 0.95), (0.0, 1.0), (0.75, 0.95), (0.98, 0.4), (0.9, 1.3), (0.5, 1.9), (0.0, 2.1),
    (-0.5, 1.9), (-0.9, 1.3),
]  # fmt: skip


def paint_finger(ground: Ground, places: list[Place], width: float, skin: np.ndarray, rng: np.random.Generator) -> None:
    """A round finger along the places, the last one its tip: darker at its sides, with creases and a nail."""
    path = smooth(places, 8)
    outline = ground.line(path, width * 1.12, soft=0.02)
    ground.laid(skin * rng.uniform(0.3, 0.62), outline, float(rng.uniform(0.3, 0.9)))
    body, core = ground.line(path, width, soft=0.015), ground.line(path, width * 0.45, soft=width * 0.5)
    light = rng.uniform(0.74, 0.92) + rng.uniform(0.1, 0.3) * core
    tone = skin + rng.normal(0, 4, 3)
    ground.laid(np.clip(tone * light[..., None], 0, 255), body)
    heading = path[-1] - path[-4]
    heading /= max(float(np.linalg.norm(heading)), 1e-6)
    across = np.array([-heading[1], heading[0]])
    for share in (0.45, 0.5, 0.72):
        place = path[int(share * (len(path) - 1))]
        crease = [tuple(place + side * across * width * 0.4) for side in (-1, 1)]
        ground.laid(skin * 0.6, ground.line(crease, 0.012, soft=0.01), float(rng.uniform(0.1, 0.6)))
    if rng.random() < 0.75:
        turn = float(np.degrees(np.arctan2(heading[1], heading[0])))
        nail = ground.ellipse(tuple(path[-1]), (width * 0.5, width * 0.34), turn=turn)
        colour = rng.uniform(20, 240, 3) if rng.random() < 0.25 else skin * 0.8 + np.array([50.0, 40, 40])
        ground.laid(np.clip(colour, 0, 255), nail, float(rng.uniform(0.4, 0.9)))


def paint_hand(ground: Ground, rng: np.random.Generator, skin: np.ndarray, target: str) -> None:
    """Fingers, mostly with the palm, over the mouth, an eye, both eyes, half the face or nearly all of it."""
    centre, reach = {
        "mouth": ((0.0, 1.1), 0.9), "left eye": ((-0.5, 0.0), 0.75), "right eye": ((0.5, 0.0), 0.75),
        "eyes": ((0.0, 0.0), 1.15), "side": ((rng.choice((-0.55, 0.55)), 0.7), 1.2), "face": ((0.0, 0.6), 1.5),
    }[target]  # fmt: skip
    if target in ("eyes", "face") and rng.random() < 0.5:
        for side in (-1.0, 1.0):
            angle = np.pi / 2 + side * rng.uniform(0.1, 0.8)
            _one_hand(ground, rng, skin, (centre[0] + side * 0.55, centre[1]), 0.8, angle)
        return
    angle = float(rng.choice((0.0, np.pi, np.pi / 2))) + rng.normal(0, 0.35)
    _one_hand(ground, rng, skin, (centre[0] + rng.normal(0, 0.07), centre[1] + rng.normal(0, 0.06)), reach, angle)


def _one_hand(
    ground: Ground, rng: np.random.Generator, skin: np.ndarray, centre: Place, reach: float, angle: float
) -> None:
    """Three or four fingers side by side around `centre`; the arm comes from where `angle` points (π/2: below)."""
    from_arm = -np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-from_arm[1], from_arm[0]])
    count, width = int(rng.integers(3, 5)), float(rng.uniform(0.24, 0.34))
    spread = (count - 1) * width * rng.uniform(0.82, 1.0)
    middle = np.asarray(centre)
    palm = middle - from_arm * (reach * 0.55 + 0.35)
    if rng.random() < 0.8:
        size = (max(0.5, spread * 0.62 + 0.1), 0.62)
        mask = ground.ellipse(tuple(palm), size, turn=float(np.degrees(np.arctan2(across[1], across[0]))), power=2.6)
        grain = 1 + 0.03 * clouds(ground.u.shape, rng, grain=50) + 0.05 * np.clip(ground.u, -1, 1)
        ground.laid(np.clip(skin * grain[..., None] * rng.uniform(0.85, 1.05), 0, 255), mask)
        arm = ground.line([tuple(palm), tuple(palm - from_arm * 2.5)], 0.8, soft=0.03)
        ground.laid(skin * rng.uniform(0.8, 1.0) if rng.random() < 0.6 else rng.uniform(10, 240, 3), arm)
    for number in rng.permutation(count):
        place = (number / max(count - 1, 1) - 0.5) * spread
        length = reach * rng.uniform(0.42, 0.62)
        start = palm + across * place * 0.95
        tip = middle + across * place * rng.uniform(0.95, 1.15) + from_arm * length
        bend = (start + tip) / 2 + across * rng.normal(0, 0.05)
        paint_finger(ground, [tuple(start), tuple(bend), tuple(tip)], width, skin, rng)


def paint_hair(ground: Ground, rng: np.random.Generator, target: str, own: np.ndarray | None = None) -> None:
    """Locks from the hair line down over one eye, both, or half of the face; `own` is the head's own colour."""
    if target == "both eyes":
        roots, low, spread = (-0.95, 0.95), float(rng.uniform(0.25, 0.7)), 0.12
    else:
        side = -1.0 if target == "left eye" else 1.0
        inner = float(rng.uniform(-0.1, 0.25))
        left, right = sorted((side * inner, side * 1.15))
        roots, low, spread = (left, right), float(rng.uniform(0.5, 2.6)), 0.2
    paint_locks(ground, rng, roots=roots, low=low, spread=spread, sweep=float(rng.normal(0, 0.18)), own=own)


def paint_fringe(ground: Ground, rng: np.random.Generator, own: np.ndarray | None = None) -> None:
    """Hair on the forehead, down to the brows and not to the eyes; and beside the cheeks."""
    low, sweep = float(rng.uniform(-0.7, -0.3)), float(rng.normal(0, 0.15))
    paint_locks(ground, rng, roots=(-1.0, 1.0), low=low, spread=0.05, sweep=sweep, own=own)
    if rng.random() < 0.5:
        for side in (-1.0, 1.0):
            outer = tuple(sorted((side * 0.95, side * 1.3)))
            paint_locks(ground, rng, roots=outer, low=float(rng.uniform(1.0, 2.6)), spread=0.05, sweep=0.0, own=own)


def paint_locks(
    ground: Ground, rng: np.random.Generator, *, roots: tuple[float, ...], low: float, spread: float, sweep: float,
    own: np.ndarray | None,
) -> None:  # fmt: skip
    known = _HAIR[int(rng.integers(len(_HAIR)))] if own is None else own
    colour = np.asarray(known, np.float32) + rng.normal(0, 6, 3)
    top, (left, right) = float(rng.uniform(-1.4, -1.0)), roots
    edge = [(left + sweep, low), ((left + right) / 2 + sweep, low + rng.normal(0, spread)), (right + sweep, low)]
    half_way = 0.4 * low + 0.6 * top
    sides = (
        smooth([(left, top), (left + 0.3 * sweep, half_way), edge[0]]),
        smooth([edge[2], (right + 0.3 * sweep, half_way), (right, top)]),
    )
    body = ground.polygon(np.concatenate([sides[0], np.asarray(edge), sides[1]]), soft=0.06)
    ground.laid(np.clip(colour * 0.75, 0, 255), body, float(rng.uniform(0.55, 1.0)))
    wave, phase = float(rng.uniform(0, 0.08)), float(rng.uniform(0, 6))
    drawn = ground.colour.astype(np.uint8)
    strands = np.zeros(ground.opacity.shape, np.uint8)
    for _ in range(int(rng.integers(90, 220))):
        start, end, stray = rng.uniform(left, right), low + rng.normal(0, spread) - 0.1, rng.normal(0, 0.03)
        t = np.linspace(0, 1, 12)
        across = start + sweep * t**1.5 + wave * np.sin(7 * t + phase + 2 * start) * t + stray * t
        path = np.stack([across, top + (end - top) * t], 1)
        width, shine = rng.uniform(0.012, 0.045), rng.uniform(0.55, 1.5)
        ground.stroke(drawn, path, width, np.clip(colour * shine + 8 * (shine > 1.2), 0, 255))
        ground.stroke(strands, path, width, 255)
    ground.laid(drawn, strands.astype(np.float32) / 255, float(rng.uniform(0.7, 1.0)))
    # Hair has no edge where it grows.
    ground.opacity *= np.clip((ground.v - top) / rng.uniform(0.05, 0.5), 0, 1)


def paint_beard(ground: Ground, rng: np.random.Generator) -> None:
    """A moustache, and mostly a beard below; the lips stay."""
    colour = np.asarray(_HAIR[int(rng.integers(len(_HAIR)))], np.float32)
    upper = ground.polygon(smooth(_MOUSTACHE, closed=True), soft=0.1)
    beard = np.zeros_like(upper)
    if rng.random() < 0.7:
        beard = ground.polygon(smooth(_BEARD, closed=True), soft=0.12)
    lips = ground.ellipse((0.0, 1.12), (0.42, 0.14))
    mask = np.clip(np.maximum(upper, beard), 0, 1) * (1 - lips)
    texture = 0.55 + 0.45 * clouds(ground.u.shape, rng, grain=5, octaves=2)
    bristles = (0.9 + 0.25 * clouds(ground.u.shape, rng, grain=6))[..., None]
    ground.laid(np.clip(colour * bristles, 0, 255), mask, np.clip(texture + rng.uniform(-0.3, 0.3), 0, 1))
