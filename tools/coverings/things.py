"""Whatever else comes before a face: plain shapes, blots, and pieces of other pictures."""

from __future__ import annotations

import cv2
import numpy as np

from coverings.canvas import Ground, clouds
from coverings.worn import colour_of, patterned

PLACES = {
    "eyes": (0.0, 0.0, 0.95, 0.3), "left eye": (-0.5, 0.0, 0.42, 0.32), "right eye": (0.5, 0.0, 0.42, 0.32),
    "mouth": (0.0, 1.1, 0.62, 0.34), "lower face": (0.0, 1.15, 1.1, 0.75), "face": (0.0, 0.6, 1.2, 1.4),
}  # fmt: skip


def paint_thing(ground: Ground, rng: np.random.Generator, place: str, piece: np.ndarray | None) -> None:
    """A rectangle, ellipse or rough polygon of one colour, a pattern, or `piece`, some other picture's pixels."""
    u, v, across, down = PLACES[place]
    across, down = across * rng.uniform(0.9, 1.35), down * rng.uniform(0.9, 1.35)
    centre = (u + rng.normal(0, 0.04), v + rng.normal(0, 0.04))
    match int(rng.integers(3)):
        case 0:
            mask = ground.ellipse(centre, (across, down), turn=float(rng.normal(0, 8)), power=9)
        case 1:
            mask = ground.ellipse(centre, (across * 1.1, down * 1.1), turn=float(rng.normal(0, 8)))
        case _:
            angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
            radii = rng.uniform(1.0, 1.5, 9)
            round_it = np.stack([across * np.cos(angles), down * np.sin(angles)], 1)
            shape = np.asarray(centre) + radii[:, None] * round_it
            mask = ground.polygon(cv2.convexHull(shape.astype(np.float32))[:, 0])
    if piece is not None:
        colour = cv2.resize(piece, ground.opacity.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    elif rng.random() < 0.5:
        colour = np.broadcast_to(colour_of(rng), ground.colour.shape)
    else:
        colour = patterned(ground, colour_of(rng), rng)
    ground.laid(colour, mask)
    if rng.random() < 0.5:
        ground.shaded(np.clip(1 + 0.1 * clouds(ground.u.shape, rng, grain=80) + 0.15 * ground.u, 0.3, 1.4))
