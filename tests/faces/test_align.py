"""Laying faces on faces by their points."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from easyphoto.faces.align import flowing_warp, pose_guide, posed_points, rigid_warp, shape_kept
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box

POINTS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


def test_a_rigid_warp_of_points_moved_by_ten_moves_the_picture_by_ten():
    picture = np.zeros((100, 100), np.float32)
    picture[40, 30] = 1

    moved = rigid_warp(POINTS, POINTS + np.array([10, 5], np.float32)).applied(picture, (100, 100))

    assert np.unravel_index(moved.argmax(), moved.shape) == (45, 40)


def test_a_warp_that_halves_keeps_the_mean_of_a_fine_pattern():
    picture = np.indices((200, 200)).sum(0) % 2 * 200.0

    halved = rigid_warp(POINTS * 2, POINTS).applied(picture.astype(np.float32), (100, 100))

    assert halved[10:90, 10:90] == pytest.approx(100, abs=10)


def test_with_no_shape_kept_every_point_comes_close_to_the_target_s():
    target = POINTS + np.array([[0, 0], [0, 0], [6, 0], [0, 0], [0, 0]], np.float32)

    warp = flowing_warp(POINTS, target, shape_kept=0.0, reach=20)
    columns, rows = warp.places((100, 100))

    x, y = target[2].astype(int)
    assert (columns[y, x], rows[y, x]) == pytest.approx((50, 60), abs=1)


def test_with_the_whole_shape_kept_the_warp_is_the_similarity():
    target = POINTS + np.array([[0, 0], [0, 0], [6, 0], [0, 0], [0, 0]], np.float32)

    flowing = flowing_warp(POINTS, target, shape_kept=1.0, reach=20).places((20, 20))
    rigid = rigid_warp(POINTS, target).places((20, 20))

    assert np.allclose(flowing, rigid)


def test_on_a_wider_head_the_features_are_larger_by_the_root_of_what_is_missing():
    warp = flowing_warp(POINTS, POINTS, shape_kept=1.0, reach=20, heads=1.21)

    assert warp.scale == pytest.approx(1.1)
    # The middle of the five points (50, 60) stays where it is.
    assert warp.matrix @ [50, 60, 1] == pytest.approx([50, 60])


@pytest.mark.parametrize(("nose", "kept"), [(50, 0.95), (55, 0.95), (56.6, 0.475), (58, 0.0)])
def test_the_farther_the_poses_are_apart_the_less_of_the_reference_s_shape_is_kept(nose: float, kept: float):
    turned = POINTS.copy()
    turned[2, 0] = nose

    assert shape_kept(POINTS, turned) == pytest.approx(kept, abs=0.01)


def test_a_three_quarter_face_is_refused():
    turned = POINTS.copy()
    turned[2, 0] = 60

    with pytest.raises(ValueError, match="turned much farther"):
        shape_kept(POINTS, turned)


def test_the_pose_guide_shows_the_portrait_in_the_face_and_the_template_elsewhere():
    face = Face(Box(20, 20, 80, 95), POINTS, 1.0)
    mask = np.zeros((100, 100), np.float32)
    mask[30:90, 25:75] = 1

    guide = np.asarray(
        pose_guide(Image.new("RGB", (100, 100), "red"), face, mask, Image.new("RGB", (100, 100), "blue"), face)
    )

    assert guide[60, 50].tolist() == [255, 0, 0]
    assert guide[5, 5].tolist() == [0, 0, 255]


def test_posed_points_of_the_same_face_elsewhere_are_the_target_s():
    portrait = Face(Box(0, 0, 100, 100), POINTS, 1.0)
    target = Face(Box(0, 0, 200, 200), POINTS * 2 + 7, 1.0)

    assert posed_points(portrait, target) == pytest.approx(POINTS * 2 + 7, abs=1e-3)
