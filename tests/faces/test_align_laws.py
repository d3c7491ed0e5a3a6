"""Warps to a fraction of a pixel: where they put things, how far a point's own way reaches, what edges they leave."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.align import Warp, flowing_warp, pose_guide, posed_points, rigid_warp, shape_kept
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box

POINTS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float64)
STILL = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def blob(x: float, y: float, side: int = 240) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 6.0**2)).astype(np.float32)


def middle_of(picture: np.ndarray) -> tuple[float, float]:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return float((columns * picture).sum() / picture.sum()), float((rows * picture).sum() / picture.sum())


@pytest.mark.parametrize("scale", [2.0, 1.0, 0.75, 0.65, 0.3])
def test_what_is_warped_lies_where_its_points_say_at_every_scale(scale: float) -> None:
    warp = rigid_warp(POINTS, POINTS * scale + (7, 3))

    laid = warp.applied(blob(90, 60), (300, 300))

    assert warp.scale == pytest.approx(scale)
    assert middle_of(laid) == pytest.approx((90 * scale + 7, 60 * scale + 3), abs=0.1)


def test_a_picture_that_is_no_square_is_reduced_to_the_right_place_on_both_sides() -> None:
    """A side of 131 pixels becomes 39, so that its pixels shrink a little more than the others."""
    tall, broad = blob(65, 215)[:, :131], blob(215, 65)[:131]
    warp = rigid_warp(POINTS, POINTS * 0.3)

    assert middle_of(warp.applied(tall, (80, 60))) == pytest.approx((19.5, 64.5), abs=0.06)
    assert middle_of(warp.applied(broad, (60, 80))) == pytest.approx((64.5, 19.5), abs=0.06)


def test_a_turned_face_is_turned_back() -> None:
    """A quarter turn: what was right of the middle lies below it."""
    turned = (POINTS - 50) @ np.array([[0.0, 1], [-1, 0]]) + 50

    laid = rigid_warp(POINTS, turned).applied(blob(80, 50, 100), (100, 100))

    assert middle_of(laid) == pytest.approx((50, 80), abs=0.1)


def test_beyond_the_picture_its_edge_goes_on_or_what_was_asked_for_stands() -> None:
    picture = np.full((20, 20), 3.0, np.float32)
    warp = Warp(np.array([[1.0, 0, 10], [0, 1.0, 10]]), np.empty((0, 2)), np.empty((0, 2)), 1.0)

    assert (warp.applied(picture, (40, 40)) == 3).all()
    assert warp.applied(picture, (40, 40), outside=0.5)[5, 5] == 0.5
    assert warp.applied(picture, (40, 40), outside=0.0)[[5, 20, 35], [5, 20, 35]].tolist() == [0, 3, 0]


def test_pictures_keep_their_fine_detail_and_masks_do_not_ring() -> None:
    half = Warp(np.array([[1.0, 0, 0.5], [0, 1.0, 0]]), np.empty((0, 2)), np.empty((0, 2)), 1.0)
    stripes = np.zeros((40, 80), np.float32)
    stripes[:, np.arange(80) % 4 < 2] = 1

    mask = half.applied(stripes, stripes.shape)
    picture = half.applied(np.repeat(stripes[..., None], 3, 2), stripes.shape)

    assert (mask.min(), mask.max()) == (0.0, 1.0)
    assert picture[20, 10:70, 0].std() > 1.02 * mask[20, 10:70].std()


def test_a_point_s_own_way_is_whole_at_its_place_and_fades_as_a_gaussian() -> None:
    warp = Warp(STILL, np.array([[50.0, 40.0]]), np.array([[4.0, -2.0]]), 10.0)

    columns, rows = warp.places((100, 120))

    assert columns.shape == rows.shape == (100, 120)
    assert (columns[40, 50], rows[40, 50]) == pytest.approx((54, 38))
    assert (columns[40, 60], rows[40, 60]) == pytest.approx((60 + 4 * np.exp(-0.5), 40 - 2 * np.exp(-0.5)))
    assert (columns[50, 60], rows[50, 60]) == pytest.approx((60 + 4 * np.exp(-1), 50 - 2 * np.exp(-1)))
    assert (columns[99, 0], rows[99, 0]) == pytest.approx((0, 99), abs=1e-3)


@pytest.mark.parametrize(("kept", "share"), [(0.0, 1.0), (0.25, 0.75), (0.8, 0.2)])
def test_each_point_goes_its_share_of_the_way_less_a_twentieth(kept: float, share: float) -> None:
    """Points far beyond one another's reach; the twentieth is what keeps near ones from fighting."""
    target = POINTS + np.array([[0, 0], [0, 0], [6, 4], [0, 0], [0, 0]])

    warp = flowing_warp(POINTS, target, shape_kept=kept, reach=4)

    rigid = POINTS @ warp.matrix[:, :2].T + warp.matrix[:, 2]
    goal = target * share + rigid * (1 - share)
    assert warp.anchors == pytest.approx(goal)
    assert warp.weights == pytest.approx((rigid - goal) / 1.05, abs=1e-3)


def test_points_within_reach_share_the_way_between_them() -> None:
    """Two ends of a mouth that both move by 5: each Gaussian alone would do, together they must not move it by 10."""
    target = POINTS.copy()
    target[3:] += (0, 5)

    warp = flowing_warp(POINTS, target, shape_kept=0.0, reach=30)
    columns, rows = warp.places((120, 120))

    for (x, y), (from_x, from_y) in zip(target, POINTS, strict=True):
        assert (columns[int(y), int(x)], rows[int(y), int(x)]) == pytest.approx((from_x, from_y), abs=0.5)


@pytest.mark.parametrize(
    ("heads", "scale"), [(None, 1.0), (1.0, 1.0), (1.21, 1.1), (0.81, 0.9), (5.0, 1.3**0.5), (0.1, 1.3**-0.5)]
)
def test_features_follow_the_head_s_width_by_half_and_within_bounds(heads: float | None, scale: float) -> None:
    warp = flowing_warp(POINTS, POINTS + np.array([20.0, 10.0]), shape_kept=1.0, reach=20, heads=heads)

    assert warp.scale == pytest.approx(scale)
    assert warp.matrix @ [50, 60, 1] == pytest.approx([70, 70])


def test_the_head_s_width_counts_beside_what_the_points_already_do() -> None:
    """Points twice as far apart on a head twice as wide: nothing is missing."""
    assert flowing_warp(POINTS, POINTS * 2, shape_kept=1.0, reach=20, heads=2.0).scale == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("nose", "kept"), [(44.9, 0.95), (43.2, 0.407), (42.1, 0.0), (54.8, 0.95), (57.2, 0.271), (57.9, 0.0)]
)
def test_the_shape_gives_way_between_0_13_and_0_20_to_either_side(nose: float, kept: float) -> None:
    turned = POINTS.copy()
    turned[2, 0] = nose

    assert shape_kept(POINTS, turned) == pytest.approx(kept, abs=0.04)
    assert shape_kept(turned, POINTS) == pytest.approx(kept, abs=0.04)


@pytest.mark.parametrize("nose", [41.5, 58.5])
def test_beyond_0_20_nothing_is_laid(nose: float) -> None:
    turned = POINTS.copy()
    turned[2, 0] = nose

    with pytest.raises(ValueError, match="a photo with the face turned the same way would help"):
        shape_kept(POINTS, turned)


def guide_of(width: int, *, upright: bool = True) -> np.ndarray:
    """How much of the portrait each pixel of a row, or a column, shows; its mask begins at pixel 60."""
    face = Face(Box(0, 0, width, width), POINTS * 3, 1.0)
    mask = np.zeros((300, 300), np.float32)
    mask[:, 60:] = 1
    portrait, template = Image.new("RGB", (300, 300), (200, 200, 200)), Image.new("RGB", (300, 300), (0, 0, 0))
    guide = np.asarray(pose_guide(portrait, face, mask if upright else mask.T, template, face), float)[..., 0] / 200
    return guide[150] if upright else guide[:, 150]


@pytest.mark.parametrize("upright", [True, False])
def test_the_pose_guide_s_edge_lies_two_hundredths_inside_and_is_as_soft(*, upright: bool) -> None:
    row = guide_of(200, upright=upright)

    # Between columns 63 and 64 it is half; a deviation of 4 pixels to either side.
    assert row[[59, 63, 64, 68]] == pytest.approx([0.13, 0.45, 0.55, 0.87], abs=0.03)
    assert row[40] == 0
    assert row[90] == 1


def test_the_pose_guide_s_edge_is_a_pixel_at_least() -> None:
    assert guide_of(10)[[58, 60, 61, 63]] == pytest.approx([0.0, 0.31, 0.69, 1.0], abs=0.03)


def test_beyond_the_portrait_the_pose_guide_shows_the_template() -> None:
    """A face that fills its portrait to the edge ends there."""
    small, large = Face(Box(0, 0, 100, 100), POINTS, 1.0), Face(Box(0, 0, 100, 100), POINTS + np.array([90.0, 90]), 1.0)
    portrait, template = Image.new("RGB", (100, 100), "red"), Image.new("RGB", (300, 300), "blue")

    guide = np.asarray(pose_guide(portrait, small, np.ones((100, 100), np.float32), template, large))

    assert guide[140, 140].tolist() == [255, 0, 0]
    assert guide[[40, 140, 250], [140, 40, 250]].tolist() == [[0, 0, 255]] * 3


def test_posed_points_are_the_portrait_s_in_the_template_s_pose() -> None:
    """A portrait twice as large, with a longer nose: the nose stays longer."""
    portrait = POINTS * 2
    portrait[2, 1] += 8

    posed = posed_points(Face(Box(0, 0, 200, 200), portrait, 1.0), Face(Box(0, 0, 100, 100), POINTS, 1.0))

    assert posed.dtype == np.float32
    assert posed[2, 1] - posed[:2, 1].mean() > 22.5
    assert posed.mean(0) == pytest.approx(POINTS.mean(0), abs=1e-3)
