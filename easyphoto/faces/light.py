"""Light on skin: what a face's brightness owes to the scene, and a face moved from one scene's light into another's.

A fit of the logarithm of linear light over the skin, by a constant for each channel and one slope to each side: enough
for a lamp at one side, too little to take a beard or the bridge of a nose for a shadow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from easyphoto.faces.engine import Face
from easyphoto.geometry import eye_line_tilt
from easyphoto.images.srgb import as_bytes, linear

# Fewer pixels than this do not make a fit.
FEWEST_PIXELS = 40
# The darkest linear light that counts: below it a byte's steps are larger than the light's.
DARKEST = 0.004
# Half of the slope from brow to chin is the face's own (beard, eye sockets): on 6 drawn pairs the likeness of the fused
# face was 0.915 without it, 0.901 with half, 0.871 with all of it, but without it light from above is lost.
DOWNWARD_SHARE = 0.5
# Pixels this far from the fit (in natural logarithms) count half: moles, strands of hair, highlights.
HALF_WEIGHT = 0.15
ROUNDS = 4
# Nobody's light differs by more than this power of e.
MOST = 2.0
# Skin is never brighter than this share of white.
BRIGHTEST = 0.95


@dataclass(frozen=True, eq=False)
class Light:
    """ln of linear light in the middle of a face by channel, and how it grows over a face width."""

    level: np.ndarray
    """(3,), red, green, blue."""
    across: float
    """To the viewer's right."""
    down: float


def light_of(picture: np.ndarray, skin: np.ndarray, face: Face) -> Light:
    """Of a uint8 RGB array under a 0..1 mask. Raises ValueError where there is too little skin."""
    chosen = skin > 0.5
    if chosen.sum() < FEWEST_PIXELS:
        raise ValueError(f"only {int(chosen.sum())} pixels of skin to take the light from")
    across, down = places(face, picture.shape[:2])
    known = np.stack([np.ones(int(chosen.sum())), across[chosen], down[chosen]], axis=1)
    wanted = np.log(np.maximum(linear(picture[chosen]), DARKEST)).astype(np.float64)
    weight = np.ones(len(known))
    fit = np.zeros((3, 3))
    for _ in range(ROUNDS):
        fit = np.linalg.lstsq(known * weight[:, None], wanted * weight[:, None], rcond=None)[0]
        distance = np.abs(wanted - known @ fit).mean(1)
        weight = 1.0 / np.sqrt(1.0 + (distance / HALF_WEIGHT) ** 2)
    # Coloured light from one side is rare, a channel's noise is not.
    return Light(fit[0], float(fit[1].mean()), float(fit[2].mean()))


def relit(picture: np.ndarray, have: Light, want: Light, face: Face, *, share: np.ndarray | float = 1.0) -> np.ndarray:
    """A uint8 RGB array moved from one light to another; `share` (0..1, a number or a map) is how much of the way."""
    across, down = places(face, picture.shape[:2])
    slope = (want.across - have.across) * across + DOWNWARD_SHARE * (want.down - have.down) * down
    gain = np.clip((want.level - have.level) + slope[..., None], -MOST, MOST)
    gain *= np.asarray(share, np.float32).reshape(*np.shape(share), 1)
    return as_bytes(brightened(linear(picture), np.exp(gain), np.exp(have.level)))


def brightened(light: np.ndarray, gain: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Linear light times `gain`; where that is more than 1, on a curve that leaves black and white where they are.

    On the curve `level` becomes exactly `gain` times as bright: multiplied, the whites of the eyes and every highlight
    of a face that becomes paler would be cut off.
    """
    level = np.clip(level, DARKEST, BRIGHTEST)
    power = np.log1p(-np.minimum(level * np.maximum(gain, 1.0), BRIGHTEST)) / np.log1p(-level)
    raised = 1.0 - np.power(np.maximum(1.0 - light, 0.0), np.maximum(power, 1.0))
    return np.asarray(np.where(gain > 1, raised, light * gain))


def places(face: Face, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """How far each pixel lies to the right of and below the middle of the face's points, in face widths, upright."""
    points = np.asarray(face.points, np.float64)
    middle = (points[:2].mean(0) + points[3:5].mean(0)) / 2
    tilt, width = np.radians(eye_line_tilt(points)), max(face.box.width, 1.0)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = (columns - middle[0]) / width, (rows - middle[1]) / width
    across, down = np.cos(tilt) * x + np.sin(tilt) * y, np.cos(tilt) * y - np.sin(tilt) * x
    return across.astype(np.float32), down.astype(np.float32)
