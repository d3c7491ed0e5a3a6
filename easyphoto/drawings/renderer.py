"""Rendering of drawn people, with the label of every pixel and the position of every face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from easyphoto.drawings import ageing, backgrounds, features, glasses, hair, props, skin
from easyphoto.drawings.canvas import Canvas, Colour, Window, mix, ribbon, shade, shadow
from easyphoto.drawings.frame import Frame, box_of, face_outline, framed
from easyphoto.drawings.identity import DrawnIdentity
from easyphoto.drawings.scene import BACKGROUNDS, Scene, sample_colour

PARTS = ("background", "skin", "brows", "eyes", "nose", "mouth", "ears", "hair", "neck", "clothes")
_NECK, _CLOTHES = 8, 9
_NOISE_GRID = 256
_SMALLEST = 192  # pixels; smaller pictures are drawn at twice their size, since thin lines would merge otherwise


@dataclass(frozen=True)
class DrawnFace:
    """A face in a picture.

    ``box`` is (left, top, right, bottom) in pixels. ``points`` is (5, 2) float32 in pixels: the viewer's left and right
    eye centres, the nose tip, the viewer's left and right mouth corners.
    """

    box: tuple[float, float, float, float]
    points: np.ndarray
    identity: DrawnIdentity


@dataclass(frozen=True)
class Drawing:
    """``image`` (H, W, 3) uint8 RGB, ``parts`` (H, W) uint8 indices into ``PARTS``, and the faces in the picture."""

    image: np.ndarray
    parts: np.ndarray
    faces: tuple[DrawnFace, ...]


def draw(identity: DrawnIdentity, scene: Scene, size: int = 512) -> Drawing:
    """One person in a square picture of ``size`` pixels."""
    if size < _SMALLEST:
        return _halved(draw(identity, scene, 2 * size))
    canvas = _empty_canvas(size, size)
    backgrounds.paint_background(canvas, scene.background, scene.background_colours, scene.seed)
    centre = (scene.cx * size, scene.cy * size)
    face = _paint_person(canvas, identity, scene, centre, scene.face_width * size)
    return Drawing(_developed(canvas.image, scene), canvas.labels, (face,))


def draw_group(people: Sequence[tuple[DrawnIdentity, Scene]], seed: int, width: int, height: int) -> Drawing:
    """One to four people side by side at several scales, without overlapping faces; sizes are in pixels.

    Raises ValueError for another number of people.
    """
    if not 1 <= len(people) <= 4:
        raise ValueError(f"a group has 1 to 4 people, not {len(people)}")
    rng = np.random.default_rng([606, seed])
    canvas = _empty_canvas(height, width)
    first = people[0][1]
    backgrounds.paint_background(canvas, first.background, first.background_colours, first.seed)
    places = _group_places(people, rng, width, height)
    # The smallest people are farthest away and drawn first, so that nearer shoulders cover farther ones.
    faces: dict[int, DrawnFace] = {}
    for index in sorted(range(len(people)), key=lambda i: places[i][2]):
        identity, scene = people[index]
        x, y, face_width = places[index]
        faces[index] = _paint_person(canvas, identity, scene, (x, y), face_width)
    return Drawing(_developed(canvas.image, first), canvas.labels, tuple(faces[i] for i in range(len(people))))


def draw_empty(seed: int, size: int = 512) -> Drawing:
    """A square picture of ``size`` pixels without a face: objects, clothes, round shapes, or a head from behind."""
    if size < _SMALLEST:
        return _halved(draw_empty(seed, 2 * size))
    rng = np.random.default_rng([707, seed])
    canvas = _empty_canvas(size, size)
    colours = (sample_colour(rng), sample_colour(rng), sample_colour(rng))
    backgrounds.paint_background(canvas, BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))], colours, seed)
    props.paint_things(canvas, rng)
    if rng.random() < 0.4:
        _paint_person_from_behind(canvas, rng, size)
    if rng.random() < 0.3:
        canvas.image = cv2.GaussianBlur(canvas.image, (0, 0), 0.003 * size)
    return Drawing(canvas.image, canvas.labels, ())


def _empty_canvas(height: int, width: int) -> Canvas:
    return Canvas(np.zeros((height, width, 3), dtype=np.uint8), np.zeros((height, width), dtype=np.uint8))


def _halved(drawing: Drawing) -> Drawing:
    height, width = drawing.parts.shape
    image = cv2.resize(drawing.image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    faces = tuple(
        DrawnFace(tuple(v / 2 for v in f.box), (f.points + 0.5) / 2 - 0.5, f.identity)  # type: ignore[arg-type]
        for f in drawing.faces
    )
    return Drawing(image, np.ascontiguousarray(drawing.parts[1::2, 1::2]), faces)


def _group_places(
    people: Sequence[tuple[DrawnIdentity, Scene]], rng: np.random.Generator, width: int, height: int
) -> list[tuple[float, float, float]]:
    """Centre and width of each face box in pixels, with one column of the picture per person."""
    column = width / len(people)
    places = []
    for index, (identity, scene) in enumerate(people):
        left, top, right, bottom = box_of(identity, scene.roll)
        ratio = (bottom - top) / (right - left)
        largest = min(0.72 * column, 0.62 * height / ratio)
        face_width = largest * float(rng.uniform(0.55, 1.0))
        free_x = (column - face_width) / 2
        x = (index + 0.5) * column + free_x * float(rng.uniform(-0.6, 0.6))
        free_y = max(0.0, (height - face_width * ratio) / 2 - 2.0)
        y = height / 2 + free_y * float(rng.uniform(-0.5, 0.3))
        places.append((x, y, face_width))
    return places


def _paint_person(
    canvas: Canvas, identity: DrawnIdentity, scene: Scene, centre: tuple[float, float], width: float
) -> DrawnFace:
    frame, box = framed(identity, centre, width, scene.roll, scene.yaw, scene.pitch)
    is_ink = scene.style == "ink"
    ink = features.ink_of(identity) if is_ink else None
    hair_ink = mix(shade(scene.hair, 0.3), (0.08, 0.05, 0.08), 0.6) if is_ink else None
    body = Frame(frame.scale, frame.x, frame.y, 0.35 * frame.roll, 0.0, 0.0)
    hair.paint_back(canvas, frame, scene.hair_form, scene.hair, hair_ink, scene.seed)
    _paint_body(canvas, body, identity, scene, ink)
    features.paint_ears(canvas, frame, identity, is_ink)
    _paint_face(canvas, frame, identity, scene, ink)
    if scene.glasses:
        glasses.paint_glasses(canvas, frame, identity, scene.glasses, scene.seed)
    hair.paint_front(
        canvas, frame, scene.hair_form, scene.hair, hair_ink, features.brow_top(identity, scene), scene.seed
    )
    return DrawnFace(box, _points(frame, identity, scene), identity)


def _points(frame: Frame, identity: DrawnIdentity, scene: Scene) -> np.ndarray:
    mouth = features.mouth_curves(identity, scene)[1][[0, -1]]
    rows = [
        frame.feature(features.eye_centre(identity, -1.0)),
        frame.feature(features.eye_centre(identity, 1.0)),
        frame.feature(features.nose_tip(identity), features.NOSE_DEPTH),
        frame.feature(mouth, 0.12),
    ]
    return np.concatenate(rows).astype(np.float32)


def _paint_face(canvas: Canvas, frame: Frame, identity: DrawnIdentity, scene: Scene, ink: Colour | None) -> None:
    outline = frame.rigid(face_outline(identity, 0.06 * scene.mouth_open))
    if ink is not None:
        canvas.fill(ribbon(np.concatenate([outline, outline[:1]]), 0.055 * frame.scale), ink, 1)
    texture, matrix = skin.face_texture(frame, identity, scene)

    def paint(inner: Canvas) -> None:
        assert isinstance(inner, Window)
        inner.warp(texture, matrix)
        if ink is not None:
            skin.paint_cel_shadow(inner, frame, identity, scene)

    canvas.clipped(outline, paint, 1)
    ageing.paint_years(canvas, frame, identity, scene)
    features.paint_marks(canvas, frame, identity)
    features.paint_nose(canvas, frame, identity, scene)
    for side in (-1.0, 1.0):
        features.paint_eye(canvas, frame, identity, scene, side)
        features.paint_brow(canvas, frame, identity, scene, side)
    features.paint_mouth(canvas, frame, identity, scene)


def _paint_body(canvas: Canvas, body: Frame, identity: DrawnIdentity, scene: Scene, ink: Colour | None) -> None:
    chin = identity.chin_length
    neck_width = (0.26 + 0.34 * identity.jaw_width) * ageing.neck_factor(identity)
    shoulder = ageing.shoulder_width(identity)
    neck = np.array(
        [(-neck_width, 0.7 * chin), (neck_width, 0.7 * chin), (neck_width + 0.05, chin + 0.75), (0.0, chin + 1.15)]
        + [(-neck_width - 0.05, chin + 0.75)]
    )
    if ink is not None:
        canvas.fill(body.rigid(neck * (1.07, 1.0)), ink, _NECK)
    canvas.fill(body.rigid(neck), shadow(identity.skin, 0.86), _NECK)
    throat = np.array(
        [(-neck_width, 0.6 * chin), (neck_width, 0.6 * chin), (neck_width, chin + 0.06), (0.0, chin + 0.26)]
    )
    throat = np.concatenate([throat, [(-neck_width, chin + 0.06)]])
    canvas.fill(body.rigid(throat), shadow(identity.skin, 0.64), _NECK)
    props.paint_clothes(canvas, body, scene, chin + 0.24, neck_width, shoulder, ink, _CLOTHES)


def _paint_person_from_behind(canvas: Canvas, rng: np.random.Generator, size: int) -> None:
    scale = size * float(rng.uniform(0.1, 0.24))
    frame = Frame(scale, size * float(rng.uniform(0.3, 0.7)), size * float(rng.uniform(0.35, 0.55)), 0.0, 0.0, 0.0)
    props.paint_head_from_behind(canvas, frame, rng, hair.HAIR, _NECK, _CLOTHES)


def _developed(image: np.ndarray, scene: Scene) -> np.ndarray:
    """The picture with light colour, blur and noise applied; blur and noise scale with the picture's size."""
    gain = scene.brightness * np.array([1.0 + 0.07 * scene.warmth, 1.0, 1.0 - 0.09 * scene.warmth])
    table = np.clip(np.rint(np.arange(256)[:, None] * gain), 0, 255).astype(np.uint8)[None]
    image = cv2.LUT(image, table)
    height, width = image.shape[:2]
    if scene.blur * width >= 0.3:
        image = cv2.GaussianBlur(image, (0, 0), scene.blur * width)
    if scene.noise > 0.0:
        grain = np.roll(_GRAIN, (scene.seed * 37 % 256, scene.seed * 101 % 256), axis=(0, 1)) * np.float32(
            255 * scene.noise
        )
        if (height, width) != grain.shape:
            grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
        step = np.rint(grain).astype(np.int16)
        image = cv2.add(image, cv2.merge([step, step, step]), dtype=cv2.CV_8U)
    return image


_GRAIN = np.random.default_rng(808).standard_normal((_NOISE_GRID, _NOISE_GRID)).astype(np.float32)
