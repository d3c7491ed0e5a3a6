"""What the passes repaint and what the paste-back may touch."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.faces.engine import Part
from easyphoto.geometry import Box, Size
from easyphoto.images.masks import closed
from easyphoto.inference.masks import FaceMasks, cover_mask, covered, ellipse, face_masks, inner_edges, softened
from tests.fakes import face_at

FACE = face_at(Box(44, 44, 84, 84))


def square_labels() -> np.ndarray:
    labels = np.zeros((128, 128), np.uint8)
    labels[44:84, 44:84] = Part.SKIN
    return labels


def masks_of(labels: np.ndarray, *, repaint_features: bool = False) -> FaceMasks:
    return face_masks(labels, FACE, free=np.ones((128, 128), np.float32), repaint_features=repaint_features)


def test_the_first_pass_sees_two_hundredths_of_the_width_beyond_the_face_on_either_side():
    masks = masks_of(square_labels())

    assert np.flatnonzero(masks.first[64])[[0, -1]].tolist() == [42, 85]


def test_the_ring_of_the_second_pass_lies_inside_the_face_a_tenth_of_its_width_wide():
    masks = masks_of(square_labels())

    assert np.flatnonzero(masks.ring[64]).tolist() == [44, 45, 46, 47, 80, 81, 82, 83]
    assert (masks.second == masks.ring).all()


def test_eyes_and_mouth_join_the_second_mask_when_asked_and_never_the_ring():
    labels = square_labels()
    labels[60:63, 55:60] = Part.EYES

    without, with_them = masks_of(labels), masks_of(labels, repaint_features=True)

    assert (without.second[61, 57], with_them.second[61, 57], with_them.ring[61, 57]) == (0, 1, 0)


def test_nothing_is_pasted_outside_the_face_and_all_of_its_middle():
    masks = masks_of(square_labels())

    outside = np.ones((128, 128), bool)
    outside[44:84, 44:84] = False
    assert masks.alpha[outside].max() == 0
    assert 0 < masks.alpha[64, 44] < 0.5
    assert masks.alpha[64, 48:80].min() == 1


def test_a_lock_of_hair_in_the_face_is_not_painted_over():
    labels = square_labels()
    labels[44:70, 62:64] = Part.HAIR

    assert masks_of(labels).alpha[50, 62:64].max() == 0


def test_what_may_not_change_is_neither_painted_nor_pasted():
    free = np.ones((128, 128), np.float32)
    free[:, 70:] = 0

    masks = face_masks(square_labels(), FACE, free=free, repaint_features=True)

    for mask in (masks.first, masks.ring, masks.second, masks.alpha):
        assert mask[:, 70:].max() == 0


def test_a_softened_mask_never_lets_more_through_than_the_face_s_alpha():
    masks = masks_of(square_labels())

    soft = softened(masks.ring, masks.alpha, 100.0)

    assert (soft <= masks.alpha).all()
    assert soft[64, 46] > 0.3 > soft[64, 64]


def test_inner_edges_fall_to_0_only_where_the_picture_goes_on():
    free = inner_edges(Box(0, 10, 40, 50), Size(100, 50), 4)

    assert free[20, 0] == 1
    assert free[20, 39] == 0
    assert free[0, 10] == 0
    assert free[39, 10] == 1


def test_another_face_is_covered_and_the_cover_leaves_no_edge():
    crop = np.full((128, 128, 3), 100, np.uint8)
    own, other = np.zeros((128, 128), np.uint8), np.zeros((128, 128), np.uint8)
    own[40:90, 60:100] = Part.SKIN
    other[40:90, 5:40] = Part.SKIN
    crop[40:90, 5:40] = (255, 0, 0)

    cover = cover_mask(own, [(other, face_at(Box(5, 40, 40, 90)))])
    hidden = covered(crop, cover, (own > 0).astype(np.float32))

    assert cover[60, 20] == 1
    assert cover[60, 80] == 0
    assert hidden[60, 20] == pytest.approx([100, 100, 100], abs=2)
    assert (hidden[60, 80] == 100).all()


def test_closing_fills_a_gap_and_not_the_picture_s_edge():
    mask = np.zeros((40, 40), np.float32)
    mask[10:18, 4:36] = 1
    mask[20:30, 4:36] = 1

    filled = closed(mask, 6)

    assert filled[19, 20] == 1
    assert filled[20, 0] == 0


def test_an_ellipse_stands_in_for_a_part_map():
    labels = ellipse(FACE, Size(128, 128))

    assert labels[64, 64] == Part.SKIN
    assert labels[45, 45] == Part.BACKGROUND


def test_a_stray_speck_of_skin_does_not_open_the_hair():
    labels = square_labels()
    labels[10:12, 10:12] = Part.SKIN

    masks = masks_of(labels)

    assert masks.first[11, 11] == 0
    assert masks.first[64, 64] == 1
