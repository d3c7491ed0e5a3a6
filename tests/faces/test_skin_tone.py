"""Whose skin it is, and whose light."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.faces.engine import Part
from easyphoto.faces.skin_tone import SkinTone, change_of, common_tone, recoloured_skin, skin_level
from easyphoto.geometry import Box
from easyphoto.images.srgb import as_bytes, linear
from tests.fakes import face_at

FACE = face_at(Box(20, 20, 100, 120))
BROWN, PALE = np.log([0.20, 0.10, 0.06]), np.log([0.75, 0.55, 0.45])
FREE = np.ones((160, 120), np.float32)


def head(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a face with neck and eyes on blue, and its part map."""
    labels = np.zeros((160, 120), np.uint8)
    labels[20:120, 20:100] = Part.SKIN
    labels[120:150, 40:80] = Part.NECK
    labels[55:65, 35:50] = Part.EYES
    picture = np.full((160, 120, 3), (40, 60, 140), np.uint8)
    picture[(labels == Part.SKIN) | (labels == Part.NECK)] = as_bytes(np.exp(level))
    picture[labels == Part.EYES] = 245
    return picture, labels


def test_skin_is_read_above_the_mouth_because_a_beard_is_no_other_skin():
    picture, labels = head(PALE)
    bearded = picture.copy()
    bearded[92:120, 20:100] = 40

    clean, found = (skin_level(each, (labels == Part.SKIN).astype(np.float32), FACE) for each in (picture, bearded))

    assert found == pytest.approx(clean, abs=1e-6)
    assert found == pytest.approx(PALE, abs=0.02)


def test_light_s_part_is_how_much_a_person_s_photos_differ_and_never_less_than_light_does():
    same, varied = common_tone([BROWN] * 4), common_tone([BROWN - 0.3, BROWN, BROWN + 0.3])

    assert (same.brightness, same.hue) == (0.10, 0.06)
    assert varied.brightness == pytest.approx(0.3)
    assert varied.level == pytest.approx(BROWN)
    assert common_tone([]) is None


def test_what_light_explains_is_left_to_the_template():
    tone = SkinTone(BROWN, 0.15, 0.10)

    assert change_of(tone, BROWN + 0.35).tolist() == [0, 0, 0]


def test_a_black_and_white_template_has_no_other_hue_and_black_and_white_photos_no_tone():
    tone, grey = SkinTone(BROWN, 0.15, 0.10), np.full(3, BROWN.mean())

    assert change_of(tone, grey).tolist() == [0, 0, 0]
    assert np.ptp(change_of(tone, grey + 1.0)) == 0
    assert common_tone([grey]) is None
    mixture = common_tone([grey, BROWN, grey + 0.5])
    assert mixture is not None
    assert mixture.level == pytest.approx(BROWN)


def test_another_skin_becomes_the_person_s():
    tone = SkinTone(BROWN, 0.15, 0.10)

    assert PALE + change_of(tone, PALE) == pytest.approx(BROWN)


@pytest.mark.parametrize(("before", "after"), [(PALE, BROWN), (BROWN, PALE)])
def test_face_and_neck_get_the_skin_and_nothing_else_changes(before: np.ndarray, after: np.ndarray):
    picture, labels = head(before)

    made, area = recoloured_skin(picture, labels, before, after - before, width=80, free=FREE)

    for row, column in ((90, 60), (135, 60)):
        assert np.log(linear(made[row, column])) == pytest.approx(after, abs=0.08)
        assert area[row, column] == 1
    assert made[60, 42].tolist() == [245, 245, 245]
    assert (made[area == 0] == picture[area == 0]).all()
    assert area[:, :14].max() == 0


def test_where_nothing_may_change_nothing_does():
    picture, labels = head(PALE)
    free = FREE.copy()
    free[:, 60:] = 0

    made, area = recoloured_skin(picture, labels, PALE, BROWN - PALE, width=80, free=free)

    assert (made[:, 60:] == picture[:, 60:]).all()
    assert area[:, 60:].max() == 0
