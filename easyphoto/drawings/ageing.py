"""A person at another age: the shape of the face, the colour of the hair, and the lines that years leave.

Whoever has no age is drawn as an adult, and ageing changes no byte of the picture.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from easyphoto.drawings.canvas import Canvas, Colour, mix, ribbon, shadow, taper
from easyphoto.drawings.features import brow_top, line_of, mouth_curves
from easyphoto.drawings.frame import Frame, smooth
from easyphoto.drawings.identity import DrawnIdentity
from easyphoto.drawings.scene import Scene

YOUNGEST, OLDEST = 4.0, 90.0
# Years: the last at which a face still grows, and how many before it is a small child's.
_GROWN, _CHILD_SPAN = 24.0, 20.0
_RIPE, _OLD_SPAN = 40.0, 38.0
_GREYING, _GREY_SPAN = 42.0, 26.0
_WHITE: Colour = (0.80, 0.80, 0.79)
_SHOULDER = 2.15  # half width in face units
_FINEST = 0.05  # lines fainter than this are not drawn


def aged(identity: DrawnIdentity, age: float) -> DrawnIdentity:
    """The same person at an age, 4 to 90 years. Call it on somebody without an age: years do not undo each other.

    Raises ValueError for an age beyond that, and for somebody who has one.
    """
    if identity.age is not None:
        raise ValueError(f"the person is {identity.age:.0f} years old already")
    if not YOUNGEST <= age <= OLDEST:
        raise ValueError(f"an age is {YOUNGEST:.0f} to {OLDEST:.0f} years, not {age}")
    person = _younger(identity, childhood(age))
    person = _older(person, _share(age, _RIPE, _OLD_SPAN))
    grey = _share(age, _GREYING, _GREY_SPAN)
    return replace(
        person,
        age=float(age),
        hair=mix(person.hair, _WHITE, 0.97 * grey),
        beard=identity.beard if age >= 18.0 else 0.0,
        mouth_width=min(person.mouth_width, 0.72 * person.jaw_width),
    )


def childhood(age: float | None) -> float:
    """How much of a small child there is in somebody: 1 at four years, 0 from 24 on and for whoever has no age."""
    return 0.0 if age is None else float(np.clip((_GROWN - age) / _CHILD_SPAN, 0.0, 1.0))


def shoulder_width(identity: DrawnIdentity) -> float:
    """Half the width of the shoulders in face units: heads of children are large."""
    return _SHOULDER * (1.0 - 0.26 * childhood(identity.age))


def neck_factor(identity: DrawnIdentity) -> float:
    """What an adult's width of neck is multiplied by."""
    return 1.0 - 0.25 * childhood(identity.age)


def paint_years(canvas: Canvas, frame: Frame, identity: DrawnIdentity, scene: Scene) -> None:
    """The lines of a face that is no longer young; nothing before about forty."""
    strength = 0.0 if identity.age is None else _share(identity.age, 36.0, 36.0)
    if strength <= _FINEST:
        return
    is_ink = scene.style == "ink"
    colour = line_of(identity, is_ink) if is_ink else shadow(identity.skin, 0.50)
    for curve, width, weight in _lines(identity, scene):
        alpha = min(1.0, weight * strength)
        outline = ribbon(frame.feature(curve), taper(len(curve), width * (0.6 + 0.4 * strength)) * frame.scale)
        canvas.glaze(outline, colour, alpha if is_ink else 0.85 * alpha)


def _share(age: float, first: float, span: float) -> float:
    return float(np.clip((age - first) / span, 0.0, 1.0))


def _younger(identity: DrawnIdentity, child: float) -> DrawnIdentity:
    """Large eyes low in a short round face, a small nose and mouth, thin brows."""
    if child == 0.0:
        return identity
    chin = identity.chin_length * (1.0 - 0.21 * child)
    drop = chin / identity.chin_length
    return replace(
        identity,
        # Eyes grow until their inner corners would meet.
        eye_size=min(identity.eye_size * (1.0 + 0.26 * child), max(identity.eye_size, identity.eye_spacing - 0.12)),
        eye_open=min(0.96, identity.eye_open * (1.0 + 0.14 * child)),
        iris_size=min(0.74, identity.iris_size * (1.0 + 0.14 * child)),
        lid_fold=identity.lid_fold * (1.0 - 0.7 * child),
        brow_thickness=identity.brow_thickness * (1.0 - 0.45 * child),
        nose_length=identity.nose_length * (1.0 - 0.34 * child),
        nose_width=identity.nose_width * (1.0 - 0.22 * child),
        nose_bridge=identity.nose_bridge * (1.0 - 0.35 * child),
        nose_tip=identity.nose_tip + (1.0 - identity.nose_tip) * 0.6 * child,
        mouth_width=identity.mouth_width * (1.0 - 0.20 * child),
        lip_upper=identity.lip_upper * (1.0 - 0.15 * child),
        lip_lower=identity.lip_lower * (1.0 - 0.15 * child),
        jaw_width=identity.jaw_width + (0.86 - identity.jaw_width) * 0.6 * child,
        cheek_width=identity.cheek_width + (1.03 - identity.cheek_width) * 0.7 * child,
        chin_point=identity.chin_point + (0.42 - identity.chin_point) * 0.5 * child,
        chin_length=chin,
        blush=max(identity.blush, 0.45 * child),
        moles=tuple((u, v * drop, radius) for u, v, radius in identity.moles),
    )


def _older(identity: DrawnIdentity, old: float) -> DrawnIdentity:
    """Heavy lids that droop outwards, thinner and paler lips, a longer and wider nose, a heavier jaw."""
    if old == 0.0:
        return identity
    return replace(
        identity,
        eye_open=identity.eye_open * (1.0 - 0.22 * old),
        eye_tilt=identity.eye_tilt - 0.10 * old,
        lid_fold=identity.lid_fold + (1.0 - identity.lid_fold) * 0.8 * old,
        brow_height=identity.brow_height * (1.0 - 0.06 * old),
        nose_length=identity.nose_length * (1.0 + 0.08 * old),
        nose_width=identity.nose_width * (1.0 + 0.14 * old),
        nose_tip=max(-1.0, identity.nose_tip - 0.6 * old),
        lip_upper=identity.lip_upper * (1.0 - 0.40 * old),
        lip_lower=identity.lip_lower * (1.0 - 0.35 * old),
        mouth_curve=identity.mouth_curve - 0.03 * old,
        jaw_width=identity.jaw_width + 0.05 * old,
        lips=mix(identity.lips, identity.skin, 0.35 * old),
        blush=identity.blush * (1.0 - 0.5 * old),
    )


def _lines(identity: DrawnIdentity, scene: Scene) -> list[tuple[np.ndarray, float, float]]:
    """Curves in face units, each with its width and how strong it is at most."""
    found = [(curve, 0.045, 0.55) for curve in _forehead(identity, scene)]
    for side in (-1.0, 1.0):
        found += [(curve * (side, 1.0), width, weight) for curve, width, weight in _half(identity, scene)]
    return found


def _forehead(identity: DrawnIdentity, scene: Scene) -> list[np.ndarray]:
    top, t = brow_top(identity, scene), np.linspace(-1.0, 1.0, 17)
    # Everybody frowns in their own way: the lines' waves follow from the person.
    phase = float(identity.freckle_seed % 7)
    lines = []
    for index, reach in enumerate((0.50, 0.42, 0.30)):
        wave = 0.018 * np.sin(4.0 * t + phase + index) + 0.03 * t**2
        lines.append(np.stack([reach * t, top - 0.10 - 0.11 * index + wave], axis=1))
    return lines


def _half(identity: DrawnIdentity, scene: Scene) -> list[tuple[np.ndarray, float, float]]:
    """The lines of the right half: beside and below the eye, between the brows, beside nose and mouth."""
    spacing, size = identity.eye_spacing, identity.eye_size
    end, wing = identity.nose_length, identity.nose_width
    corner_u, corner_v = mouth_curves(identity, scene)[1][-1]
    found = []
    for angle in (-0.45, -0.02, 0.42):
        start = np.array([spacing + 1.14 * size, -0.02 + 0.10 * angle])
        away = np.array([np.cos(angle), np.sin(angle)])
        reach = np.linspace(0.0, 0.17, 6)[:, None]
        found.append((start + reach * away, 0.032, 0.65))
    under = 0.62 * identity.eye_open * size
    t = np.linspace(-0.85, 0.85, 13)
    for lower, weight in ((0.07, 0.6), (0.16, 0.45)):
        bag = np.stack([spacing + size * t, (under + lower) * (1.0 - 0.75 * t**2)], axis=1)
        found.append((bag, 0.036, weight))
    frown = [(0.07, -0.10), (0.06, -0.22), (0.09, -0.34)]
    found.append((smooth(np.array(frown), 5, closed=False), 0.035, 0.5))
    beside = max(corner_u, wing) + 0.11
    middle = (0.5 * (wing + beside) + 0.06, 0.5 * (end + corner_v) - 0.03)
    fold = [(wing + 0.04, end - 0.16), middle, (beside, corner_v)]
    found.append((smooth(np.array(fold), 7, closed=False), 0.045, 0.8))
    drop = corner_v + 0.45 * (identity.chin_length - corner_v)
    below = [(corner_u + 0.03, corner_v + 0.04), (corner_u + 0.06, drop)]
    found.append((smooth(np.array(below), 8, closed=False), 0.038, 0.6))
    return found
