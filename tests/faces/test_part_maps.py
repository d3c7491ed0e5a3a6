"""Labels of a crop on the whole picture."""

from __future__ import annotations

import numpy as np

from easyphoto.faces.part_maps import laid_back, square_matrix


def test_labels_of_a_crop_are_laid_back_where_the_crop_was() -> None:
    labels = np.zeros((4, 4), np.uint8)
    labels[1:3, 1:3] = 7

    # The crop's left top corner is at (-2, 4) and one of its pixels covers 2 × 2 of the picture.
    laid = laid_back(labels, square_matrix(-2, 4, 8, pixels=4), (16, 12))

    rows, columns = np.nonzero(laid == 7)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 9, 0, 3)


def test_a_crop_of_one_label_covers_its_square_and_nothing_beside_it() -> None:
    laid = laid_back(np.full((3, 3), 5, np.uint8), square_matrix(2, 1, 6, pixels=3), (10, 10))

    assert laid.sum() == 5 * 36
    assert (laid[1:7, 2:8] == 5).all()


def test_a_crop_outside_the_picture_leaves_it_empty() -> None:
    assert not laid_back(np.ones((3, 3), np.uint8), square_matrix(50, 50, 6, pixels=3), (10, 10)).any()
