"""The control images, all drawn here, so that every backend gets the same ones."""

from __future__ import annotations

import numpy as np
from PIL import Image

from easyphoto.errors import InputError
from easyphoto.images import as_array, as_picture

CANNY_LOW, CANNY_HIGH = 100, 200
POINT_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))
"""Viewer's left eye, right eye, nose tip, left and right mouth corner."""
POINT_RADIUS = 0.03
"""Of the picture's short side."""
TILE_BLUR = 1 / 64
"""Standard deviation, of the picture's short side."""


def draw_guide(kind: str, picture: Image.Image, points: np.ndarray | None = None) -> Image.Image:
    """The control image of that kind for an RGB picture, at its size.

    `points` are (5, 2) pixels of one face or (N, 5, 2) of several; only `facepoints` looks at them.
    Raises InputError for a kind that is not drawn here, or for face points that are not given.
    """
    match kind:
        case "canny":
            return _canny(picture)
        case "facepoints":
            return _face_points(picture, points)
        case "color" | "tile":
            return _blurred(picture)
    raise InputError(f"No control image of kind {kind!r} is drawn.", advice="Known: canny, facepoints, color, tile.")


def _canny(picture: Image.Image) -> Image.Image:
    import cv2

    grey = cv2.cvtColor(as_array(picture), cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(grey, CANNY_LOW, CANNY_HIGH)
    return as_picture(np.repeat(edges[..., None], 3, axis=2))


def _face_points(picture: Image.Image, points: np.ndarray | None) -> Image.Image:
    import cv2

    if points is None:
        raise InputError("The control facepoints needs the five points of a face.")
    faces = np.asarray(points, np.float64).reshape(-1, len(POINT_COLOURS), 2)
    canvas = np.zeros((picture.height, picture.width, 3), np.uint8)
    radius = POINT_RADIUS * min(picture.size)
    fraction_bits = 4  # OpenCV draws circles at sixteenths of a pixel: at 128 px whole ones would jitter
    for face in faces:
        for place, colour in zip(face, POINT_COLOURS, strict=True):
            centre = tuple(int(value) for value in np.rint(place * 2**fraction_bits))
            cv2.circle(canvas, centre, round(radius * 2**fraction_bits), colour, -1, cv2.LINE_AA, fraction_bits)
    return as_picture(canvas)


def _blurred(picture: Image.Image) -> Image.Image:
    import cv2

    return as_picture(cv2.GaussianBlur(as_array(picture), (0, 0), max(0.5, TILE_BLUR * min(picture.size))))
