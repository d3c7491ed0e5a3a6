"""How far a result is from the truth: laws on pictures whose distance is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from easyphoto.bench.persons import draw_member
from easyphoto.bench.truth import Pair, contour_length, detail, face_of, outline_distance, pairs_of, rim


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return list(pairs_of(draw_member(0)))


def test_two_templates_have_the_person_s_skin_and_two_another(pairs: list[Pair]):
    person = draw_member(0).identity

    skins = [pair.template.faces[0].identity.skin == person.skin for pair in pairs]

    assert [pair.matched for pair in pairs] == skins == [True, True, False, False]
    assert all(pair.truth.faces[0].identity == person for pair in pairs)


def test_the_truth_has_the_template_s_background_and_clothes(pairs: list[Pair]):
    pair = pairs[0]

    corners = [pair.truth.image[:20, :20] == pair.template.image[:20, :20]]
    corners.append(pair.truth.image[-20:, -20:] == pair.template.image[-20:, -20:])

    assert all(corner.all() for corner in corners)


def test_the_template_itself_has_no_rim_and_the_truth_no_distance(pairs: list[Pair]):
    for pair in pairs:
        assert rim(pair.template.image, pair) == 0
        assert outline_distance(pair.truth.image, pair) == 0
        assert detail(pair.truth.image, pair) == 1


def test_the_template_s_outline_is_as_far_off_as_its_area_says(pairs: list[Pair]):
    pair = pairs[0]
    hair = (pair.template.parts == 7) | (pair.truth.parts == 7)
    area = ((face_of(pair.template) != face_of(pair.truth)) & ~hair).sum()

    far = outline_distance(pair.template.image, pair)

    assert far == pytest.approx(area / contour_length(pair.truth) / pair.width)
    assert 0.001 < far < 0.1


def test_paint_just_outside_both_faces_is_a_rim_and_paint_far_away_is_none(pairs: list[Pair]):
    pair = pairs[0]
    both = np.maximum(face_of(pair.template, ears=True), face_of(pair.truth, ears=True)).astype(np.uint8)
    beyond = cv2.dilate(both, np.ones((9, 9), np.uint8)) - both
    near, far = pair.template.image.copy(), pair.template.image.copy()
    near[beyond > 0] = 255 - near[beyond > 0]
    far[:30, :30] = 0

    assert rim(near, pair) > 5
    assert rim(far, pair) == 0


def test_another_skin_s_neck_is_no_rim(pairs: list[Pair]):
    pair = pairs[2]
    painted = pair.template.image.copy()
    painted[(pair.template.parts == 8) | (pair.truth.parts == 8)] = (200, 30, 30)

    assert rim(painted, pair) == 0


def test_a_blur_takes_detail_away(pairs: list[Pair]):
    pair = pairs[0]

    assert detail(cv2.GaussianBlur(pair.truth.image, (0, 0), 2.5), pair) < 0.5
