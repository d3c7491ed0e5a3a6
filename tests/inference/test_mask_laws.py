"""Lengths of the masks, in hundredths of the face's width: on faces so wide that a hundredth is a pixel or two."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.faces.engine import Face, Part
from easyphoto.faces.skin_tone import skin_of
from easyphoto.geometry import Box, Size
from easyphoto.inference.masks import (
    FaceMasks,
    closed,
    cover_mask,
    covered,
    ellipse,
    face_masks,
    feather_of,
    inner_edges,
    softened,
    without_specks,
)
from tests.fakes import face_at

SIDE = 300
FACE = face_at(Box(100, 100, 200, 200))
WIDE = face_at(Box(50, 50, 250, 250))


def labels_of(face: Face) -> np.ndarray:
    """Skin all over the face's box."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    left, top, right, bottom = face.box.as_ints()
    labels[top:bottom, left:right] = Part.SKIN
    return labels


def masks_of(labels: np.ndarray, face: Face = FACE, *, free: float = 1.0, repaint_features: bool = False) -> FaceMasks:
    return face_masks(labels, face, free=np.full(labels.shape, free, np.float32), repaint_features=repaint_features)


def spans(row: np.ndarray) -> list[tuple[int, int]]:
    """First and last of each run that is more than nothing."""
    places = np.flatnonzero(row > 0)
    ends = np.flatnonzero(np.diff(places) > 1)
    return list(zip(places[np.r_[0, ends + 1]].tolist(), places[np.r_[ends, -1]].tolist(), strict=True))


@pytest.mark.parametrize(("gap", "is_closed"), [(8, True), (10, True), (12, False)])
def test_gaps_of_a_tenth_of_the_width_are_face(gap: int, *, is_closed: bool) -> None:
    labels = labels_of(FACE)
    labels[140 : 140 + gap] = Part.BACKGROUND

    middle = masks_of(labels).face[140 + gap // 2, 150]

    assert bool(middle) is is_closed


@pytest.mark.parametrize(("width", "is_painted"), [(6, False), (8, True)])
def test_tongues_of_skin_between_locks_of_hair_are_painted_from_six_hundredths_on(
    width: int, *, is_painted: bool
) -> None:
    labels = labels_of(FACE)
    labels[100:150, 100:200] = Part.HAIR
    labels[100:150, 150 : 150 + width] = Part.SKIN

    masks = masks_of(labels)

    assert bool(masks.first[120, 150 + width // 2]) is is_painted
    assert masks.first[180, 150] == 1


def test_of_a_narrow_tongue_its_root_alone_is_painted() -> None:
    labels = labels_of(FACE)
    labels[100:150, 100:200] = Part.HAIR
    labels[100:150, 150:156] = Part.SKIN

    ring = masks_of(labels).ring[:, 153]

    assert spans(ring)[0][0] in (147, 148)


def test_the_first_pass_sees_four_hundredths_beyond_the_face() -> None:
    masks = masks_of(labels_of(FACE))

    assert spans(masks.first[150]) == [(96, 203)]
    assert spans(masks.first[:, 150]) == [(96, 203)]
    assert set(np.unique(masks.first)) == {0.0, 1.0}


def test_the_ring_is_a_tenth_wide_and_lies_inside() -> None:
    masks = masks_of(labels_of(FACE))

    assert spans(masks.ring[150]) == [(100, 109), (190, 199)]
    assert spans(masks.ring[:, 150]) == [(100, 109), (190, 199)]


def test_what_is_pasted_begins_a_hundredth_inside_and_is_whole_after_five_more() -> None:
    across = masks_of(labels_of(WIDE), WIDE).alpha[150]

    assert spans(across) == [(52, 247)]
    assert np.flatnonzero(across == 1)[[0, -1]].tolist() == [62, 237]
    assert 0.4 < across[57] < 0.6


def test_ears_are_face_and_neither_painted_nor_pasted() -> None:
    labels = labels_of(FACE)
    labels[140:170, 200:220] = Part.EARS

    masks = masks_of(labels)

    assert masks.face[155, 215] == 1
    assert masks.alpha[155, 215] == masks.ring[155, 215] == masks.first[155, 215] == 0


def test_a_lock_of_hair_in_the_face_is_face_and_not_pasted_over() -> None:
    labels = labels_of(FACE)
    labels[100:150, 145:150] = Part.HAIR

    masks = masks_of(labels)

    assert masks.face[120, 147] == 1
    assert masks.alpha[120, 145:150].max() == 0
    assert masks.ring[120, 140] == 1


def test_eyes_and_mouth_are_repainted_with_two_hundredths_around_them() -> None:
    labels = labels_of(FACE)
    labels[140:144, 130:140] = Part.EYES
    labels[170:174, 140:160] = Part.MOUTH

    masks = masks_of(labels, repaint_features=True)

    assert spans(masks.second[142]) == [(100, 109), (128, 141), (190, 199)]
    assert spans(masks.second[172]) == [(100, 109), (138, 161), (190, 199)]
    assert spans(masks.ring[142]) == [(100, 109), (190, 199)]


def test_what_may_change_by_half_is_painted_and_pasted_by_half() -> None:
    labels = labels_of(FACE)
    labels[140:144, 140:150] = Part.EYES

    masks = masks_of(labels, free=0.5, repaint_features=True)

    highest = [float(mask.max()) for mask in (masks.first, masks.ring, masks.alpha)]
    assert highest == [0.5, 0.5, 0.5]
    assert masks.second[142, 145] == 0.5


@pytest.mark.parametrize(("rows", "stays"), [(8, False), (12, True)])
def test_pieces_of_a_hundredth_of_the_face_are_face(rows: int, *, stays: bool) -> None:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[100:200, 100:200] = 1
    mask[20 : 20 + rows, 20:30] = 1

    kept = without_specks(mask)

    assert bool(kept[21, 21]) is stays
    assert kept[150, 150] == 1
    assert kept[50, 50] == 0
    assert not without_specks(mask * 0.4).any()


def test_a_pass_is_pasted_with_an_edge_of_two_hundredths() -> None:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[:, 150:] = 1

    soft = softened(mask, np.ones_like(mask), 200.0)

    # A Gaussian's share below −1, 0 and 1 deviation; the edge lies between two pixels.
    assert soft[150, [145, 146, 149, 150, 153, 154]] == pytest.approx([0.13, 0.19, 0.45, 0.55, 0.81, 0.87], abs=0.02)
    assert (softened(mask, np.full_like(mask, 0.25), 200.0) == soft * 0.25).all()
    assert spans(softened(mask, np.ones_like(mask), 5.0)[150])[0][0] == 148


def test_the_soft_edge_around_other_faces_is_a_64th_of_the_crop_and_two_pixels_at_least() -> None:
    assert [feather_of(side) for side in (64, 128, 192, 1024)] == [2, 2, 3, 16]


@pytest.mark.parametrize(
    ("crop", "falls"),
    [
        (Box(10, 0, 60, 40), "left"),
        (Box(0, 10, 60, 40), "top"),
        (Box(0, 0, 50, 40), "right"),
        (Box(0, 0, 60, 30), "bottom"),
        (Box(1, 0, 60, 40), "left"),
        (Box(0, 0, 59, 40), "right"),
        (Box(0, 1, 60, 40), "top"),
        (Box(0, 0, 60, 39), "bottom"),
        (Box(0, 0, 60, 40), "none"),
    ],
)
def test_a_crop_s_edge_falls_over_its_margin_where_the_picture_goes_on(crop: Box, falls: str) -> None:
    free = inner_edges(crop, Size(60, 40), 8.0)

    middle = free[free.shape[0] // 2], free[:, free.shape[1] // 2]
    sides = {"left": middle[0], "right": middle[0][::-1], "top": middle[1], "bottom": middle[1][::-1]}
    for side, inwards in sides.items():
        expected = [0, 0.125, 0.5, 1, 1] if side == falls else [1, 1, 1, 1, 1]
        assert inwards[[0, 1, 4, 8, 9]].tolist() == expected


def test_a_margin_below_a_pixel_still_leaves_the_edge_out() -> None:
    assert inner_edges(Box(10, 0, 60, 40), Size(60, 40), 0.0)[20, :3].tolist() == [0, 1, 1]


def other_at(box: Box) -> tuple[np.ndarray, Face]:
    face = face_at(box)
    return labels_of(face), face


def test_a_cover_reaches_eight_hundredths_beyond_each_other_face() -> None:
    own = np.zeros((SIDE, SIDE), np.uint8)
    others = [other_at(Box(20, 20, 120, 120)), other_at(Box(160, 20, 260, 120))]

    cover = cover_mask(own, others)

    assert spans(cover[70]) == [(12, 127), (152, 267)]
    assert spans(cover[:, 70]) == [(12, 127)]


def test_a_cover_spares_the_own_face_and_its_ears() -> None:
    own = labels_of(face_at(Box(110, 20, 200, 120)))
    own[60:80, 105:110] = Part.EARS
    own[20:30, 110:200] = Part.HAIR

    cover = cover_mask(own, [other_at(Box(20, 20, 110, 120))])

    assert spans(cover[70])[0][1] == 104
    assert cover[25, 112] == 1


def test_a_cover_closes_gaps_of_a_tenth() -> None:
    labels, face = other_at(Box(20, 20, 220, 220))
    labels[100:118] = Part.BACKGROUND
    labels[140:190] = Part.BACKGROUND

    cover = cover_mask(np.zeros_like(labels), [(labels, face)])

    assert cover[109, 120] == 1
    assert cover[165, 120] == 0


def test_a_covered_face_is_filled_from_around_it_and_never_from_the_own_one() -> None:
    """Grey that rises from left to right, a red face on it, and a blue own face beside it."""
    crop = np.repeat(np.linspace(60, 180, 200).round()[None, :, None], 200, 0).repeat(3, 2).astype(np.uint8)
    ground, cover, own = crop.copy(), np.zeros((200, 200), np.float32), np.zeros((200, 200), np.float32)
    cover[80:120, 60:100], own[80:120, 104:150] = 1, 1
    crop[cover > 0], crop[own > 0] = (255, 0, 0), (0, 0, 255)

    made = covered(crop, cover, np.maximum(own, cover))

    assert np.abs(made[82:118, 62:98].astype(int) - ground[82:118, 62:98]).max() <= 12
    assert (made[own > 0] == (0, 0, 255)).all()
    far = np.ones((200, 200), bool)
    far[75:125, 55:105] = False
    assert (made[far] == crop[far]).all()
    assert (made[100, 55:60] != crop[100, 55:60]).any() or (made[78, 70:90] != crop[78, 70:90]).any()


@pytest.mark.parametrize(("reach", "side"), [(2, 16), (2, 24), (16, 200)])
def test_a_filling_comes_from_within_eight_hundredths_of_the_crop_and_two_pixels_at_least(
    reach: int, side: int
) -> None:
    """A bright column is seen from as far as a Gaussian of that deviation reaches."""
    crop, cover = np.full((side, side, 3), 100, np.uint8), np.zeros((side, side), np.float32)
    cover[:, side // 2 :] = 1
    crop[:, side // 2 - 1] = 250

    filled = covered(crop, cover, np.zeros_like(cover))[side // 2, side // 2 :, 0].astype(float) - 100

    distances = np.arange(1, len(filled) + 1)
    share = np.exp(-(distances**2) / (2 * reach**2))
    near = distances <= 2 * reach
    known = np.array([sum(np.exp(-((d + k) ** 2) / (2 * reach**2)) for k in range(side // 2)) for d in distances])
    assert filled[near] == pytest.approx(150 * share[near] / known[near], rel=0.12, abs=1)


def test_a_crop_without_others_is_handed_back_as_it_is() -> None:
    crop = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)

    assert covered(crop, np.zeros((20, 20), np.float32), np.ones((20, 20), np.float32)) is crop


def test_on_a_face_of_a_few_pixels_no_gap_is_closed() -> None:
    mask = np.zeros((20, 20), np.float32)
    mask[5:9, 5:9], mask[10:14, 5:9] = 1, 1

    assert (closed(mask, 0.4) == mask).all()


def test_an_ellipse_fills_the_face_s_box() -> None:
    labels = ellipse(face_at(Box(100, 60, 180, 240)), Size(SIDE, 280))

    assert labels.shape == (280, SIDE)
    assert spans(labels[150]) == [(100, 180)]
    assert spans(labels[:, 140]) == [(60, 240)]
    assert labels[75, 110] == Part.BACKGROUND
    assert set(np.unique(labels)) == {Part.BACKGROUND, Part.SKIN}


def test_skin_ends_a_pixel_before_lips_eyes_and_brows() -> None:
    labels = labels_of(FACE)
    labels[150:160, 140:160] = Part.NOSE
    for top, part in ((120, Part.BROWS), (135, Part.EYES), (180, Part.MOUTH)):
        labels[top : top + 2, 130:140] = part
    labels[:, 200:210] = Part.EARS

    skin = skin_of(labels)

    for top in (120, 135, 180):
        assert skin[top - 2 : top + 4, 135].tolist() == [1, 0, 0, 0, 0, 1]
        assert skin[top, 127:143].tolist() == [1, 1] + [0] * 12 + [1, 1]
    assert skin[155, 150] == 1
    assert skin[155, 205] == 0
