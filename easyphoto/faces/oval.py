"""A model of a face's outline from its five points and box, for heads turned up to three-quarter view."""

from __future__ import annotations

import cv2
import numpy as np

from easyphoto.faces.face_view import SCALE, FaceView

# Ten points down the right side, from the middle of the forehead to the chin: u = a + b·(box side) + f·(u of the nose
# towards this side, beyond 0.1), v = c + d·(box bottom) + e·(box top). Fitted by least absolute errors to a dense
# landmarker's outline on 229 photographs: half of the points are within 0.05 units of it, those on the far side of
# turned heads within 0.09 on average (0.13 without f).
_SIDE = np.array(
    [
        # a, b, f, c, d, e
        (0.00, 0.00, 0.00, 0.02, -0.10, 0.53),
        (0.54, -0.01, -0.37, 0.04, -0.08, 0.53),
        (0.41, 0.47, -0.71, 0.10, -0.01, 0.51),
        (0.15, 0.85, -1.12, 0.14, 0.12, 0.45),
        (-0.03, 1.03, -1.28, 0.19, 0.28, 0.34),
        (-0.08, 1.03, -1.25, 0.25, 0.43, 0.22),
        (0.02, 0.79, -1.16, 0.23, 0.62, 0.10),
        (0.16, 0.41, -0.80, 0.18, 0.73, -0.03),
        (0.23, 0.11, -0.44, 0.14, 0.80, -0.11),
        (0.00, 0.00, 0.00, 0.11, 0.84, -0.14),
    ]
)
_TURNED = 0.1
# Usual box edges in units: the 2 % and 98 % quantiles of the same 229.
_BOX_SIDE, _BOX_TOP, _BOX_BOTTOM = (0.7, 1.5), (-1.35, -0.75), (1.45, 2.05)
# The landmarker's outline ends in the middle of the forehead; hairlines are up to this much higher, in units.
_FOREHEAD = np.array([0.70, 0.60, 0.35, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])


def face_oval(view: FaceView) -> np.ndarray:
    """(18, 2) u and v around the face. The forehead is as high as foreheads get, because the hairline is unknown."""
    left, right, top, bottom = view.box
    top, bottom = float(np.clip(top, *_BOX_TOP)), float(np.clip(bottom, *_BOX_BOTTOM))
    turn = float(view.points[2, 0])
    a, b, far, c, d, e = _SIDE.T
    v = c + d * bottom + e * top - _FOREHEAD
    sides = []
    for sign, side in ((1, right), (-1, -left)):
        u = a + b * float(np.clip(side, *_BOX_SIDE)) + far * max(0.0, sign * turn - _TURNED)
        sides.append(np.column_stack([sign * u, v]))
    return np.concatenate([sides[0], sides[1][-2:0:-1]])


def depth_inside(view: FaceView, outline: np.ndarray) -> np.ndarray:
    """(side, side) float32 distance from the (N, 2) outline in units: positive inside, negative outside."""
    inside = view.filled(outline).astype(np.uint8)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    beyond = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    return ((within - beyond) / SCALE).astype(np.float32)


def chin_of(outline: np.ndarray) -> float:
    """v of the lowest point of an (N, 2) outline."""
    return float(outline[:, 1].max())
