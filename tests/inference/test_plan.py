"""Who sits where: plain arithmetic with the results written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.errors import InputError, NoFaceFound
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, Size
from easyphoto.inference.plan import (
    FaceAssignment,
    assigned_faces,
    face_within,
    from_the_left,
    plan_crop,
    plan_joint,
    remarks,
    why_unusable,
)
from tests.fakes import face_at

PICTURE = Size(400, 300)
# The laws are tested at fixed factors, whatever the families' own become.
SMALL, LARGE = replace(MINIATURE, crop_factor=1.7), replace(SD15, crop_factor=3.0)
LEFT, RIGHT = face_at(Box(40, 100, 100, 180)), face_at(Box(240, 100, 300, 180))


def test_the_crop_is_1_7_face_lengths_around_the_face():
    plan = plan_crop(RIGHT, PICTURE, SMALL)

    assert plan.crop == Box(202, 72, 338, 208)
    assert plan.work == Size(128, 128)
    assert plan.enlargement == pytest.approx(1.0625)


def test_a_crop_of_3_face_lengths_stays_in_the_picture():
    plan = plan_crop(LEFT, PICTURE, LARGE)

    assert plan.crop == Box(0, 20, 240, 260)
    assert plan.work == Size(512, 512)


def test_a_face_in_a_crop_of_twice_the_size_has_its_points_at_pixel_middles():
    face = Face(Box(10, 20, 30, 40), np.array([[15, 25]] * 5, np.float32), 1.0)

    moved = face_within(face, Box(10, 20, 50, 60), 2.0)

    assert moved.box == Box(0, 0, 40, 40)
    assert moved.points[0].tolist() == [10.5, 10.5]


def test_faces_count_from_the_left():
    assert from_the_left((RIGHT, LEFT)) == (LEFT, RIGHT)


def passer_by(*, score: float = 0.99) -> Face:
    """A small face at the left edge, 20 by 25 pixels."""
    return face_at(Box(5, 20, 25, 45), score=score)


def test_with_one_person_the_portrait_is_taken_and_not_the_passer_by_to_its_left():
    seats, notes = assigned_faces(1, (passer_by(), RIGHT), PICTURE, MINIATURE)

    assert seats == (FaceAssignment(subject=0, face=1),)
    assert notes == ("Face 1 from the left stays as it is: nobody was assigned to it.",)


def test_with_two_persons_the_two_largest_of_three_faces_are_taken_from_the_left():
    seats, _ = assigned_faces(2, (passer_by(), LEFT, RIGHT), PICTURE, MINIATURE)

    assert seats == (FaceAssignment(subject=0, face=1), FaceAssignment(subject=1, face=2))


def test_of_two_faces_of_one_size_the_surer_one_is_taken():
    unsure = Face(LEFT.box, LEFT.points, 0.62)

    seats, _ = assigned_faces(1, (unsure, RIGHT), PICTURE, MINIATURE)

    assert seats == (FaceAssignment(subject=0, face=1),)


def test_a_surer_passer_by_does_not_win_over_the_portrait():
    portrait = Face(RIGHT.box, RIGHT.points, 0.70)

    seats, _ = assigned_faces(1, (passer_by(score=1.0), portrait), PICTURE, MINIATURE)

    assert seats == (FaceAssignment(subject=0, face=1),)


def test_a_covered_face_stays_as_it_is_with_the_reason():
    seats, notes = assigned_faces(
        1, (LEFT, RIGHT), PICTURE, MINIATURE, covered=("the eyes are covered (sunglasses?)", None)
    )

    assert seats == (FaceAssignment(subject=0, face=1),)
    assert notes == ("Face 1 from the left stays as it is: the eyes are covered (sunglasses?).",)


def test_a_template_whose_only_face_is_covered_is_refused_with_the_reason_and_what_to_do():
    with pytest.raises(NoFaceFound, match=r"face 1: the mouth is covered \(a mask or a hand\?\)") as caught:
        assigned_faces(1, (LEFT,), PICTURE, MINIATURE, covered=("the mouth is covered (a mask or a hand?)",))

    assert caught.value.advice == "Choose another template, or add --paint-covered (in the tab: Paint covered faces)."


def test_a_covered_face_that_was_assigned_is_painted_and_that_is_said():
    seats, notes = assigned_faces(
        1, (LEFT, RIGHT), PICTURE, MINIATURE, assignment=(0,), covered=("an eye is covered", None)
    )

    assert seats == (FaceAssignment(subject=0, face=0),)
    assert notes == (
        "Face 2 from the left stays as it is: nobody was assigned to it.",
        "Face 1 from the left: an eye is covered; it was painted anyway, as assigned.",
    )


def test_an_assignment_to_a_bare_face_leaves_the_covered_one_with_its_reason():
    _, notes = assigned_faces(
        1, (LEFT, RIGHT), PICTURE, MINIATURE, assignment=(1,), covered=("an eye is covered", None)
    )

    assert notes == ("Face 1 from the left stays as it is: an eye is covered.",)


def test_the_largest_face_is_passed_over_where_it_cannot_be_done():
    points = RIGHT.points.copy()
    points[2, 0] = points[0, 0]
    sideways = Face(RIGHT.box, points, 1.0)

    seats, notes = assigned_faces(1, (passer_by(), sideways), PICTURE, MINIATURE)

    assert seats == (FaceAssignment(subject=0, face=0),)
    assert notes == ("Face 2 from the left stays as it is: it is seen from the side.",)


def test_an_assignment_may_name_the_smaller_face():
    seats, _ = assigned_faces(1, (passer_by(), RIGHT), PICTURE, MINIATURE, assignment=(0,))

    assert seats == (FaceAssignment(subject=0, face=0),)


def test_persons_take_the_faces_from_the_left_and_the_rest_is_noted():
    seats, notes = assigned_faces(1, (LEFT, RIGHT), PICTURE, MINIATURE)

    assert seats == (FaceAssignment(subject=0, face=0),)
    assert notes == ("Face 2 from the left stays as it is: nobody was assigned to it.",)


def test_an_assignment_names_the_faces():
    seats, notes = assigned_faces(2, (LEFT, RIGHT), PICTURE, MINIATURE, assignment=(1, 0))

    assert seats == (FaceAssignment(subject=1, face=0), FaceAssignment(subject=0, face=1))
    assert notes == ()


@pytest.mark.parametrize("assignment", [(0,), (0, 0), (0, 2), (-1, 0)])
def test_an_assignment_that_does_not_fit_is_refused(assignment: tuple[int, ...]):
    with pytest.raises(InputError, match="a face of their own"):
        assigned_faces(2, (LEFT, RIGHT), PICTURE, MINIATURE, assignment=assignment)


def test_more_persons_than_faces_are_refused():
    with pytest.raises(InputError, match="3 persons were given for 2 faces"):
        assigned_faces(3, (LEFT, RIGHT), PICTURE, MINIATURE)


def test_a_template_without_a_face_is_refused():
    with pytest.raises(NoFaceFound, match="no face"):
        assigned_faces(1, (), PICTURE, MINIATURE)


def profile() -> Face:
    points = LEFT.points.copy()
    points[2, 0] = points[0, 0]
    return Face(LEFT.box, points, 1.0)


@pytest.mark.parametrize(
    ("face", "reason"),
    [
        (profile(), "it is seen from the side"),
        (face_at(Box(-30, 100, 40, 180)), "it is cut off by the edge of the picture"),
        (face_at(Box(10, 10, 17, 18)), "it is only 7 pixels wide"),
    ],
    ids=["profile", "cut", "tiny"],
)
def test_a_face_that_cannot_be_done_well_is_left_alone_and_said(face: Face, reason: str):
    seats, notes = assigned_faces(1, (face, RIGHT), PICTURE, MINIATURE)

    assert seats == (FaceAssignment(subject=0, face=1),)
    assert notes == (f"Face 1 from the left stays as it is: {reason}.",)


def test_where_no_face_can_be_done_the_reasons_are_the_error():
    with pytest.raises(NoFaceFound, match="face 1: it is seen from the side"):
        assigned_faces(1, (profile(),), PICTURE, MINIATURE)


def test_an_enlargement_beyond_two_is_said():
    face = face_at(Box(200, 200, 400, 440))

    said = remarks(plan_crop(face, Size(1000, 1000), SMALL), SMALL, fused=False)

    assert said == (
        "miniature paints at 128 pixels, and this part of the picture has 408: "
        "the face is enlarged 3.2 times and becomes softer than the template",
    )


def test_the_joint_crop_holds_all_faces_and_its_sides_are_latent_multiples():
    plan = plan_joint([Box(10, 50, 110, 150), Box(200, 40, 320, 160)], PICTURE, MINIATURE)

    assert plan.crop == Box(0, 28, 332, 172)
    assert plan.work == Size(296, 128)


COVERED = "sunglasses hide the eyes"


@pytest.mark.parametrize(
    ("people", "faces", "covered", "why"),
    [
        (1, (RIGHT,), (), None),
        (2, (LEFT, RIGHT), (), None),
        (1, (), (), "it shows no face"),
        (2, (), (), "it shows no face"),
        (1, (LEFT, RIGHT), (), "it shows 2 faces for 1 person"),
        (3, (LEFT, RIGHT), (), "it shows 2 faces for 3 persons"),
        (2, (LEFT,), (), "it shows 1 face for 2 persons"),
        (1, (RIGHT,), (COVERED,), "face 1: sunglasses hide the eyes"),
        (2, (LEFT, RIGHT), (None, COVERED), "face 2: sunglasses hide the eyes"),
        (1, (face_at(Box(100, 100, 131, 140)),), (), "face 1: it is only 31 pixels wide"),
        (1, (face_at(Box(-60, 100, 20, 200)),), (), "face 1: it is cut off by the edge of the picture"),
    ],
)
def test_a_drawing_needs_as_many_faces_as_persons_and_each_must_be_one_that_can_be_painted(people, faces, covered, why):
    assert why_unusable(people, faces, PICTURE, LARGE, covered=covered) == why
