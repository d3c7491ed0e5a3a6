"""The features of a face in both styles: eyes, brows, nose, mouth, ears and marks."""

from __future__ import annotations

import math

import numpy as np

from easyphoto.drawings.canvas import Canvas, Colour, ellipse, mix, ribbon, shade, shadow, taper
from easyphoto.drawings.frame import Frame, smooth
from easyphoto.drawings.identity import DrawnIdentity
from easyphoto.drawings.scene import Scene

SKIN, BROWS, EYES, NOSE, MOUTH, EARS = 1, 2, 3, 4, 5, 6  # labels
NOSE_DEPTH = 0.55  # how much more than the face the nose tip moves in a turn
_T = np.linspace(-1.0, 1.0, 21)


def ink_of(identity: DrawnIdentity) -> Colour:
    """The outline colour: a very dark shade of the skin."""
    return mix(shade(identity.skin, 0.22), (0.10, 0.06, 0.08), 0.5)


def line_of(identity: DrawnIdentity, ink: bool) -> Colour:
    """The colour of inner lines: ink, or a deep skin shadow."""
    return ink_of(identity) if ink else shadow(identity.skin, 0.44)


def eye_centre(identity: DrawnIdentity, side: float) -> np.ndarray:
    """(1, 2) face units; ``side`` is -1 for the viewer's left, 1 for the right."""
    return np.array([(side * identity.eye_spacing, 0.0)])


def nose_tip(identity: DrawnIdentity) -> np.ndarray:
    """(1, 2) face units."""
    return np.array([(0.0, identity.nose_length - 0.03)])


def brow_top(identity: DrawnIdentity, scene: Scene) -> float:
    """v of the brows' highest point, in face units."""
    tilt = abs(math.sin(identity.brow_angle)) * identity.brow_length
    return -(identity.brow_height + identity.brow_arch + identity.brow_thickness / 2 + tilt) - 0.09 * scene.brow_raise


def mouth_curves(identity: DrawnIdentity, scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Top and bottom of the upper lip, then of the lower lip, each (21, 2) face units from left to right."""
    base = identity.nose_length + 0.03
    v = base + identity.mouth_place * (identity.chin_length - base)
    u = _T * identity.mouth_width * (1.0 + 0.10 * max(scene.smile, 0.0) - 0.10 * scene.mouth_open)
    lift = 0.035 + identity.mouth_curve + 0.095 * scene.smile
    middle = v - lift * (_T**2 - 0.4) + 0.008 * np.cos(_T * 9.0) * (1 - _T**2)
    arch = np.clip(1.0 - _T**2, 0.0, 1.0)
    room = min(1.0, max(0.3, (identity.chin_length - v - identity.lip_lower) / 0.25))
    gap = 0.25 * scene.mouth_open * arch**0.7 * min(room, identity.mouth_width / 0.36)
    bow = arch**0.75 * (1.0 - 0.32 * np.exp(-((_T / 0.2) ** 2)))
    upper, lower = middle - 0.3 * gap, middle + 0.7 * gap
    rows = (upper - identity.lip_upper * bow, upper, lower, lower + identity.lip_lower * arch**0.65)
    return tuple(np.stack([u, row], axis=1) for row in rows)  # type: ignore[return-value]


def paint_ears(canvas: Canvas, frame: Frame, identity: DrawnIdentity, ink: bool) -> None:
    """Both ears; hair may hide them later."""
    for side in (-1.0, 1.0):
        u = side * (0.5 * (0.97 + identity.cheek_width) + 0.02) + 0.4 * frame.yaw
        outer = frame.rigid(ellipse(u, 0.16, 0.14, 0.30, side * 0.15))
        if ink:
            canvas.fill(frame.rigid(ellipse(u, 0.16, 0.165, 0.325, side * 0.15)), ink_of(identity), EARS)
        canvas.fill(outer, shadow(identity.skin, 0.90), EARS)
        canvas.fill(frame.rigid(ellipse(u + side * 0.03, 0.15, 0.06, 0.17, side * 0.15)), shadow(identity.skin, 0.70))


def paint_eye(canvas: Canvas, frame: Frame, identity: DrawnIdentity, scene: Scene, side: float) -> None:
    """One eye: white, iris, pupil, highlight, lids and lashes."""
    ink = scene.style == "ink"
    size = identity.eye_size
    openness = identity.eye_open * (1.0 - scene.eye_close) * size
    lid = openness * (1.0 - np.abs(_T - 0.08) ** 2.2 / 1.08**2.2).clip(0.0)
    under = 0.62 * identity.eye_open * size * (1.0 - 0.35 * scene.eye_close) * (1.0 - _T**2) ** 0.8
    u = _T * size

    def place(points: np.ndarray) -> np.ndarray:
        """Eye units (u outwards) to pixels."""
        angle = -identity.eye_tilt
        c, s = math.cos(angle), math.sin(angle)
        x, y = c * points[:, 0] - s * points[:, 1], s * points[:, 0] + c * points[:, 1]
        return frame.feature(np.stack([side * (identity.eye_spacing + x), y], axis=1))

    top, bottom = np.stack([u, -lid], axis=1), np.stack([u, under], axis=1)
    shape = np.concatenate([top, bottom[::-1]])
    line = line_of(identity, ink)
    lash = mix((0.10, 0.06, 0.06), identity.hair, 0.12)
    # The fold above the lid is a broad soft band when the lid is heavy.
    fold = np.stack([u * 1.02, -lid * 1.18 - 0.035 - 0.05 * identity.lid_fold], axis=1)
    lid_skin = place(np.concatenate([fold, top[::-1]]))
    canvas.fill(lid_skin, shadow(identity.skin, 0.82 - 0.16 * identity.lid_fold), SKIN)
    canvas.fill(place(ribbon(fold[2:-2], taper(17, 0.02 + 0.035 * identity.lid_fold))), shade(line, 1.15))

    radius = identity.iris_size * size
    gaze_u = side * 0.16 * size * scene.gaze_x
    gaze_v = (0.07 * scene.gaze_y - 0.03) * size
    rim, glow = shade(identity.iris, 0.42), mix(identity.iris, (1.0, 1.0, 0.95), 0.30)

    def paint(inner: Canvas) -> None:
        inner.image[:] = (246, 244, 242)
        inner.fill(place(ellipse(gaze_u, gaze_v, radius, radius)), rim)
        inner.fill(place(ellipse(gaze_u, gaze_v, radius * 0.84, radius * 0.84)), identity.iris)
        inner.fill(place(ellipse(gaze_u, gaze_v + radius * 0.36, radius * 0.52, radius * 0.36)), glow)
        inner.fill(place(ellipse(gaze_u, gaze_v, radius * 0.44, radius * 0.44)), (0.03, 0.02, 0.03))
        cast = np.concatenate([top, (top + (0.0, 0.20 * openness))[::-1]])
        if ink:
            inner.fill(place(cast), (0.50, 0.50, 0.58))

    canvas.clipped(place(shape), paint, EYES)
    if not ink:
        canvas.glaze(place(np.concatenate([top, (top + (0.0, 0.34 * openness))[::-1]])), (0.12, 0.08, 0.10), 0.30)
    spark = -0.32 if math.cos(scene.light_angle) < 0 else 0.32
    spark_place = place(np.array([(gaze_u, gaze_v - 0.30 * radius)])) + (spark * radius * frame.scale, 0.0)
    spark_radius = 0.24 * radius * frame.scale
    canvas.fill(ellipse(spark_place[0, 0], spark_place[0, 1], spark_radius, spark_radius), (1.0, 1.0, 1.0))
    swell = (0.045 + 0.03 * (_T + 1.0) / 2.0) * (0.35 + 0.65 * (1.0 - _T**2) ** 0.3)
    edge = np.concatenate([top, [(size * 1.10, -0.04)]])
    canvas.fill(place(ribbon(edge, np.append(swell, 0.01))), lash, EYES)
    canvas.fill(place(ribbon(bottom[3:], taper(18, 0.022, 0.3))), line)


def paint_brow(canvas: Canvas, frame: Frame, identity: DrawnIdentity, scene: Scene, side: float) -> None:
    """One brow: thick at the inner end, pointed at the outer, arched and tilted by identity, lifted by expression."""
    length = identity.brow_length
    angle = identity.brow_angle
    t = np.linspace(-1.0, 1.0, 13)
    arch = identity.brow_arch * (1.0 - (t - 0.25) ** 2 / 1.5625)
    u = t * length * math.cos(angle)
    v = -identity.brow_height - arch - t * length * math.sin(angle) - 0.09 * scene.brow_raise
    curve = np.stack([side * (identity.eye_spacing + 0.03 + u), v], axis=1)
    width = (
        identity.brow_thickness * np.clip(1.15 - 0.75 * ((t + 1) / 2) ** 2, 0.0, 1.0) * np.clip(3.2 * (t + 1.15), 0, 1)
    )
    colour = brow_colour(identity)
    outer = ribbon(frame.feature(curve), width * frame.scale)
    canvas.fill(outer, colour, BROWS)
    if scene.style == "paint":
        core = curve + np.array([0.0, 0.18 * identity.brow_thickness])
        canvas.fill(ribbon(frame.feature(core), 0.45 * width * frame.scale), shade(colour, 0.70))


def brow_colour(identity: DrawnIdentity) -> Colour:
    """The colour of the brows: that of the identity's hair, but always darker than the skin."""
    limit = 0.50 * sum(identity.skin) / 3.0
    level = sum(identity.hair) / 3.0
    return shade(identity.hair, min(0.85, limit / max(level, 1e-3)))


def paint_nose(canvas: Canvas, frame: Frame, identity: DrawnIdentity, scene: Scene) -> None:
    """Wings, nostrils and the lines of the bridge; the nose's soft shading is in the face texture."""
    ink = scene.style == "ink"
    width, end, tip = identity.nose_width, identity.nose_length, identity.nose_tip
    bridge = identity.nose_bridge
    drop = 0.07 - 0.05 * tip

    def place(points: np.ndarray) -> np.ndarray:
        # The bridge is flush with the face at the eyes and protrudes towards the tip.
        depth = NOSE_DEPTH * np.clip(points[:, 1] / end, 0.0, 1.0)
        bulge = np.clip(1.0 - (0.9 * points[:, 0]) ** 2, 0.1, 1.0) + depth
        return frame.rigid(points + np.stack([frame.yaw * bulge, frame.pitch * bulge], axis=1))

    half = [(bridge, -0.02), (bridge * 1.05, 0.45 * end), (width * 0.80, end - 0.20), (width, end - 0.06)]
    half += [(width * 0.82, end + 0.03), (width * 0.35, end + 0.3 * drop)]
    outline = np.array(half + [(0.0, end + drop)] + [(-u, v) for u, v in half[::-1]])
    canvas.mark(place(smooth(outline, 4)), NOSE)
    line = line_of(identity, ink)
    dark = -1.0 if math.cos(scene.light_angle) > 0 else 1.0
    if ink:
        cast = [(dark * bridge * 0.9, 0.05), (dark * bridge * 1.6, 0.5 * end), (dark * width * 0.9, end - 0.12)]
        cast += [(dark * width * 0.55, end - 0.03), (dark * bridge * 0.7, 0.55 * end)]
        canvas.fill(place(smooth(np.array(cast), 4)), shadow(identity.skin, 0.74))
        side = smooth(
            np.array([(dark * bridge, 0.06), (dark * bridge * 1.05, 0.4 * end), (dark * width * 0.6, end - 0.2)]),
            6,
            False,
        )
        canvas.fill(place(ribbon(side, taper(len(side), 0.035))), line)
    for s in (-1.0, 1.0):
        wing = smooth(
            np.array([(s * width * 0.74, end - 0.17), (s * width, end - 0.07), (s * width * 0.84, end + 0.03)]),
            6,
            False,
        )
        canvas.fill(place(ribbon(wing, taper(len(wing), 0.05, 0.25))), line)
        nostril = ellipse(
            s * width * 0.48, end + 0.025 - 0.02 * tip, width * 0.24, 0.026 + 0.013 * (1 + tip), -s * 0.25
        )
        canvas.fill(place(nostril), shadow(identity.skin, 0.27))
    base = smooth(np.array([(-width * 0.3, end + 0.035), (0.0, end + drop), (width * 0.3, end + 0.035)]), 8, False)
    canvas.fill(place(ribbon(base, taper(len(base), 0.032, 0.2))), line)


def paint_mouth(canvas: Canvas, frame: Frame, identity: DrawnIdentity, scene: Scene) -> None:
    """Both lips, the inside with teeth if open, the line between if closed, and a gleam on the lower lip."""
    ink = scene.style == "ink"
    curves = mouth_curves(identity, scene)
    top, upper, lower, bottom = (frame.feature(c, 0.12) for c in curves)
    whole = np.concatenate([top, bottom[::-1]])
    if ink:
        canvas.fill(ribbon(np.concatenate([whole, whole[:1]]), 0.03 * frame.scale), ink_of(identity))
    canvas.fill(whole, shade(identity.lips, 0.42), MOUTH)
    if scene.mouth_open > 0.0:
        canvas.fill(np.concatenate([upper, lower[::-1]]), (0.24, 0.06, 0.07), MOUTH)
        teeth = upper + (lower - upper) * 0.48
        canvas.fill(np.concatenate([upper[2:-2], teeth[2:-2][::-1]]), (0.96, 0.95, 0.92), MOUTH)
    canvas.fill(np.concatenate([top, upper[::-1]]), shade(identity.lips, 0.80), MOUTH)
    canvas.fill(np.concatenate([lower, bottom[::-1]]), identity.lips, MOUTH)
    middle = slice(5, 14)
    gleam = curves[2] * 0.62 + curves[3] * 0.38
    width = taper(9, 0.30 * identity.lip_lower, 0.0) * frame.scale
    light = mix(identity.lips, (1.0, 0.94, 0.92), 0.45 if not ink else 0.6)
    canvas.fill(ribbon(frame.feature(gleam[middle], 0.12), width), light)
    if scene.mouth_open == 0.0:
        canvas.fill(ribbon(upper, taper(21, 0.042, 0.4) * frame.scale), shade(identity.lips, 0.34), MOUTH)


def paint_marks(canvas: Canvas, frame: Frame, identity: DrawnIdentity) -> None:
    """Freckles, moles and the scar."""
    if identity.freckles > 0.0:
        rng = np.random.default_rng([505, identity.freckle_seed])
        spots = rng.uniform((0.18, 0.24), (0.72, 0.62), (22, 2)) * np.where(np.arange(22) % 2, 1.0, -1.0)[:, None] ** (
            1,
            0,
        )
        colour = mix(shade(identity.skin, 0.66), (0.55, 0.28, 0.14), 0.3)
        for u, v in spots:
            r = 0.016 + 0.012 * identity.freckles
            canvas.fill(frame.feature(ellipse(u, v, r, r, count=8)), colour)
    for u, v, radius in identity.moles:
        canvas.fill(
            frame.feature(ellipse(u, v, radius, radius, count=12)),
            mix(shade(identity.skin, 0.3), (0.2, 0.1, 0.06), 0.5),
        )
    if identity.scar:
        u, v, angle, length = identity.scar
        t = np.linspace(-0.5, 0.5, 9) * length
        curve = np.stack([u + t * math.sin(angle), v + t * math.cos(angle)], axis=1)
        canvas.fill(
            frame.feature(ribbon(curve, taper(9, 0.075))), shade(mix(identity.skin, (0.75, 0.25, 0.25), 0.4), 0.85)
        )
        canvas.fill(frame.feature(ribbon(curve, taper(9, 0.03))), mix(identity.skin, (1.0, 0.88, 0.85), 0.6))
