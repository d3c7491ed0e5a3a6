"""A figure with a person's proportions: from where hips, hands and feet are to the joints that a camera sees.

Lengths are metres of somebody 1.75 m tall, angles degrees. x runs to the viewer's right, y up, z towards the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HIP_HEIGHT, HIP_OUT = 0.92, 0.11
SPINE, SHOULDER_OUT = 0.51, 0.185
UPPER_ARM, FOREARM = 0.29, 0.26
THIGH, SHIN, ANKLE_HEIGHT = 0.43, 0.41, 0.08
# Of the middle between the ears, above the neck; of the other points of the head from there.
EARS_ABOVE, EARS_BEFORE, EAR_OUT = 0.17, 0.02, 0.075
EYE = (0.032, 0.03, 0.085)
NOSE = (0.0, -0.015, 0.115)
# How far the head may be turned until OpenPose leaves the ear or the eye of the far side out.
EAR_HIDDEN, EYE_HIDDEN = 25.0, 60.0
Place = tuple[float, float, float]


@dataclass(frozen=True)
class Limb:
    """An arm or a leg: where its end is, and to which side the elbow or the knee points. Each is (out, up, forward):
    of a hand from the neck in the chest's frame, of a foot from the floor below the hips in their frame."""

    end: Place
    bends: Place


HANGING = Limb((0.23, -0.54, 0.03), (0.4, 0.0, -1.0))
STANDING = Limb((0.11, ANKLE_HEIGHT, 0.0), (0.1, 0.0, 1.0))


@dataclass(frozen=True)
class Figure:
    at: tuple[float, float] = (0.0, 0.0)
    """Where the hips are: x and z."""
    hips: float = HIP_HEIGHT
    """Their height."""
    yaw: float = 0.0
    """How far the body is turned to the viewer's right."""
    sway: float = 0.0
    """How far the hips are tilted: the viewer's right side up."""
    bend: float = 0.0
    """How far the chest leans forward."""
    side: float = 0.0
    """How far it leans to the viewer's right."""
    twist: float = 0.0
    """How much further than the hips it is turned."""
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Turned to the viewer's right, down, and tilted to the viewer's right; all against the chest."""
    right_arm: Limb = HANGING
    left_arm: Limb = HANGING
    right_leg: Limb = STANDING
    left_leg: Limb = STANDING


@dataclass(frozen=True)
class Camera:
    middle: tuple[float, float]
    """What it looks at: x and y."""
    height: float
    """How much of the figure's plane is in the picture, from top to bottom."""
    distance: float = 4.0
    level: float = 1.4
    """Height of the lens above the floor."""


def joints_of(figure: Figure, camera: Camera, size: tuple[int, int]) -> list[list[float] | None]:
    """The 18 joints in OpenPose's order as fractions of the picture; None for one that is hidden or outside of it."""
    width = camera.height * size[0] / size[1]
    seen: list[list[float] | None] = []
    for place in _places(figure):
        if place is None:
            seen.append(None)
            continue
        nearer = camera.distance / (camera.distance - place[2])
        x = 0.5 + (place[0] - camera.middle[0]) * nearer / width
        y = 0.5 - (camera.level + (place[1] - camera.level) * nearer - camera.middle[1]) / camera.height
        is_inside = 0 <= x <= 1 and 0 <= y <= 1
        seen.append([round(float(x), 4), round(float(y), 4)] if is_inside else None)
    return seen


def _places(figure: Figure) -> list[np.ndarray | None]:
    hips = np.array([figure.at[0], figure.hips, figure.at[1]])
    below = _turned(yaw=figure.yaw)
    pelvis = below @ _turned(roll=figure.sway)
    chest = _turned(yaw=figure.yaw + figure.twist) @ _turned(roll=-figure.side) @ _turned(pitch=figure.bend)
    neck = hips + chest @ np.array([0, SPINE, 0])
    floor = np.array([hips[0], 0.0, hips[2]])
    arms, legs = {}, {}
    for side, arm, leg in ((-1, figure.right_arm, figure.right_leg), (1, figure.left_arm, figure.left_leg)):
        shoulder = neck + chest @ np.array([side * SHOULDER_OUT, 0, 0])
        hand, elbow = neck + chest @ _mirrored(arm.end, side), chest @ _mirrored(arm.bends, side)
        arms[side] = [shoulder, *_bent(shoulder, hand, elbow, UPPER_ARM, FOREARM)]
        hip = hips + pelvis @ np.array([side * HIP_OUT, 0, 0])
        foot, knee = floor + below @ _mirrored(leg.end, side), below @ _mirrored(leg.bends, side)
        legs[side] = [hip, *_bent(hip, foot, knee, THIGH, SHIN)]
    return [*_head(figure, chest, neck), *arms[-1], *arms[1], *legs[-1], *legs[1], *_face(figure, chest, neck)]


def _head(figure: Figure, chest: np.ndarray, neck: np.ndarray) -> list[np.ndarray | None]:
    turned, middle = _skull(figure, chest, neck)
    return [middle + turned @ np.array(NOSE), neck]


def _face(figure: Figure, chest: np.ndarray, neck: np.ndarray) -> list[np.ndarray | None]:
    """Right eye, left eye, right ear, left ear."""
    turned, middle = _skull(figure, chest, neck)
    away = figure.yaw + figure.twist + figure.head[0]
    out = np.array([1, 0, 0])
    points = []
    for places, limit in ((np.array(EYE), EYE_HIDDEN), (np.array([EAR_OUT, 0, 0]), EAR_HIDDEN)):
        for side in (-1, 1):
            # Turned to the viewer's right, the person's left side is the far one.
            is_hidden = side * away > limit
            points.append(None if is_hidden else middle + turned @ (places * (1 + (side - 1) * out)))
    return points


def _skull(figure: Figure, chest: np.ndarray, neck: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    yaw, pitch, roll = figure.head
    turned = chest @ _turned(yaw=yaw) @ _turned(roll=-roll) @ _turned(pitch=pitch)
    return turned, neck + turned @ np.array([0, EARS_ABOVE, EARS_BEFORE])


def _bent(root: np.ndarray, end: np.ndarray, towards: np.ndarray, first: float, second: float) -> list[np.ndarray]:
    """The middle joint of two bones, bent `towards`, and their end, which is as near to the wanted as they reach."""
    way = end - root
    far = float(np.linalg.norm(way))
    along = way / far
    reach = min(max(far, abs(first - second) + 1e-3), (first + second) * 0.998)
    ahead = (first**2 - second**2 + reach**2) / (2 * reach)
    across = towards - (towards @ along) * along
    across /= np.linalg.norm(across)
    middle = root + ahead * along + np.sqrt(max(first**2 - ahead**2, 0)) * across
    return [middle, root + reach * along]


def _mirrored(place: Place, side: int) -> np.ndarray:
    return np.array([side * place[0], place[1], place[2]])


def _turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Rotation that turns to the viewer's right, bends forward, or tilts the viewer's right side up."""
    a, b, c = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    tilt = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return turn @ nod @ tilt
