"""Position of a face in the picture: conversion of face units to pixels, and the outline that defines the face box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from easyphoto.drawings.identity import DrawnIdentity

BOX_TOP = -0.95  # v of the face box's top in face units, about the hairline


@dataclass(frozen=True)
class Frame:
    """Converts face units to pixels. ``yaw`` and ``pitch`` are small shifts of the features in face units."""

    scale: float  # pixels per face unit
    x: float  # pixel position of the face's origin (between the eyes)
    y: float
    roll: float  # radians, clockwise in the picture
    yaw: float
    pitch: float

    def rigid(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) face units to (N, 2) pixels, without yaw and pitch."""
        c, s = math.cos(self.roll) * self.scale, math.sin(self.roll) * self.scale
        u, v = points[:, 0], points[:, 1]
        # OpenCV's pixel centres are whole numbers; subtracting half a pixel makes positions independent of resolution.
        return np.stack([self.x + c * u - s * v - 0.5, self.y + s * u + c * v - 0.5], axis=1)

    def turn(self, points: np.ndarray, depth: float = 0.0) -> np.ndarray:
        """(N, 2) face units shifted by yaw and pitch; ``depth`` is how far the points protrude from the face."""
        u, v = points[:, 0], points[:, 1]
        bulge = np.clip(1.0 - (0.9 * u) ** 2, 0.1, 1.0) + depth
        return np.stack([u + self.yaw * bulge, v + self.pitch * bulge], axis=1)

    def feature(self, points: np.ndarray, depth: float = 0.0) -> np.ndarray:
        """(N, 2) face units of a feature to (N, 2) pixels, with yaw and pitch."""
        return self.rigid(self.turn(points, depth))

    def matrix(self) -> np.ndarray:
        """The (2, 3) affine matrix of ``rigid``."""
        c, s = math.cos(self.roll) * self.scale, math.sin(self.roll) * self.scale
        return np.array([[c, -s, self.x - 0.5], [s, c, self.y - 0.5]])


def smooth(points: np.ndarray, steps: int = 6, closed: bool = True) -> np.ndarray:
    """A Catmull-Rom curve through (N, 2) points with ``steps`` samples per span, (M, 2) float64."""
    p = np.asarray(points, dtype=np.float64)
    if closed:
        a, b, c, d = np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)
    else:
        q = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        a, b, c, d = q[:-3], q[1:-2], q[2:-1], q[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (x[:, None, :] for x in (a, b, c, d))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def mirrored(half: np.ndarray) -> np.ndarray:
    """A closed symmetric (M, 2) polygon from its right (N, 2) half, top to bottom; points on u = 0 are not doubled."""
    left = half[::-1] * (-1.0, 1.0)
    return np.concatenate([half, left[np.abs(left[:, 0]) > 1e-9]])


def face_outline(identity: DrawnIdentity, jaw_drop: float = 0.0) -> np.ndarray:
    """The outline of head and face, (N, 2) face units."""
    chin = identity.chin_length + jaw_drop
    cheek, jaw = identity.cheek_width, identity.jaw_width
    half = np.array(
        [
            (0.0, -1.30),
            (0.52, -1.20),
            (0.86, -0.78),
            (0.5 * (0.97 + cheek), -0.15),
            (cheek, 0.32),
            (0.45 * cheek + 0.55 * jaw, 0.38 * chin + 0.22),
            (jaw * 0.86, 0.76 * chin),
            (identity.chin_point * 0.95 + 0.04, chin - 0.05),
            (0.0, chin),
        ]
    )
    return smooth(mirrored(half), 5)


def box_of(identity: DrawnIdentity, roll: float) -> tuple[float, float, float, float]:
    """The face box (left, top, right, bottom) around the origin, in face units; ``roll`` is in radians."""
    outline = face_outline(identity)
    outline = outline[outline[:, 1] >= BOX_TOP]
    p = Frame(1.0, 0.5, 0.5, roll, 0.0, 0.0).rigid(outline)
    left, top = p.min(axis=0)
    right, bottom = p.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def framed(
    identity: DrawnIdentity, centre: tuple[float, float], width: float, roll: float, yaw: float, pitch: float
) -> tuple[Frame, tuple[float, float, float, float]]:
    """The frame that centres the face box, ``width`` pixels wide, on the pixel ``centre``; and that box in pixels.

    ``roll`` is in radians, ``yaw`` and ``pitch`` are in face units.
    """
    left, top, right, bottom = box_of(identity, roll)
    scale = width / (right - left)
    x = centre[0] - scale * (left + right) / 2
    y = centre[1] - scale * (top + bottom) / 2
    box = (x + scale * left, y + scale * top, x + scale * right, y + scale * bottom)
    return Frame(scale, x, y, roll, yaw, pitch), box
