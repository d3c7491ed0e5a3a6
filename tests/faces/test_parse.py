"""Parts of a face from five points and GrabCut, on drawings whose true parts are known."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.faces.face_view import FaceFrame
from easyphoto.faces.parse import landmark_parts
from easyphoto.geometry import Box


@pytest.fixture(scope="module", params=[11, 12, 13])
def drawn(request: pytest.FixtureRequest) -> Drawing:
    identity = sample_identity(request.param)
    return draw(identity, sample_scene(request.param, identity, style="paint"), 256)


def face_of(drawing: Drawing) -> Face:
    return Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 1.0)


def test_the_face_region_is_found_nearly_where_it_is(drawn: Drawing) -> None:
    found = part_mask(landmark_parts(drawn.image, face_of(drawn)), FACE_PARTS) > 0
    true = part_mask(drawn.parts, FACE_PARTS) > 0

    assert (found & true).sum() / (found | true).sum() > 0.65


def test_every_point_lies_in_its_part(drawn: Drawing) -> None:
    labels = landmark_parts(drawn.image, face_of(drawn))

    columns, rows = np.round(face_of(drawn).points).astype(int).T
    assert labels[rows[:3], columns[:3]].tolist() == [Part.EYES, Part.EYES, Part.NOSE]
    middle = face_of(drawn).points[3:].mean(0).round().astype(int)
    assert labels[middle[1], middle[0]] == Part.MOUTH


def test_the_same_picture_gives_the_same_parts(drawn: Drawing) -> None:
    one, other = (landmark_parts(drawn.image, face_of(drawn)) for _ in range(2))

    assert (one == other).all()


def test_a_face_outside_the_picture_has_no_parts_and_does_not_crash() -> None:
    points = np.full((5, 2), 400, np.float32)

    labels = landmark_parts(np.zeros((50, 60, 3), np.uint8), Face(Box(390, 390, 410, 410), points, 0.5))

    assert labels.shape == (50, 60)
    assert not labels.any()


def test_the_frame_stands_between_the_eyes_and_turns_with_them() -> None:
    frame = FaceFrame.of(np.array([[10, 10], [10, 30], [0, 20], [-12, 12], [-12, 28]]))

    assert frame.origin.tolist() == [10, 20]
    assert frame.unit == pytest.approx(20, abs=0.5)
    # The eyes stand above each other: down the face is to the picture's left.
    assert frame.place(0, 1) == pytest.approx([10 - frame.unit, 20])


def test_a_mask_of_everybody_gives_the_one_person_without_the_neighbour_s_head(drawn: Drawing) -> None:
    face = face_of(drawn)
    everybody = np.ones(drawn.image.shape[:2], np.float32)

    labels = landmark_parts(drawn.image, face, everybody)

    rows, columns = np.nonzero(labels == Part.HAIR)
    reach = np.hypot(columns - face.box.centre[0], rows - face.box.centre[1]).max()
    # The crop reaches 1.2 face lengths to each side and 1.7 into its corners; hair ends before them.
    assert reach < 1.4 * max(face.box.width, face.box.height)
    assert part_mask(labels, FACE_PARTS).any()


def test_a_mask_of_nobody_leaves_the_middle_of_the_face(drawn: Drawing) -> None:
    labels = landmark_parts(drawn.image, face_of(drawn), np.zeros(drawn.image.shape[:2], np.float32))

    assert part_mask(labels, FACE_PARTS).any()
    assert not part_mask(labels, (Part.CLOTHES,)).any()
