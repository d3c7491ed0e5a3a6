"""Glasses, clear and dark, on a face."""

from __future__ import annotations

import numpy as np

from easyphoto.drawings.canvas import Canvas, Colour, ribbon
from easyphoto.drawings.frame import Frame
from easyphoto.drawings.identity import DrawnIdentity

GLASSES = ("glasses", "sunglasses")
_RIMS: tuple[Colour, ...] = (
    (0.08, 0.08, 0.09), (0.30, 0.19, 0.12), (0.62, 0.50, 0.28), (0.56, 0.57, 0.60), (0.62, 0.12, 0.14),
)  # fmt: skip
_GLASS: Colour = (0.92, 0.96, 0.98)
_DARK: Colour = (0.07, 0.07, 0.09)
_DEPTH = 0.15  # how much more than the face they move in a turn


def paint_glasses(canvas: Canvas, frame: Frame, identity: DrawnIdentity, kind: str, seed: int) -> None:
    """Two lenses around the eyes, a bridge, and temples to the ears. ``kind`` is one of ``GLASSES``."""
    rng = np.random.default_rng([909, seed % (1 << 31)])
    rim, power = _RIMS[int(rng.integers(len(_RIMS)))], float(rng.choice((2.0, 2.6, 3.6)))
    width = float(rng.uniform(0.035, 0.075))
    # They nearly meet on the nose, however near the eyes are to each other.
    across = min(1.38 * identity.eye_size + 0.03, identity.eye_spacing - 0.05)
    down = float(rng.uniform(0.78, 0.95)) * across
    for side in (-1.0, 1.0):
        lens = frame.feature(_lens(side * identity.eye_spacing, across, down, power), _DEPTH)
        canvas.glaze(lens, _DARK if kind == "sunglasses" else _GLASS, 0.90 if kind == "sunglasses" else 0.10)
        canvas.fill(ribbon(np.concatenate([lens, lens[:1]]), width * frame.scale), rim)
        outer = identity.eye_spacing + across
        temple = np.array([(side * outer, -0.04), (side * max(outer + 0.02, 0.99 * identity.cheek_width), 0.02)])
        canvas.fill(ribbon(frame.feature(temple), width * frame.scale), rim)
    inner = identity.eye_spacing - across
    t = np.linspace(-1.0, 1.0, 7)
    bridge = np.stack([(inner + 0.01) * t, -0.06 - 0.05 * (1.0 - t**2)], axis=1)
    canvas.fill(ribbon(frame.feature(bridge, _DEPTH), width * frame.scale), rim)


def _lens(u: float, across: float, down: float, power: float) -> np.ndarray:
    """A closed outline between an ellipse (power 2) and a rectangle."""
    t = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    x, y = (np.sign(f(t)) * np.abs(f(t)) ** (2.0 / power) for f in (np.cos, np.sin))
    return np.stack([u + across * x, 0.02 + down * y], axis=1)
