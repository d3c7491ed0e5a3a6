"""Limits of what is done and what is said of it, tried on either side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.errors import InputError, NoFaceFound
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, Size
from easyphoto.inference.plan import assigned_faces, face_within, plan_crop, plan_joint, remarks, why_untouched
from tests.fakes import face_at

PICTURE = Size(400, 300)
FAMILY = replace(MINIATURE, resolution=128, crop_factor=2.0, smallest_face=32, latent_multiple=8)
CUT, SIDEWAYS = "it is cut off by the edge of the picture", "it is seen from the side"


def turned(nose: float) -> Face:
    """Its nose stands at that place between the eyes, 0 at the viewer's left one."""
    face = face_at(Box(50, 20, 300, 270))
    points = face.points.copy()
    points[2, 0] = points[0, 0] + nose * (points[1, 0] - points[0, 0])
    return Face(face.box, points, 1.0)


@pytest.mark.parametrize(
    ("nose", "reason", "said"),
    [
        (0.15, SIDEWAYS, True),
        (0.18, None, True),
        (0.28, None, True),
        (0.30, None, False),
        (0.50, None, False),
        (0.70, None, False),
        (0.72, None, True),
        (0.82, None, True),
        (0.85, SIDEWAYS, True),
    ],
)
def test_a_turned_face_is_remarked_and_a_profile_left(nose: float, reason: str | None, *, said: bool) -> None:
    face = turned(nose)

    notes = remarks(plan_crop(face, PICTURE, FAMILY), FAMILY, fused=True)

    assert why_untouched(face, PICTURE, FAMILY) == reason
    assert ("it is turned, so the likeness may suffer" in notes) is said


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (Box(-10, 100, 90, 200), None),
        (Box(-12, 100, 88, 200), None),
        (Box(-14, 100, 86, 200), CUT),
        (Box(310, 100, 410, 200), None),
        (Box(314, 100, 414, 200), CUT),
        (Box(100, -10, 200, 90), None),
        (Box(100, -14, 200, 86), CUT),
        (Box(100, 210, 200, 310), None),
        (Box(100, 214, 200, 314), CUT),
    ],
)
def test_a_face_of_which_an_eighth_lies_beyond_the_picture_is_left(box: Box, reason: str | None) -> None:
    assert why_untouched(face_at(box), PICTURE, FAMILY) == reason


@pytest.mark.parametrize(
    ("point", "reason"),
    [((0, 150), None), ((-1, 150), CUT), ((399, 150), None), ((400, 150), CUT), ((110, 299), None), ((110, 300), CUT),
     ((110, -1), CUT)],
)  # fmt: skip
def test_a_face_with_a_point_beyond_the_picture_is_left(point: tuple[float, float], reason: str | None) -> None:
    face = face_at(Box(100, 100, 200, 200))
    points = face.points.copy()
    points[3] = point

    assert why_untouched(Face(face.box, points, 1.0), PICTURE, FAMILY) == reason


@pytest.mark.parametrize(
    ("width", "reason", "said"),
    [(7, "it is only 7 pixels wide", True), (8, None, True), (15, None, True), (16, None, False)],
)
def test_a_small_face_is_remarked_and_a_tiny_one_left(width: int, reason: str | None, *, said: bool) -> None:
    face = face_at(Box(100, 100, 100 + width, 140))

    notes = remarks(plan_crop(face, PICTURE, FAMILY), FAMILY, fused=True)

    assert why_untouched(face, PICTURE, FAMILY) == reason
    small = f"it is small ({width} pixels wide), so the model makes up the details"
    assert (small in notes) is said


@pytest.mark.parametrize(
    ("fused", "words"),
    [
        (True, "what it paints is enlarged 2.1 times, and finer detail comes from the reference photo"),
        (False, "the face is enlarged 2.1 times and becomes softer than the template"),
    ],
)
def test_an_enlargement_of_more_than_two_is_said(fused: bool, words: str) -> None:
    large, at_the_limit = (plan_crop(face_at(Box(200, 200, 200 + side, 200 + side)), Size(900, 900), FAMILY)
                           for side in (135, 128))  # fmt: skip

    assert remarks(large, FAMILY, fused=fused) == (
        f"miniature paints at 128 pixels, and this part of the picture has 270: {words}",
    )
    assert remarks(at_the_limit, FAMILY, fused=fused) == ()


def test_a_plan_s_scale_goes_from_template_to_network_pixels() -> None:
    plan = plan_crop(face_at(Box(100, 120, 132, 152)), PICTURE, FAMILY)

    assert plan.crop == Box(84, 104, 148, 168)
    assert (plan.scale, plan.enlargement) == (2.0, 0.5)
    assert plan.working_face.box == Box(32, 32, 96, 96)


def test_points_move_with_the_crop_and_keep_to_the_middles_of_pixels() -> None:
    points = np.array([[101, 122], [111, 122], [106, 127], [102, 131], [110, 131]], np.float32)

    moved = face_within(Face(Box(100, 120, 112, 132), points, 0.7), Box(90, 100, 130, 140), 0.5)

    assert moved.points[0].tolist() == [5.25, 10.75]
    assert moved.points.dtype == np.float32
    assert (moved.box, moved.score) == (Box(5, 10, 11, 16), 0.7)


def test_of_two_faces_that_are_alike_the_left_one_is_taken() -> None:
    alike = (face_at(Box(40, 100, 100, 160)), face_at(Box(240, 100, 300, 160)))

    seats, notes = assigned_faces(1, alike, PICTURE, FAMILY)

    assert [seat.face for seat in seats] == [0]
    assert notes == ("Face 2 from the left stays as it is: nobody was assigned to it.",)


def test_a_face_is_the_more_prominent_the_larger_and_the_surer_it_is() -> None:
    large_unsure = face_at(Box(40, 100, 120, 180), score=0.5)
    smaller_sure = face_at(Box(240, 100, 310, 170), score=0.9)

    assert [seat.face for seat in assigned_faces(1, (large_unsure, smaller_sure), PICTURE, FAMILY)[0]] == [1]


def test_who_finds_no_face_that_can_be_done_is_counted() -> None:
    faces = (face_at(Box(40, 100, 100, 160)), face_at(Box(380, 100, 440, 160)))

    seats, notes = assigned_faces(2, faces, PICTURE, FAMILY)

    assert [seat.face for seat in seats] == [0]
    assert notes == (
        f"Face 2 from the left stays as it is: {CUT}.",
        "No suitable face was found for 1 of 2 persons.",
    )


def test_an_assigned_face_that_cannot_be_done_is_refused_where_it_is_the_only_one() -> None:
    faces = (face_at(Box(40, 100, 100, 160)), face_at(Box(380, 100, 440, 160)))

    with pytest.raises(NoFaceFound, match="None of the assigned faces"):
        assigned_faces(1, faces, PICTURE, FAMILY, assignment=(1,))


@pytest.mark.parametrize(
    ("subjects", "faces", "words"),
    [(0, 2, "0 persons were given for 2 faces"), (2, 1, "2 persons were given for 1 face on")]
)  # fmt: skip
def test_as_many_subjects_as_faces_at_most_and_one_at_least(subjects: int, faces: int, words: str) -> None:
    shown = tuple(face_at(Box(left, 100, left + 60, 160)) for left in (40, 240)[:faces])

    with pytest.raises(InputError, match=words):
        assigned_faces(subjects, shown, PICTURE, FAMILY)


def test_a_joint_plan_holds_groups_that_stand_above_one_another() -> None:
    boxes = [Box(150, 180, 210, 240), Box(160, 40, 240, 120), Box(130, 100, 180, 150)]

    plan = plan_joint(boxes, PICTURE, FAMILY)

    # 110 wide from 130 to 240, 200 high from 40 to 240, and a tenth of the shorter side around.
    assert plan.crop == Box(119, 29, 251, 251)
    assert plan.work == Size(128, 216)
    assert plan.enlargement == 132 / 128


def test_a_joint_plan_s_sides_are_whole_latent_cells_and_never_none() -> None:
    plan = plan_joint([Box(0, 140, 400, 144)], PICTURE, replace(FAMILY, resolution=2))

    assert plan.work.height == 8
    assert plan.work.width % 8 == 0
