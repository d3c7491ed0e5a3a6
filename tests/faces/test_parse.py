"""Parts of a face from five points: on drawings whose true parts are known, and on heads painted like photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import Drawing, draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.faces.engine import FACE_PARTS, Face, Part, part_mask
from easyphoto.faces.face_view import FaceFrame
from easyphoto.faces.parse import landmark_parts
from easyphoto.geometry import Box, transformed
from easyphoto.images.masks import dilated
from tests.faces.painted_face import HAIR, LIPS, ORIGIN, SKIN, UNIT, Painting, face_at, filled, head, oval, places


@pytest.fixture(scope="module", params=[11, 12, 13])
def drawn(request: pytest.FixtureRequest) -> Drawing:
    identity = sample_identity(request.param)
    return draw(identity, sample_scene(request.param, identity, style="paint"), 256)


def face_of(drawing: Drawing) -> Face:
    return Face(Box(*drawing.faces[0].box), drawing.faces[0].points, 1.0)


def test_the_face_region_is_found_nearly_where_it_is(drawn: Drawing) -> None:
    found = part_mask(landmark_parts(drawn.image, face_of(drawn)), FACE_PARTS) > 0
    true = part_mask(drawn.parts, FACE_PARTS) > 0

    assert (found & true).sum() / (found | true).sum() > 0.85


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


def labels_of(painting: Painting, face: Face | None = None) -> np.ndarray:
    return landmark_parts(painting.photograph(), face or face_at())


def share(labels: np.ndarray, where: np.ndarray, *parts: Part) -> float:
    """How much of a place has one of these labels."""
    return float(part_mask(labels, parts)[where].mean())


def middle_of(labels: np.ndarray, part: Part, side: int) -> np.ndarray:
    """u and v of the middle of what carries the label left (-1) or right (1) of the face's middle."""
    u, v = places()
    here = (labels == part) & (np.sign(u) == side)
    return np.array([u[here].mean(), v[here].mean()])


def inner(mask: np.ndarray, by: float = 0.08) -> np.ndarray:
    """Without its rim: where exactly a soft edge lies is nobody's question."""
    return dilated(mask.astype(np.float32), -by * UNIT) > 0


def test_a_plain_face_has_all_its_parts() -> None:
    u, v = places()

    labels = labels_of(head())

    assert share(labels, inner(oval() & (v > -0.9)), *FACE_PARTS) > 0.98
    assert share(labels, (np.abs(u) < 0.4) & (v > -1.6) & (v < -1.3), Part.HAIR) > 0.95
    assert share(labels, np.hypot((np.abs(u) - 1.12) / 0.06, (v - 0.25) / 0.2) < 1, Part.EARS) > 0.9
    assert share(labels, (np.abs(u) < 0.4) & (v > 2.0) & (v < 2.2), Part.NECK) > 0.95
    assert share(labels, (np.abs(u) < 1.5) & (v > 3.0), Part.CLOTHES) > 0.95
    assert share(labels, np.abs(u) > 2.6, Part.BACKGROUND) == 1.0


def test_a_lock_over_temple_eye_and_cheek_is_hair_and_the_rest_stays_face() -> None:
    lock = filled((-0.3, -1.1), (-1.1, -0.9), (-1.15, 0.9), (-0.85, 0.9), (-0.55, 0.5), (-0.35, -0.4))
    painting = head()
    painting.strands(lock)
    u, v = places()

    labels = labels_of(painting)

    assert share(labels, inner(lock & oval() & (v > -0.9)), Part.HAIR) > 0.9
    assert share(labels, inner(oval() & (u > -0.2) & (v > -0.9)), *FACE_PARTS) > 0.97


def test_fair_hair_over_the_temple_is_told_from_skin_of_nearly_its_colour() -> None:
    lock = filled((-0.2, -1.2), (-1.2, -1.0), (-1.15, 0.6), (-0.95, 0.6), (-0.7, 0.0), (-0.6, -0.5))
    painting = head()
    u, v = places()
    for where in ((np.hypot(u / 1.2, (v + 0.2) / 1.55) < 1) & ~oval() & (v < 0.1), lock):
        painting.strands(where, (196, 162, 108))

    labels = labels_of(painting)

    assert share(labels, inner(lock & oval() & (v > -0.9)), Part.HAIR) > 0.85
    assert share(labels, inner(oval() & (u > -0.3) & (v > -0.8)), *FACE_PARTS) > 0.97


def test_a_fringe_down_to_the_brows_is_hair() -> None:
    painting = head()
    fringe = oval() & (places()[1] < -0.4)
    painting.strands(fringe)

    labels = labels_of(painting)

    assert share(labels, inner(fringe), Part.HAIR) > 0.97
    assert share(labels, inner(oval() & (places()[1] > -0.15)), *FACE_PARTS) > 0.97


@pytest.mark.parametrize("above", [0.15, 0.2, 0.34, 0.45])
def test_brows_are_found_as_high_as_they_are(above: float) -> None:
    labels = labels_of(head(brow=above))

    for side in (-1, 1):
        u, v = middle_of(labels, Part.BROWS, side)
        assert v == pytest.approx(-above, abs=0.04)
        assert u == pytest.approx(side * 0.5, abs=0.08)


def test_brows_that_rise_outwards_are_found_with_their_slant() -> None:
    painting, (u, v) = head(brow=None), places()
    painting.lay((np.abs(np.abs(u) - 0.5) < 0.32) & (np.abs(v + 0.25 + 0.3 * (np.abs(u) - 0.5)) < 0.05), (70, 50, 40))

    labels = labels_of(painting)

    brow = (labels == Part.BROWS) & (u > 0)
    slope = np.polyfit(u[brow], v[brow], 1)[0]
    assert slope == pytest.approx(-0.3, abs=0.06)


def test_where_no_brows_are_seen_they_are_where_brows_usually_are() -> None:
    labels = labels_of(head(brow=None))

    for side in (-1, 1):
        assert middle_of(labels, Part.BROWS, side)[1] == pytest.approx(-0.23, abs=0.08)


def test_a_beard_is_face() -> None:
    painting, (u, v) = head(), places()
    lips = np.hypot(u / 0.42, (v - 1.12) / 0.14) < 1
    beard = oval() & ~lips & (v > 0.8) & ((np.abs(u) > 0.3) | (v > 0.95))
    painting.strands(beard, (74, 54, 44))

    labels = labels_of(painting)

    assert share(labels, inner(beard), *FACE_PARTS) > 0.97


def test_light_from_one_side_turns_no_half_of_a_face_into_hair() -> None:
    painting, (u, v) = head(), places()
    # Down to a third of the light, which is as dark as this hair is where it shines.
    painting.shade(oval() & (u > 0.05), np.clip(1 - 0.9 * (u - 0.05), 0.35, 1))

    labels = labels_of(painting)

    assert share(labels, inner(oval() & (u > 0) & (v > -0.6)), *FACE_PARTS) > 0.97


def test_a_highlight_on_the_forehead_is_no_hair() -> None:
    painting, (u, v) = head(), places()
    shine = np.hypot((u - 0.6) / 0.35, (v + 0.5) / 0.3) < 1
    painting.lay(shine & oval(), (250, 246, 242))

    labels = labels_of(painting)

    assert share(labels, inner(shine & oval() & (v > -0.8)), *FACE_PARTS) > 0.9


def test_a_hand_at_the_cheek_is_no_ear_and_no_face() -> None:
    hand = filled(
        (0.85, 0.9), (1.0, -0.1), (1.15, -0.3), (1.4, -0.2), (1.5, 0.3), (1.7, 1.2), (2.2, 2.6), (1.5, 2.6), (1.25, 1.3)
    )
    painting = head(ears=False)
    painting.lay(hand, SKIN)

    labels = labels_of(painting)

    assert share(labels, hand & ~oval(), Part.EARS) == 0.0
    assert share(labels, inner(hand & ~oval()), *FACE_PARTS) < 0.1
    # With the hand away, there is an ear to be found.
    assert (labels_of(head()) == Part.EARS).any()


def test_a_head_turned_to_a_side_has_no_ear_there_and_ends_where_its_cheek_ends() -> None:
    painting, (u, v) = head(ears=False), places()
    # The far cheek lies 0.7 from the middle; beyond it is wall.
    painting.lay((u > 0.72) & (v > -0.2) & (v < 1.9), (128, 146, 160))
    painting.lay(np.hypot((u + 1.05) / 0.2, (v - 0.25) / 0.42) < 1, SKIN)

    labels = labels_of(painting, face_at(turn=0.3))

    assert share(labels, (u > 0.85) & (v > -0.1) & (v < 1.5), *FACE_PARTS, Part.EARS) == 0.0
    assert share(labels, np.hypot((u + 1.12) / 0.05, (v - 0.25) / 0.15) < 1, Part.EARS) > 0.8


@pytest.mark.parametrize(("top", "bottom"), [(1.02, 1.22), (0.96, 1.5)])
def test_the_mouth_is_as_high_as_it_is_with_or_without_teeth(top: float, bottom: float) -> None:
    painting, (u, v) = head(), places()
    middle, half = (top + bottom) / 2, (bottom - top) / 2
    painting.lay(np.hypot(u / 0.45, (v - 1.12) / 0.2) < 1, SKIN)
    painting.lay(np.hypot(u / 0.42, (v - middle) / half) < 1, LIPS)
    if half > 0.2:
        opened = np.hypot(u / 0.32, (v - middle) / (half - 0.1)) < 1
        painting.lay(opened, (44, 26, 26))
        painting.lay(opened & (v < middle - 0.04), (230, 226, 216))

    labels = labels_of(painting)

    rows = v[(labels == Part.MOUTH) & (np.abs(u) < 0.05)]
    assert (rows.min(), rows.max()) == pytest.approx((top, bottom), abs=0.06)


def test_hair_that_hangs_beside_the_neck_is_hair_and_the_clothes_under_it_are_not() -> None:
    painting, (u, v) = head(ears=False), places()
    long = (np.abs(u) > 0.75) & (np.abs(u) < 1.35) & (v > -0.6) & (v < 2.2) & ~oval()
    painting.strands(long, HAIR)

    labels = labels_of(painting)

    assert share(labels, inner(long & (v > 1.0)), Part.HAIR) > 0.9
    assert share(labels, (np.abs(u) < 0.4) & (v > 3.0), Part.CLOTHES) > 0.95


def test_a_tilted_face_has_the_parts_of_an_upright_one() -> None:
    image, face = head(brow=0.34).photograph(), face_at()
    turn = cv2.getRotationMatrix2D(tuple(ORIGIN), 20, 1.0)
    tilted = cv2.warpAffine(image, turn, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    points = transformed(face.points, turn).astype(np.float32)
    # A detector's box stands upright around the tilted oval: 126 × 175 becomes 133 × 170.
    (x, y), half = transformed(np.array([face.box.centre]), turn)[0], np.array([66.5, 85.0])
    box = Box(x - half[0], y - half[1], x + half[0], y + half[1])

    labels = landmark_parts(tilted, Face(box, points, 0.9))
    back = cv2.warpAffine(labels, cv2.invertAffineTransform(turn), (400, 400), flags=cv2.INTER_NEAREST)

    assert share(back, inner(oval() & (places()[1] > -0.7)), *FACE_PARTS) > 0.9
    assert middle_of(back, Part.BROWS, 1)[1] == pytest.approx(-0.34, abs=0.05)


@pytest.mark.parametrize(
    "points",
    [
        np.full((5, 2), 200),
        [[200, 180]] * 2 + [[210, 216], [200, 240], [200, 240]],
        [[20, 10], [60, 10], [40, 30], [25, 50], [55, 50]],
    ],
)
def test_points_gone_wrong_give_some_labels_and_no_crash(points: object) -> None:
    labels = landmark_parts(head().photograph(), Face(face_at().box, np.array(points, np.float32), 0.5))

    assert labels.shape == (400, 400)
    assert labels.max() <= Part.CLOTHES
