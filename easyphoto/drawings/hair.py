"""Hair behind the head and around the face, for each form."""

from __future__ import annotations

import numpy as np

from easyphoto.drawings.canvas import Canvas, Colour, bytes_of, ellipse, mix, ribbon, shade, taper
from easyphoto.drawings.frame import Frame, smooth

HAIR = 7  # label


def paint_back(canvas: Canvas, frame: Frame, form: str, colour: Colour, ink: Colour | None, seed: int) -> None:
    """The hair behind neck and head."""
    for shape in _back_shapes(form, seed):
        _paint_mass(canvas, frame, shape, shade(colour, 0.72), ink, strands=False)


def paint_front(
    canvas: Canvas, frame: Frame, form: str, colour: Colour, ink: Colour | None, brow_top: float, seed: int
) -> None:
    """The hair on the head. ``brow_top`` (v in face units) keeps the hairline off the brows, part of the identity."""
    line = max(-1.12, min(-0.66, brow_top - 0.10))
    shape = _front_shape(form, line, seed)
    if shape is None:
        return
    _paint_mass(canvas, frame, shape, colour, ink, strands=form not in ("buzz", "curly", "afro"))
    if form in ("curly", "afro"):
        _paint_curls(canvas, frame, shape, colour, seed)


def _back_shapes(form: str, seed: int) -> list[np.ndarray]:
    wave = 0.08 * np.sin(seed % 7)
    if form == "long":
        half = [(0.0, -1.55), (0.8, -1.35), (1.22, -0.5), (1.28, 0.6), (1.34 + wave, 1.7), (1.2, 2.5), (0.7, 2.65)]
        return [smooth(_both(half))]
    if form == "bob":
        half = [(0.0, -1.55), (0.8, -1.38), (1.22, -0.5), (1.3, 0.5), (1.22 + wave, 1.15), (0.8, 1.3)]
        return [smooth(_both(half))]
    if form == "afro":
        return [_bumpy(0.0, -0.55, 1.45, 1.32, 17, 0.05)]
    if form == "bun":
        return [ellipse(0.05, -1.72, 0.46, 0.40, 0.2)]
    if form == "ponytail":
        side = 1.0 if seed % 2 else -1.0
        tail = [(0.55, -1.1), (1.15, -1.05), (1.5, -0.3), (1.45, 0.8), (1.15, 1.7), (1.0, 0.9), (1.0, 0.0)]
        return [smooth(np.array(tail) * (side, 1.0))]
    if form == "curly":
        return [_bumpy(0.0, -0.35, 1.26, 1.16, 15, 0.06)]
    return []


def _front_shape(form: str, line: float, seed: int) -> np.ndarray | None:
    """The closed (N, 2) outline in face units: over the skull from left to right, then back along the hairline."""
    side = 1.0 if seed % 2 else -1.0
    if form == "bald":
        return None
    if form == "buzz":
        return np.concatenate(
            [_skull(1.0, 1.36, -0.15), _hairline([(0.93, -0.2), (0.80, line - 0.05), (0.4, line - 0.12)])]
        )
    if form == "short":
        return np.concatenate(
            [_skull(1.06, 1.52, 0.05), _hairline([(0.93, -0.05), (0.84, line + 0.08), (0.45, line - 0.06)])]
        )
    if form == "spiky":
        top = _skull(1.08, 1.46, 0.0)
        spikes = np.arange(len(top)) % 4 == 2
        top = np.where(spikes[:, None], top * (1.10, 1.20), top)
        teeth = [(0.93, -0.1), (0.78, line - 0.10), (0.62, line + 0.10), (0.46, line - 0.16), (0.28, line + 0.06)]
        return np.concatenate([top, _sharp([*teeth, (0.10, line - 0.18)])])
    if form == "side":
        low = np.array(
            [(1.01, 0.14), (0.94, -0.1), (0.86, line + 0.16), (0.5, line + 0.02), (0.05, line - 0.2), (-0.36, -1.16)]
        )
        rest = np.array([(-0.66, line - 0.08), (-0.90, line + 0.14), (-0.95, 0.1)])
        sweep = smooth(np.concatenate([low, rest]), 5, closed=False)
        return np.concatenate([_skull(1.08, 1.56, 0.15), sweep]) * (side, 1.0)
    if form in ("curly", "afro"):
        radius, height = (1.16, 1.56) if form == "curly" else (1.3, 1.7)
        top = _skull(radius, height, 0.1)
        bumps = 1.0 + 0.045 * np.abs(np.sin(np.arange(len(top)) * 1.05))
        scallop = [
            (1.06, 0.08),
            (0.93, -0.1),
            (0.84, line),
            (0.66, line + 0.06),
            (0.48, line - 0.08),
            (0.24, line + 0.03),
            (0.0, line - 0.06),
        ]
        return np.concatenate([top * bumps[:, None], _hairline(scallop)])
    if form == "fringe":
        return np.concatenate(
            [
                _skull(1.1, 1.55, 0.75),
                _hairline([(1.02, 0.73), (0.94, 0.3), (0.90, -0.2), (0.84, line), (0.4, line + 0.03)]),
            ]
        )
    if form in ("bun", "ponytail"):
        return np.concatenate([_skull(1.03, 1.47, 0.0), _hairline([(0.94, -0.05), (0.84, line - 0.06), (0.42, -1.10)])])
    if form == "bob":
        half = [(1.06, 1.03), (0.96, 0.5), (0.92, 0.05), (0.82, line + 0.04), (0.42, -1.02)]
        return np.concatenate([_skull(1.14, 1.56, 1.05), _hairline(half, middle=-1.2)])
    half = [(1.08, 1.92), (0.97, 0.9), (0.93, 0.4), (0.90, -0.1), (0.76, line - 0.02), (0.36, -1.02)]
    return np.concatenate([_skull(1.16, 1.56, 1.95), _hairline(half, middle=-1.22)])


def _skull(radius: float, height: float, low: float) -> np.ndarray:
    """A line over the head from the lower left to the lower right, with straight sides below the temples."""
    t = np.linspace(np.pi, 0.0, 25)
    cap = np.stack([radius * np.cos(t), -0.25 - (height - 0.25) * np.sin(t) ** 0.9], axis=1)
    side = [(radius * 1.01, 0.45 * low - 0.1), (radius * 0.99, low - 0.12), (radius * 0.96, low)]
    return np.concatenate([np.array(side[::-1]) * (-1.0, 1.0), cap, side])


def _hairline(right_half: list[tuple[float, float]], middle: float | None = None) -> np.ndarray:
    half = np.array(right_half)
    centre = np.array([(0.0, half[-1, 1] if middle is None else middle)])
    left = half[::-1] * (-1.0, 1.0)
    points = np.concatenate([half, centre, left]) if half[-1, 0] > 0.0 else np.concatenate([half, left[1:]])
    return smooth(points, 5, closed=False)


def _sharp(right_half: list[tuple[float, float]]) -> np.ndarray:
    half = np.array(right_half)
    return np.concatenate([half, half[::-1] * (-1.0, 1.0)])


def _both(right_half: list[tuple[float, float]]) -> np.ndarray:
    half = np.array(right_half)
    return np.concatenate([half, half[:0:-1] * (-1.0, 1.0)])


def _bumpy(u: float, v: float, a: float, b: float, bumps: int, depth: float) -> np.ndarray:
    t = np.linspace(0.0, 2.0 * np.pi, bumps * 8, endpoint=False)
    r = 1.0 + depth * np.abs(np.sin(t * bumps / 2.0))
    return np.stack([u + a * r * np.cos(t), v + b * r * np.sin(t)], axis=1)


def _paint_mass(
    canvas: Canvas, frame: Frame, shape: np.ndarray, colour: Colour, ink: Colour | None, strands: bool
) -> None:
    outline = frame.rigid(shape)
    if ink is not None:
        edge = np.concatenate([outline, outline[:1]])
        canvas.fill(ribbon(edge, 0.05 * frame.scale), ink, HAIR)
        canvas.fill(outline, colour, HAIR)
    if not strands:
        if ink is None:
            canvas.fill(outline, colour, HAIR)
        return
    dark, light = shade(colour, 0.74), mix(colour, (1.0, 0.97, 0.9), 0.28)

    def paint(inner: Canvas) -> None:
        inner.image[:] = bytes_of(colour)
        for start in np.linspace(-1.0, 1.0, 9):
            inner.fill(frame.rigid(_strand(start, 0.10 if ink is None else 0.05)), dark)
        if ink is None:
            for start in np.linspace(-0.88, 0.88, 8):
                inner.fill(frame.rigid(_strand(start, 0.045)), mix(colour, light, 0.6))
        inner.fill(frame.rigid(_gleam()), light)

    canvas.clipped(outline, paint, HAIR)


def _strand(start: float, width: float) -> np.ndarray:
    """A lock from the crown, falling outwards."""
    t = np.linspace(0.0, 1.0, 9)
    u = start * (0.35 + 0.95 * np.sin(t * 1.5))
    v = -1.56 + 0.1 * abs(start) + 1.75 * t**1.5 * (0.35 + 0.65 * abs(start))
    return ribbon(np.stack([u, v], axis=1), taper(len(t), width))


def _gleam() -> np.ndarray:
    t = np.linspace(-0.62, 0.25, 12)
    curve = np.stack([t, -1.30 + 0.32 * t**2], axis=1)
    return ribbon(curve, taper(len(t), 0.075, 0.0))


def _paint_curls(canvas: Canvas, frame: Frame, shape: np.ndarray, colour: Colour, seed: int) -> None:
    rng = np.random.default_rng([303, seed % (1 << 31)])
    outline = frame.rigid(shape)
    spots = rng.uniform((-1.3, -1.7), (1.3, -0.2), (26, 2))
    dark, light = shade(colour, 0.78), mix(colour, (1.0, 0.97, 0.9), 0.16)
    t = np.linspace(0.3, 4.6, 9)

    def paint(inner: Canvas) -> None:
        for index, (u, v) in enumerate(spots):
            arc = np.stack([u + 0.13 * np.cos(t), v + 0.12 * np.sin(t)], axis=1)
            inner.fill(frame.rigid(ribbon(arc, taper(len(t), 0.06))), dark if index % 2 else light)

    canvas.clipped(outline, paint, HAIR)
