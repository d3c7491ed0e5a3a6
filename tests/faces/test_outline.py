"""A person's outline, measured and given to a template's face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from easyphoto.faces.engine import Face, Part
from easyphoto.faces.outline import ANGLES, Bend, Outline, bend_to, common_outline, head_frame, outline_of
from easyphoto.geometry import Box
from tests.fakes import face_at

SIDE = 240
MIDDLE = (120, 120)
FREE = np.ones((SIDE, SIDE), np.float32)


def head(across: int, down: int, *, hair: bool = False) -> tuple[np.ndarray, np.ndarray, Face]:
    """A face as an ellipse of those half axes on stripes: picture, part map, face."""
    picture = np.full((SIDE, SIDE, 3), (70, 100, 70), np.uint8)
    picture[:, ::20] = (90, 120, 90)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    if hair:
        cv2.rectangle(labels, (MIDDLE[0] - across - 12, 20), (MIDDLE[0] + across + 12, 200), int(Part.HAIR), -1)
    cv2.ellipse(labels, MIDDLE, (across, down), 0, 0, 360, int(Part.SKIN), -1)
    cv2.ellipse(picture, MIDDLE, (across, down), 0, 0, 360, (220, 180, 160), -1)
    box = Box(MIDDLE[0] - across, MIDDLE[1] - down, MIDDLE[0] + across, MIDDLE[1] + down)
    return picture, labels, face_at(box)


def radius(outline: Outline, angle: float) -> float:
    return float(outline.radii[int(np.abs(ANGLES - angle).argmin())])


def test_an_ellipse_has_its_half_axes_in_face_widths():
    _, labels, face = head(60, 78)

    found = outline_of(labels, face)

    assert radius(found, 0) == pytest.approx(0.5, abs=0.01)
    assert radius(found, 92) == pytest.approx(0.65, abs=0.01)


def test_what_hair_hides_is_unknown():
    _, labels, face = head(60, 78, hair=True)

    found = outline_of(labels, face)

    assert np.isnan(radius(found, 0))
    assert np.isnan(radius(found, 180))


def test_a_tilted_head_has_the_same_outline():
    _, labels, face = head(60, 78)
    turn = cv2.getRotationMatrix2D(MIDDLE, -20, 1.0)
    tilted = cv2.warpAffine(labels, turn, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    points = (np.asarray(face.points) @ turn[:, :2].T + turn[:, 2]).astype(np.float32)

    found = outline_of(tilted, Face(face.box, points, 1.0))

    assert radius(found, 92) == pytest.approx(radius(outline_of(labels, face), 92), abs=0.02)


def test_the_median_of_the_photos_forgives_one_mistaken_part_map():
    one, wide = outline_of(*head(60, 78)[1:]), Outline(np.full(len(ANGLES), 1.1))

    common = common_outline([one, one, wide, one])

    assert common is not None
    assert common.radii == pytest.approx(one.radii, nan_ok=True)
    assert common_outline([one, one]) is None


def test_a_detector_s_box_is_corrected_by_the_edges_of_the_part_map():
    _, labels, face = head(60, 78)
    off = Face(Box(face.box.left - 6, face.box.top, face.box.right - 6, face.box.bottom - 8), face.points, 1.0)

    frame = head_frame(labels, off)

    assert (frame.x, frame.width) == pytest.approx((117, 120), abs=3.5)
    # Upper edge 42 as detected, lower edge 199 as seen.
    assert frame.y == pytest.approx(120, abs=1)


def bent(down: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A face of one length given the outline of another: the picture before, after, and how far pixels moved."""
    picture, labels, face = head(60, down)
    bend = bend_to(outline_of(*head(60, wanted)[1:]), labels, face, FREE)
    assert bend is not None
    return picture, bend.picture(picture), moved(bend)


def moved(bend: Bend) -> np.ndarray:
    """How far every pixel of the picture moved."""
    everywhere = np.zeros(FREE.shape, np.float32)
    everywhere[bend.part] = bend.moved
    return everywhere


def chin(picture: np.ndarray) -> int:
    return int(np.flatnonzero(picture[:, MIDDLE[0], 0] > 150)[-1])


@pytest.mark.parametrize(("down", "wanted"), [(78, 68), (68, 78)])
def test_the_chin_goes_most_of_the_way_to_the_person_s(down: int, wanted: int):
    before, after, _ = bent(down, wanted)

    # The box's height follows the chin that is seen, so middle and chin move apart by half of the difference.
    way = (chin(after) - chin(before)) / (wanted - down)
    assert 0.3 < way < 0.95


def test_far_from_the_outline_and_above_the_ears_nothing_moves():
    before, after, far = bent(78, 68)

    assert (after[far == 0] == before[far == 0]).all()
    assert far[:80].max() == 0
    assert far[225:].max() == 0
    assert far[110:130, 110:130].max() == 0


def test_where_nothing_may_change_nothing_moves():
    _, labels, face = head(60, 78)
    free = FREE.copy()
    free[:, 120:] = 0

    bend = bend_to(outline_of(*head(60, 66)[1:]), labels, face, free)

    assert bend is not None
    assert moved(bend)[:, 120:].max() == 0
    assert moved(bend)[:, :120].max() > 1


def test_the_own_outline_bends_nothing():
    _, labels, face = head(60, 78)

    assert bend_to(outline_of(labels, face), labels, face, FREE) is None


def test_labels_bend_as_the_picture_does():
    picture, labels, face = head(60, 78)
    bend = bend_to(outline_of(*head(60, 66)[1:]), labels, face, FREE)
    assert bend is not None

    face_there = bend.picture(picture)[..., 0] > 150

    assert ((bend.labels(labels) == Part.SKIN) != face_there).mean() < 0.005
