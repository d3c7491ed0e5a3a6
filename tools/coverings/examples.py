"""Examples for the weights of `easyphoto.faces.photo_covering`: bare faces of photographs, plain and with things on.

Bare ones wear glasses, fringes, beards and hats, too, and all are lit, blurred, reduced and compressed at random, so
that the weights learn what hides a face and not what a good photograph is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from coverings import grown, things, worn
from coverings.canvas import UNIT, Ground
from coverings.laid import Laid, laid
from easyphoto.faces.engine import Face
from easyphoto.faces.yunet import YuNet
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_array, as_picture, read_picture

BARE = ("plain",) * 4 + ("glasses",) * 2 + ("fringe",) * 2 + ("beard", "hat", "microphone", "lipstick", "chin hand")
COVERED = (
    ("mask",) * 3 + ("scarf",) + ("sunglasses",) * 3 + ("hand mouth",) * 2
    + ("hand eye", "hand eyes", "hand side", "hand face", "hair eye", "hair eye", "hair eyes")
    + ("thing",) * 3 + ("mask and sunglasses",)
)  # fmt: skip
_SKINS = ((240, 205, 180), (224, 180, 150), (198, 150, 118), (160, 110, 80), (120, 80, 56), (80, 52, 38))
_LONGEST = 440
_SMALLEST_FACE = 60


@dataclass(frozen=True, eq=False)
class Example:
    kind: str
    is_bare: bool
    hidden: tuple[float, float, float]
    """Shares of the left eye, the right eye and the mouth."""
    picture: Image.Image
    face: Face
    """As the detector finds it on this picture."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One bare face of a photograph with its surroundings."""

    image: np.ndarray
    points: np.ndarray
    width: float


def shot_of(photo: Path, detector: YuNet) -> Shot | None:
    """The photo's largest face; None where there is none of 60 px."""
    picture = read_picture(photo, longest=1600)
    faces = detector.detect(picture)
    if not faces or faces[0].box.width < _SMALLEST_FACE:
        return None
    box, margin = faces[0].box, 0.75 * max(faces[0].box.width, faces[0].box.height)
    area = _within(box, margin, picture)
    crop = picture.crop(area.as_ints())
    scale = min(1.0, _LONGEST / max(crop.size))
    size = (round(crop.width * scale), round(crop.height * scale))
    points = (np.asarray(faces[0].points, np.float64) - area.as_ints()[:2]) * scale
    return Shot(as_array(crop.resize(size, Image.Resampling.BOX)), points, box.width * scale)


def examples_of(
    shot: Shot, detector: YuNet, rng: np.random.Generator, pieces: list[np.ndarray], *, bare: int, covered: int
) -> Iterator[Example]:
    """So many of each, less those on which the detector finds the face no more."""
    kinds = ["plain", *rng.choice(BARE, bare - 1), *rng.choice(COVERED, covered)]
    for number, kind in enumerate(kinds):
        turned = _turned(shot, rng)
        made = dressed(str(kind), turned, rng, pieces)
        unit = float(np.linalg.norm(turned.points[1] - turned.points[0]))
        is_as_taken = kind == "plain" and rng.random() < 0.3
        image = made.picture if is_as_taken else developed(made.picture, unit, rng)
        scale = image.shape[1] / made.picture.shape[1]
        face = _found_again(detector, image, turned.points * scale, unit * scale)
        if face is not None:
            yield Example(str(kind), number < bare, made.covered, as_picture(image), face)


def dressed(kind: str, shot: Shot, rng: np.random.Generator, pieces: list[np.ndarray]) -> Laid:
    """The face with what its kind says on it."""
    if kind == "plain":
        return Laid(shot.image, (0.0, 0.0, 0.0))
    ground = Ground()
    what, _, where = kind.partition(" ")
    match what:
        case "hand":
            paint_hand(ground, shot, where, rng)
        case "hair":
            target = "both eyes" if where == "eyes" else str(rng.choice(("left eye", "right eye")))
            grown.paint_hair(ground, rng, target, _hair(shot) if rng.random() < 0.5 else None)
        case "fringe":
            grown.paint_fringe(ground, rng, _hair(shot) if rng.random() < 0.6 else None)
        case "chin":
            _paint_chin_hand(ground, shot, rng)
        case "thing":
            piece = pieces[int(rng.integers(len(pieces)))] if pieces and rng.random() < 0.45 else None
            things.paint_thing(ground, rng, str(rng.choice(list(things.PLACES))), piece)
        case "beard":
            grown.paint_beard(ground, rng)
        case _:
            for painter in _WORN[kind]:
                painter(ground, rng)
    return laid(shot.image, shot.points, ground, rng)


_WORN = {
    "mask": (worn.paint_mask,), "scarf": (worn.paint_scarf,), "sunglasses": (worn.paint_sunglasses,),
    "mask and sunglasses": (worn.paint_mask, worn.paint_sunglasses), "glasses": (worn.paint_clear_glasses,),
    "hat": (worn.paint_hat,), "lipstick": (worn.paint_lipstick,), "microphone": (worn.paint_microphone,),
}  # fmt: skip


def paint_hand(ground: Ground, shot: Shot, where: str, rng: np.random.Generator) -> None:
    target = str(rng.choice(("left eye", "right eye"))) if where == "eye" else where
    grown.paint_hand(ground, rng, _skin(shot, rng), target)


def _paint_chin_hand(ground: Ground, shot: Shot, rng: np.random.Generator) -> None:
    """A hand at the chin, the mouth above it."""
    over_mouth = Ground()
    grown.paint_hand(over_mouth, rng, _skin(shot, rng), "mouth")
    lower = int(rng.uniform(0.85, 1.2) * UNIT)
    ground.colour[lower:] = over_mouth.colour[:-lower]
    ground.opacity[lower:] = over_mouth.opacity[:-lower]


def developed(image: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """In another light, colour and size, less sharp, with grain, compressed: each by chance."""
    light = image.astype(np.float32) / 255
    if rng.random() < 0.7:
        light = light ** np.exp(rng.normal(0, 0.3))
    if rng.random() < 0.6:
        light = (light - 0.5) * rng.uniform(0.6, 1.35) + 0.5 + rng.normal(0, 0.06)
    if rng.random() < 0.5:
        light = light * np.exp(rng.normal(0, 0.1, 3))
    if rng.random() < 0.15:
        grey = np.repeat((light @ np.array([0.299, 0.587, 0.114]))[..., None], 3, 2)
        light = grey * (np.exp(rng.normal(0, 0.05, 3)) if rng.random() < 0.3 else 1)
    if rng.random() < 0.25:
        across = np.linspace(-1, 1, light.shape[1])[None, :, None] * rng.choice([-1, 1])
        light = light * np.clip(1 + across * rng.uniform(0.2, 0.8), 0.1, 1.6)
    made = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    scale = min(1.0, float(np.exp(rng.uniform(np.log(22), np.log(130)))) / unit) if rng.random() < 0.6 else 1.0
    if scale < 1:
        size = (max(32, round(made.shape[1] * scale)), max(32, round(made.shape[0] * scale)))
        made = cv2.resize(made, size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        made = cv2.GaussianBlur(made, (0, 0), rng.uniform(0.3, 0.02 * unit * scale + 0.5))
    if rng.random() < 0.3:
        made = np.clip(made + rng.normal(0, rng.uniform(1, 9), made.shape), 0, 255).astype(np.uint8)
    return compressed(made, int(rng.integers(30, 95))) if rng.random() < 0.6 else made


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def piece_of(photo: Path, rng: np.random.Generator) -> np.ndarray:
    """Anything at all: a square of some photo, upside down or on its side."""
    image = as_array(read_picture(photo, longest=600))
    side = int(min(image.shape[:2]) * rng.uniform(0.15, 0.5))
    top, left = rng.integers(image.shape[0] - side), rng.integers(image.shape[1] - side)
    piece = image[top : top + side, left : left + side]
    return piece[::-1] if rng.random() < 0.5 else np.rot90(piece)


def _within(box: Box, margin: float, picture: Image.Image) -> Box:
    left, top, right, bottom = box.grown(*(margin,) * 4).as_ints()
    return Box(max(left, 0), max(top, 0), min(right, picture.width), min(bottom, picture.height))


def _turned(shot: Shot, rng: np.random.Generator) -> Shot:
    """In the mirror, or with the head on one side, by chance."""
    image, points = shot.image, shot.points.copy()
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        points[:, 0] = image.shape[1] - 1 - points[:, 0]
        points = points[[1, 0, 2, 4, 3]]
    if rng.random() < 0.3:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-25, 25), 1)
        image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        points = points @ matrix[:, :2].T + matrix[:, 2]
    return Shot(image, points, shot.width)


def _found_again(detector: YuNet, image: np.ndarray, points: np.ndarray, unit: float) -> Face | None:
    """The detector's face whose points lie about there."""
    for face in detector.detect(as_picture(image)):
        if np.linalg.norm(face.points.mean(0) - points.mean(0)) < 0.9 * unit:
            return face
    return None


def _skin(shot: Shot, rng: np.random.Generator) -> np.ndarray:
    """The face's own, or somebody else's, a little lighter or darker."""
    eyes, points = shot.points[:2].mean(0), shot.points
    places = (0.45 * points[0] + 0.55 * points[3], 0.45 * points[1] + 0.55 * points[4], 0.5 * (eyes + points[2]))
    skin = np.median([_colour(shot, place) for place in places], axis=0)
    if rng.random() < 0.3:
        skin = np.asarray(_SKINS[int(rng.integers(len(_SKINS)))], np.float64)
    return np.asarray(skin * rng.uniform(0.85, 1.15))


def _hair(shot: Shot) -> np.ndarray:
    eyes, mouth = shot.points[:2].mean(0), shot.points[3:5].mean(0)
    return _colour(shot, eyes - 1.05 * (mouth - eyes))


def _colour(shot: Shot, place: np.ndarray) -> np.ndarray:
    reach = max(1, int(0.08 * np.linalg.norm(shot.points[1] - shot.points[0])))
    x, y = np.clip(place, 0, np.array(shot.image.shape[1::-1]) - 1).astype(int)
    piece = shot.image[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    return np.median(piece.reshape(-1, 3), axis=0).astype(np.float64)
