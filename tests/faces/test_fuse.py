"""Fusion on drawn people, whose parts are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.faces.fuse import cloned_into, fused, laid, mixed
from easyphoto.geometry import Box
from easyphoto.images import as_array

Seen = tuple[Image.Image, Face, np.ndarray]


def person(seed: int) -> Seen:
    identity = sample_identity(seed)
    drawing = draw(identity, sample_scene(seed * 16, identity, style="paint", framing="close"), 192)
    face = drawing.faces[0]
    return Image.fromarray(drawing.image), Face(Box(*face.box), face.points, 1.0), drawing.parts


@pytest.fixture(scope="module")
def people() -> tuple[Seen, Seen]:
    return person(9000), person(9108)


def test_at_ratio_0_nothing_changes(people: tuple[Seen, Seen]):
    source, target = people

    result = fused(*source, *target, 0.0)

    assert (as_array(result) == as_array(target[0])).all()


def test_hair_ears_and_background_of_the_target_stay_byte_for_byte(people: tuple[Seen, Seen]):
    source, target = people

    result = fused(*source, *target, 1.0)

    outside = part_mask(target[2], FACE_PARTS) == 0
    assert (as_array(result) == as_array(target[0]))[outside].all()


def test_from_a_half_on_the_features_are_wholly_the_reference_s(people: tuple[Seen, Seen]):
    source, target = people
    over = laid(*source, *target)

    half, whole = (as_array(mixed(target[0], over, ratio)).astype(int) for ratio in (0.5, 1.0))

    heart = (over.features > 0.99) & (over.face > 0.99)
    assert heart.sum() > 300
    assert np.abs(half - whole)[heart].max() <= 2
    assert np.abs(half - whole).max() > 8


def test_the_fused_skin_has_the_target_s_colour(people: tuple[Seen, Seen]):
    source, target = people

    result = as_array(fused(*source, *target, 1.0)).astype(float)

    skin = part_mask(target[2], (Part.SKIN,)) > 0
    assert result[skin].mean(0) == pytest.approx(as_array(target[0])[skin].mean(0), abs=14)


def test_a_face_laid_on_itself_hardly_changes(people: tuple[Seen, Seen]):
    _, target = people

    result = as_array(fused(*target, *target, 1.0)).astype(float)

    inside = part_mask(target[2], FACE_PARTS) > 0
    assert np.abs(result - as_array(target[0]))[inside].mean() < 6


def test_faces_without_common_skin_are_refused(people: tuple[Seen, Seen]):
    source, target = people

    with pytest.raises(ValueError, match="too little skin in common"):
        fused(source[0], source[1], np.zeros_like(source[2]), *target, 0.5)


def test_where_the_seam_cannot_be_solved_the_face_is_laid_on_with_a_note(monkeypatch: pytest.MonkeyPatch):
    import cv2

    def refuse(*_: object) -> None:
        raise cv2.error("no")

    monkeypatch.setattr(cv2, "seamlessClone", refuse)
    region = np.zeros((20, 20), np.float32)
    region[5:15, 5:15] = 1

    picture, notes = cloned_into(np.zeros((20, 20, 3), np.uint8), np.full((20, 20, 3), 9, np.uint8), region)

    assert picture[10, 10].tolist() == [9, 9, 9]
    assert picture[2, 2].tolist() == [0, 0, 0]
    assert "soft edge" in notes[0]
