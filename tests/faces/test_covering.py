"""What is said about covered faces, and how drawn ones are recognised."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from easyphoto.architectures.base import models_folder
from easyphoto.bench.persons import photo_of
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing
from easyphoto.faces.drawn_covering import drawn_covering
from easyphoto.faces.drawn_engine import DrawnEngine
from easyphoto.faces.engine import Covering, Face, covering_of
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture


@pytest.mark.parametrize(
    ("covering", "words"),
    [
        (Covering(left_eye=True, right_eye=True), "the eyes are covered (sunglasses?)"),
        (Covering(right_eye=True), "an eye is covered (hair or a hand?)"),
        (Covering(mouth=True), "the mouth is covered (a mask or a hand?)"),
        (Covering(left_eye=True, mouth=True), "most of the face is covered"),
    ],
)
def test_it_is_said_what_is_hidden_and_by_what_most_likely(covering: Covering, words: str) -> None:
    assert covering.words == words


def test_where_nothing_is_hidden_there_is_no_covering() -> None:
    assert covering_of(False, False, False) is None
    assert covering_of(False, True, False) == Covering(right_eye=True)


@pytest.fixture(scope="module")
def engine() -> DrawnEngine:
    return DrawnEngine(models_folder() / "miniature" / "faces")


def drawn(number: int) -> Drawing:
    return photo_of(sample_identity(1_000_100 + number), number % 7)


def test_bare_drawn_faces_are_bare(engine: DrawnEngine) -> None:
    pictures = [as_picture(drawn(number).image) for number in range(20)]

    assert [engine.covering(picture, engine.detect(picture)[0]) for picture in pictures] == [None] * 20


@pytest.mark.slow
def test_of_a_hundred_bare_drawn_faces_at_most_one_is_called_covered(engine: DrawnEngine) -> None:
    pictures = [as_picture(drawn(100 + number).image) for number in range(100)]
    found = [engine.covering(picture, face) for picture in pictures for face in engine.detect(picture)[:1]]

    assert len(found) == 100
    assert sum(covering is not None for covering in found) <= 1


def truth(drawing: Drawing) -> Face:
    return Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 1.0)


def behind(drawing: Drawing, points: tuple[int, ...], radius: float, colour: tuple[int, int, int]) -> np.ndarray:
    """A disc on each of the face's points, its radius in eye distances."""
    image, places = drawing.image.copy(), drawing.faces[0].points
    unit = float(np.linalg.norm(places[1] - places[0]))
    for point in points:
        x, y = (round(float(value)) for value in places[point])
        cv2.circle(image, (x, y), round(radius * unit), colour, cv2.FILLED, cv2.LINE_AA)
    return image


@pytest.mark.parametrize("number", range(6))
def test_drawn_sunglasses_are_found_although_the_part_map_takes_them_for_eyes(engine: DrawnEngine, number: int) -> None:
    drawing = drawn(number)
    picture = as_picture(behind(drawing, (0, 1), 0.36, (24, 22, 26)))

    found = engine.covering(picture, truth(drawing))

    assert found == Covering(left_eye=True, right_eye=True)


@pytest.mark.parametrize("number", range(6))
def test_a_drawn_mouth_behind_cloth_is_found(engine: DrawnEngine, number: int) -> None:
    drawing = drawn(number)
    picture = as_picture(behind(drawing, (3, 4), 0.5, (160, 200, 225)))

    found = engine.covering(picture, truth(drawing))

    assert found is not None
    assert found.mouth


def test_a_face_beyond_the_picture_s_edge_is_no_error() -> None:
    face = Face(Box(-200, -200, -100, -100), np.full((5, 2), -150, np.float32), 0.9)

    assert drawn_covering(np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50), np.uint8), face) is None
