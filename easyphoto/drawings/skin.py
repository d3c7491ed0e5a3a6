"""The skin's soft shading: volume, light, blush, beard, and the flat shadow of the ink style."""

from __future__ import annotations

import math

import numpy as np

from easyphoto.drawings.canvas import Canvas, Colour, mix, shade, shadow
from easyphoto.drawings.features import brow_colour, mouth_curves
from easyphoto.drawings.frame import Frame, face_outline
from easyphoto.drawings.identity import DrawnIdentity
from easyphoto.drawings.scene import Scene

_PER_UNIT = 32  # texture pixels per face unit: soft shading has no fine detail
_LEFT, _TOP, _RIGHT, _BOTTOM = -1.2, -1.4, 1.2, 1.9
_U = (np.arange(round((_RIGHT - _LEFT) * _PER_UNIT), dtype=np.float32) + 0.5) / _PER_UNIT + _LEFT
_V = (np.arange(round((_BOTTOM - _TOP) * _PER_UNIT), dtype=np.float32) + 0.5) / _PER_UNIT + _TOP


def face_texture(frame: Frame, identity: DrawnIdentity, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """A small (height, width, 3) uint8 RGB texture of the bare face, and the (2, 3) affine matrix from its pixels to
    the picture's."""
    skin = np.empty((len(_V), len(_U), 3), dtype=np.float32)
    skin[:] = identity.skin
    if scene.style == "paint":
        _light(skin, identity, scene)
        _relief(skin, frame, identity, scene)
    _colouring(skin, frame, identity, scene)
    texture = np.rint(np.clip(skin, 0.0, 1.0) * 255.0).astype(np.uint8)
    to_units = np.array(
        [[1 / _PER_UNIT, 0.0, _LEFT + 0.5 / _PER_UNIT], [0.0, 1 / _PER_UNIT, _TOP + 0.5 / _PER_UNIT], [0, 0, 1]]
    )
    return texture, frame.matrix() @ to_units


def paint_cel_shadow(canvas: Canvas, frame: Frame, identity: DrawnIdentity, scene: Scene) -> None:
    """The flat shadow of the ink style, on the side away from the light."""
    side = -1.0 if math.cos(scene.light_angle) > 0 else 1.0
    reach = 0.10 + 0.16 * scene.light_strength
    outline = face_outline(identity, 0.06 * scene.mouth_open)
    edge = outline[(outline[:, 0] * side >= -1e-6) & (outline[:, 1] > -1.0)]
    edge = edge[np.argsort(edge[:, 1])]
    inner = edge - np.stack([side * reach * np.clip(1.2 - 0.25 * edge[:, 1], 0.5, 1.3), 0.04 + 0 * edge[:, 1]], axis=1)
    inner[:, 0] = side * np.maximum(inner[:, 0] * side, 0.0)
    canvas.fill(frame.rigid(np.concatenate([edge, inner[::-1]])), shadow(identity.skin, 0.78))


def _light(skin: np.ndarray, identity: DrawnIdentity, scene: Scene) -> None:
    """Shading: darker towards the rim, lighter towards the light."""
    middle = 0.2 * identity.chin_length - 0.05
    rim = (_U[None] / 1.0) ** 2 + ((_V[:, None] - middle) / (identity.chin_length - middle)) ** 2 * 0.7
    towards = math.cos(scene.light_angle) * _U[None] - 0.7 * math.sin(scene.light_angle) * (_V[:, None] - 0.2)
    factor = 1.05 - 0.16 * np.clip(rim, 0, 1.5) ** 1.5 + 0.17 * scene.light_strength * np.clip(towards, -1.2, 1.0)
    # Shadows on skin are redder than the skin, lights yellower.
    skin *= np.stack([factor**0.72, factor, factor**1.15], axis=2)


def _relief(skin: np.ndarray, frame: Frame, identity: DrawnIdentity, scene: Scene) -> None:
    """Eye sockets, nose, lips and chin as soft blobs."""
    dark, light = shadow(identity.skin, 0.52), mix(identity.skin, (1.0, 0.95, 0.86), 0.62)
    size, end, width = identity.eye_size, identity.nose_length, identity.nose_width
    away = -1.0 if math.cos(scene.light_angle) > 0 else 1.0
    for side in (-1.0, 1.0):
        _blob(skin, frame, side * identity.eye_spacing, -0.08, size * 1.15, 0.20, dark, 0.42)
        _blob(skin, frame, side * 0.62, 0.40, 0.20, 0.16, light, 0.28)
        _blob(skin, frame, side * width, end - 0.07, 0.06, 0.10, dark, 0.35, 0.3)
    bridge = identity.nose_bridge
    for v in (0.12, 0.36, 0.58):
        spread = bridge + 0.5 * max(0.0, v - 0.3) * width
        _blob(skin, frame, away * (spread + 0.06), v * end / 0.7, 0.07, 0.14 * end / 0.6, dark, 0.40, 0.3)
        _blob(skin, frame, -away * 0.01, v * end / 0.7, 0.35 * bridge + 0.025, 0.15 * end / 0.6, light, 0.40, 0.3)
    _blob(skin, frame, 0.0, end - 0.08, 0.09 + 0.03 * identity.nose_tip, 0.08, light, 0.65, 0.5)
    _blob(skin, frame, away * 0.06, end + 0.14, width * 0.9, 0.09, dark, 0.50)
    lip = float(mouth_curves(identity, scene)[3][10, 1])
    _blob(skin, frame, 0.0, lip + 0.09, identity.mouth_width * 0.6, 0.06, dark, 0.45)
    _blob(skin, frame, 0.0, 0.5 * (lip + 0.1 + identity.chin_length), identity.chin_point * 0.6, 0.10, light, 0.30)
    _blob(skin, frame, -away * 0.2, -0.80, 0.45, 0.22, light, 0.28)
    if scene.hair_form != "bald":
        _blob(skin, frame, 0.0, -1.05, 0.9, 0.20, dark, 0.45)


def _colouring(skin: np.ndarray, frame: Frame, identity: DrawnIdentity, scene: Scene) -> None:
    """Blush and beard shadow, which are part of the identity."""
    if identity.blush > 0.0:
        red = mix(shade(identity.skin, 0.88), (0.92, 0.28, 0.30), 0.55)
        for side in (-1.0, 1.0):
            _blob(skin, frame, side * 0.60, 0.46, 0.20, 0.15, red, 0.75 * identity.blush)
    if identity.beard > 0.0:
        _beard(skin, identity, scene)


def _beard(skin: np.ndarray, identity: DrawnIdentity, scene: Scene) -> None:
    tint: Colour = mix(shade(identity.skin, 0.45), brow_colour(identity), 0.5)
    mouth = float(mouth_curves(identity, scene)[1][10, 1])
    start = mouth - 0.30 + 0.42 * np.clip(0.45 - np.abs(_U[None]), 0.0, 0.12)
    rise = 0.5 * np.clip(np.abs(_U[None]) - 0.5, 0.0, 0.6)
    cover = 1.0 / (1.0 + np.exp(-(_V[:, None] - start + rise) * 16.0))
    weight = (0.72 * identity.beard * cover)[..., None].astype(np.float32)
    skin += weight * (np.array(tint, dtype=np.float32) - skin)


def _blob(
    skin: np.ndarray,
    frame: Frame,
    u: float,
    v: float,
    a: float,
    b: float,
    colour: Colour,
    strength: float,
    depth: float = 0.0,
) -> None:
    """Blend the texture towards a colour in a soft ellipse at (u, v), which follows yaw and pitch like the features."""
    u, v = frame.turn(np.array([(u, v)]), depth)[0]
    i0, i1 = np.searchsorted(_U, (u - 2.6 * a, u + 2.6 * a))
    j0, j1 = np.searchsorted(_V, (v - 2.6 * b, v + 2.6 * b))
    across = np.exp(-(((_U[i0:i1] - u) / a) ** 2))
    down = strength * np.exp(-(((_V[j0:j1] - v) / b) ** 2))
    weight = (down[:, None] * across[None])[..., None].astype(np.float32)
    part = skin[j0:j1, i0:i1]
    part += weight * (np.array(colour, dtype=np.float32) - part)
