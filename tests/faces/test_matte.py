"""Soft edges as the picture shows them."""

from __future__ import annotations

import numpy as np

from easyphoto.faces.matte import matte


def two_colours(edge: int = 50) -> np.ndarray:
    picture = np.full((100, 100, 3), (60, 90, 160), np.uint8)
    picture[:, edge:] = (220, 180, 150)
    return picture


def test_a_stepped_mask_takes_the_picture_s_straight_edge():
    mask = np.zeros((100, 100), np.float32)
    mask[:, 50:] = 1
    # The part map's steps: three pixels to and fro.
    for row in range(0, 100, 8):
        mask[row : row + 4, 47:50] = 1
        mask[row + 4 : row + 8, 50:53] = 0

    soft = matte(mask, two_colours(), 5.0)

    assert soft[:, 50:].min() > 0.95
    assert soft[:, :50].max() < 0.05


def test_a_pixel_half_of_each_belongs_half():
    picture = two_colours()
    picture[:, 50] = (140, 135, 155)
    mask = np.zeros((100, 100), np.float32)
    mask[:, 50:] = 1

    assert np.abs(matte(mask, picture, 4.0)[20:80, 50] - 0.5).max() < 0.03


def test_far_from_the_edge_the_mask_is_as_it_was():
    mask = np.zeros((100, 100), np.float32)
    mask[:, 50:] = 1
    picture = two_colours()
    picture[40:44, 80:84] = (60, 90, 160)

    soft = matte(mask, picture, 5.0)

    assert soft[42, 82] == 1
    assert soft[42, 20] == 0


def test_where_both_sides_look_the_same_the_edge_is_a_blur():
    mask = np.zeros((100, 100), np.float32)
    mask[:, 50:] = 1

    soft = matte(mask, np.full((100, 100, 3), 120, np.uint8), 6.0)

    assert 0.3 < soft[50, 49] < 0.7
    assert (np.diff(soft[50]) >= 0).all()
