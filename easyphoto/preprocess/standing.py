"""Finds out how a picture stands, by its faces: photos and templates also lie on their side, without a word in EXIF."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face, FaceEngine
from easyphoto.geometry import Box, Size

# With an upright face (eyes above mouth) of this score the picture is not tried in other orientations. YuNet gives
# upright faces 0.93 to 0.95 and still finds lying ones, with five upright points, at up to 0.89.
_STRONG = 0.92
# How much higher a turned picture must score: a wrong guess costs less where the photo stays upright.
_CLEARLY = 0.02
# YuNet looks for small faces at this size; the turns of a larger picture are compared at it.
_LONGEST = 1600
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


def turned(picture: Image.Image, rotation: int) -> Image.Image:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees."""
    return picture if rotation == 0 else picture.transpose(_TURNS[rotation])


def upright_faces(picture: Image.Image, engine: FaceEngine) -> tuple[int, tuple[Face, ...]]:
    """The quarter turn (degrees) with the highest detector score and the turned picture's faces; 0 unless another is
    clearly better.
    """
    best = (0, engine.detect(picture))
    score = _standing(best[1])
    if score >= _STRONG:
        return best
    small, needed = _reduced(picture), score + _CLEARLY
    for rotation in (90, 180, 270):
        faces = engine.detect(turned(small, rotation))
        if _standing(faces) > needed:
            best, needed = (rotation, faces), _standing(faces)
        if needed >= _STRONG:
            break
    if best[0] and small is not picture:
        return best[0], engine.detect(turned(picture, best[0]))
    return best


def turned_back(face: Face, rotation: int, upright: Size) -> Face:
    """A face of the picture turned by `rotation`, which has the size `upright`, in pixels of the picture as it lies."""
    box, points = face.box, np.asarray(face.points, np.float64)
    x, y, right, bottom = points[:, 0], points[:, 1], upright.width - 1, upright.height - 1
    if rotation == 90:
        box = Box(box.top, upright.width - box.right, box.bottom, upright.width - box.left)
        points = np.column_stack([y, right - x])
    elif rotation == 180:
        box = Box(
            upright.width - box.right, upright.height - box.bottom, upright.width - box.left, upright.height - box.top
        )
        points = np.column_stack([right - x, bottom - y])
    elif rotation == 270:
        box = Box(upright.height - box.bottom, box.left, upright.height - box.top, box.right)
        points = np.column_stack([bottom - y, x])
    return replace(face, box=box, points=points.astype(np.float32))


def _reduced(picture: Image.Image) -> Image.Image:
    if max(picture.size) <= _LONGEST:
        return picture
    small = picture.copy()
    small.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX)
    return small


def _standing(faces: tuple[Face, ...]) -> float:
    """The best score of an upright face; a face that lies or stands on its head counts half."""
    return max((face.score * (1.0 if _is_upright(face) else 0.5) for face in faces), default=0.0)


def _is_upright(face: Face) -> bool:
    points = np.asarray(face.points, np.float64)
    down = points[3:5].mean(0) - points[:2].mean(0)
    return bool(down[1] > abs(down[0]))
