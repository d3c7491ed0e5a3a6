"""Skeletons as OpenPose draws them, which the openpose ControlNets were trained on: drawn, and recognised."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture, shrunk

JOINTS = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
    "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle", "right eye", "left eye",
    "right ear", "left ear",
)  # fmt: skip
"""OpenPose's order (COCO-18). Right and left are the person's own."""
NOSE, RIGHT_EYE, LEFT_EYE = (JOINTS.index(name) for name in ("nose", "right eye", "left eye"))
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""Of the joints in their order, and of the limbs in theirs."""
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""The joints at the ends of each limb."""
JOINT_RADIUS, LIMB_BRIGHTNESS = 4 / 512, 0.6
"""The radius of a joint, which is also a limb's half thickness, as a fraction of the picture's short side; and the
factor on the limbs' colours."""
FRACTION_BITS = 4
"""OpenCV draws with coordinates in sixteenths of a pixel; on small pictures whole pixels would jitter."""
_CORNERS = 64
# A drawing is recognised by its blackness and its colours. Its edges may be smoothed, or blurred by JPEG.
_LOOKED_AT = 512
_BLACK, _COLOURED, _NEAR = 24, 120, 48
_LEAST_BLACK, _LEAST_KNOWN, _LEAST_COLOURS = 0.8, 0.85, 3


def draw_skeletons(figures: Sequence[np.ndarray], size: Size) -> Image.Image:
    """The RGB control image of that size with the figures on black.

    `figures`: (18, 2) pixels each, in the order of `JOINTS`; NaN for a joint that is not seen.
    """
    import cv2

    canvas = np.zeros((size.height, size.width, 3), np.uint8)
    radius = JOINT_RADIUS * size.short
    for figure in figures:
        for (start, end), colour in zip(LIMBS, COLOURS, strict=False):
            if not np.isnan(figure[[start, end]]).any():
                dim = tuple(int(LIMB_BRIGHTNESS * value) for value in colour)
                outline = _limb(figure[start], figure[end], radius)
                cv2.fillConvexPoly(canvas, _in_sixteenths(outline), dim, cv2.LINE_AA, FRACTION_BITS)
        for joint, colour in zip(figure, COLOURS, strict=True):
            if not np.isnan(joint).any():
                draw_disc(canvas, joint, radius, colour)
    return as_picture(canvas)


def draw_disc(canvas: np.ndarray, place: np.ndarray, radius: float, colour: tuple[int, int, int]) -> None:
    """Draw into `canvas`, uint8 (height, width, 3); place and radius are in pixels."""
    import cv2

    centre = tuple(int(value) for value in _in_sixteenths(place))
    cv2.circle(canvas, centre, round(radius * 2**FRACTION_BITS), colour, -1, cv2.LINE_AA, FRACTION_BITS)


def head_figure(face: np.ndarray) -> np.ndarray:
    """The figure (18, 2) that is open but for what five landmarks give: nose and eyes. `face`: (5, 2) pixels.

    Body, ears and face dots would need a detector, and none has a licence that allows commercial use.
    """
    figure = np.full((len(JOINTS), 2), np.nan)
    # The viewer's left eye is the person's right one.
    figure[[RIGHT_EYE, LEFT_EYE, NOSE]] = face[:3]
    return figure


def is_skeleton_drawing(picture: Image.Image) -> bool:
    """Whether an RGB picture is such a drawing already: mostly black, and the rest in its colours."""
    small = as_array(shrunk(picture, _LOOKED_AT)).astype(np.float32)
    strongest = small.max(axis=2)
    coloured = small[strongest > _COLOURED]
    if (strongest < _BLACK).mean() < _LEAST_BLACK or not len(coloured):
        return False
    # A limb's colour is its joint's made darker, so only the proportions of the channels are compared.
    pure = coloured * (255 / coloured.max(axis=1, keepdims=True))
    apart = np.linalg.norm(pure[:, None] - np.array(COLOURS, np.float32), axis=2)
    # Dots of faces are white, and joints of hands blue.
    is_white = pure.min(axis=1) > 255 - _NEAR
    is_known = apart.min(axis=1) < _NEAR
    shares = np.bincount(apart.argmin(axis=1)[is_known], minlength=len(COLOURS)) / len(coloured)
    return bool((is_known | is_white).mean() >= _LEAST_KNOWN and (shares > 0.01).sum() >= _LEAST_COLOURS)


def _limb(start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """The outline of an ellipse from joint to joint, (corners, 2) pixels."""
    turns = np.linspace(0, 2 * math.pi, _CORNERS, endpoint=False)
    along = (end - start) / 2
    length = max(float(np.hypot(*along)), 1e-6)
    across = np.array([-along[1], along[0]]) * (radius / length)
    return (start + end) / 2 + np.cos(turns)[:, None] * along + np.sin(turns)[:, None] * across


def _in_sixteenths(places: np.ndarray) -> np.ndarray:
    return np.rint(places * 2**FRACTION_BITS).astype(np.int32)
