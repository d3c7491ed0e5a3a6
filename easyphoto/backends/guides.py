"""Drawing the control images. All are drawn here, so every backend gets the same ones."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from easyphoto.backends.skeletons import draw_disc, draw_skeletons, head_figure
from easyphoto.errors import InputError
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.messages import text

CANNY_LOW, CANNY_HIGH = 100, 200
POINT_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))
"""Viewer's left eye, right eye, nose tip, left and right mouth corner."""
POINT_RADIUS = 0.03
"""As a fraction of the picture's short side."""
IDENTITY_RADIUS, IDENTITY_THICKNESS, IDENTITY_BRIGHTNESS = 10, 4, 0.6
"""Of the drawings that InstantID's ControlNet was trained on: the discs' radius and the lines' half thickness in
pixels, at every size of the picture, and the factor on the lines' colours."""
TILE_BLUR = 1 / 64
"""Standard deviation of the blur as a fraction of the picture's short side."""


def draw_guide(kind: str, picture: Image.Image, points: np.ndarray | None = None) -> Image.Image:
    """The RGB control image of that kind for an RGB picture, of the same size.

    `points` are the landmarks in pixels, (5, 2) of one face or (N, 5, 2) of several; only `facepoints`, `openpose` and
    `instantid` use them. Raises InputError for an unknown kind or missing points.
    """
    match kind:
        case "canny":
            return _canny(picture)
        case "facepoints":
            return _face_points(picture, points)
        case "openpose":
            return _head_pose(picture, points)
        case "instantid":
            return _identity_points(picture, points)
        case "color" | "tile":
            return _blurred(picture)
    raise InputError(
        text("There is no control image of the kind {kind!r}.", kind=kind),
        advice=text("Known: canny, facepoints, openpose, instantid, color, tile."),
    )


def _canny(picture: Image.Image) -> Image.Image:
    import cv2

    grey = cv2.cvtColor(as_array(picture), cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(grey, CANNY_LOW, CANNY_HIGH)
    return as_picture(np.repeat(edges[..., None], 3, axis=2))


def _face_points(picture: Image.Image, points: np.ndarray | None) -> Image.Image:
    canvas = np.zeros((picture.height, picture.width, 3), np.uint8)
    for face in _faces("facepoints", points):
        for place, colour in zip(face, POINT_COLOURS, strict=True):
            draw_disc(canvas, place, POINT_RADIUS * min(picture.size), colour)
    return as_picture(canvas)


def _head_pose(picture: Image.Image, points: np.ndarray | None) -> Image.Image:
    """The nose and eyes of OpenPose's skeleton, which is all that five landmarks give."""
    return draw_skeletons([head_figure(face) for face in _faces("openpose", points)], Size.of(picture))


def _identity_points(picture: Image.Image, points: np.ndarray | None) -> Image.Image:
    """Five discs, joined to the nose by dim lines: each byte as InstantID draws it, in whole pixels and without
    smoothing. Several faces share one picture.
    """
    import cv2

    canvas = np.zeros((picture.height, picture.width, 3), np.uint8)
    for face in _faces("instantid", points):
        nose = face[2]
        for number in (0, 1, 3, 4):
            (across, down), middle = face[number] - nose, (face[number] + nose) / 2
            length, angle = math.sqrt(across**2 + down**2), math.degrees(math.atan2(down, across))
            centre, axes = (int(middle[0]), int(middle[1])), (int(length / 2), IDENTITY_THICKNESS)
            line = cv2.ellipse2Poly(centre, axes, int(angle), 0, 360, 1)
            dim = tuple(int(IDENTITY_BRIGHTNESS * value) for value in POINT_COLOURS[number])
            cv2.fillConvexPoly(canvas, line, dim)
    for face in _faces("instantid", points):
        for (x, y), colour in zip(face, POINT_COLOURS, strict=True):
            cv2.circle(canvas, (int(x), int(y)), IDENTITY_RADIUS, colour, -1)
    return as_picture(canvas)


def _faces(kind: str, points: np.ndarray | None) -> np.ndarray:
    if points is None:
        raise InputError(text("The control {kind} needs the five points of a face.", kind=kind))
    return np.asarray(points, np.float64).reshape(-1, len(POINT_COLOURS), 2)


def _blurred(picture: Image.Image) -> Image.Image:
    import cv2

    return as_picture(cv2.GaussianBlur(as_array(picture), (0, 0), max(0.5, TILE_BLUR * min(picture.size))))
