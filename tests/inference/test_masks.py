"""What the passes repaint and what the paste-back may touch."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.faces.engine import Part
from easyphoto.geometry import Box, Size
from easyphoto.inference.masks import (
    closed,
    cover_mask,
    covered,
    ellipse,
    face_masks,
    feather_of,
    inner_edges,
    sparing_background,
)
from tests.fakes import face_at

FACE = face_at(Box(44, 44, 84, 84))


def square_labels() -> np.ndarray:
    labels = np.zeros((128, 128), np.uint8)
    labels[44:84, 44:84] = Part.SKIN
    return labels


def test_the_first_mask_is_the_face_grown_by_a_tenth_of_its_width():
    masks = face_masks(square_labels(), FACE, free=np.ones((128, 128), np.float32), repaint_features=False)

    assert np.flatnonzero(masks.first[64])[[0, -1]].tolist() == [40, 87]


def test_the_second_mask_is_a_ring_a_sixteenth_out_and_a_thirtysecond_in():
    masks = face_masks(square_labels(), FACE, free=np.ones((128, 128), np.float32), repaint_features=False)

    assert np.flatnonzero(masks.second[64])[[0, -1]].tolist() == [36, 91]
    assert np.flatnonzero(masks.second[64] == 0)[[36, -37]].tolist() == [48, 79]


def test_eyes_and_mouth_join_the_second_mask_when_asked():
    labels = square_labels()
    labels[60:63, 55:60] = Part.EYES
    free = np.ones((128, 128), np.float32)

    without = face_masks(labels, FACE, free=free, repaint_features=False).second
    with_them = face_masks(labels, FACE, free=free, repaint_features=True).second

    assert (without[61, 57], with_them[61, 57]) == (0, 1)


def test_the_alpha_is_exactly_0_beyond_the_feather():
    masks = face_masks(square_labels(), FACE, free=np.ones((128, 128), np.float32), repaint_features=False)

    assert feather_of(128) == 2
    assert np.flatnonzero(masks.alpha[64])[[0, -1]].tolist() == [34, 93]


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

    masks = face_masks(labels, FACE, free=np.ones((128, 128), np.float32), repaint_features=False)

    assert masks.first[11, 11] == 0
    assert masks.first[64, 64] == 1


def test_background_that_stays_background_is_the_template_s_own():
    alpha, before, after = (np.zeros((200, 200), np.float32) for _ in range(3))
    alpha[20:180, 20:180] = 1
    before[60:120, 60:120] = 1
    after[60:140, 60:120] = 1

    kept = sparing_background(alpha, before, after, face_width=100)

    # The new chin (rows 120 to 140) is pasted with 4 pixels around it, then the edge falls to 0 within 4 more.
    assert kept[139, 90] == 1
    assert kept[143, 90] == 1
    assert kept[149, 90] == 0
    assert kept[90, 30] == 0
    assert (kept <= alpha).all()
