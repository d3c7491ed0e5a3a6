"""One face of many boxes, and a picture fitted into a network's square."""

from __future__ import annotations

import numpy as np

from easyphoto.faces.candidates import as_faces, letterboxed, strongest


def test_the_stronger_of_two_boxes_that_overlap_too_much_stays() -> None:
    # The first and the second share 80 of 120 px: 0.667 of their union; the third stands apart.
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]])
    scores = np.array([0.7, 0.9, 0.6])

    assert strongest(boxes, scores, 0.6) == [1, 2]
    assert strongest(boxes, scores, 0.7) == [1, 0, 2]
    assert strongest(np.zeros((0, 4)), np.zeros(0), 0.4) == []


def test_a_wide_picture_lies_at_the_top_of_the_square_and_comes_back_by_its_factors() -> None:
    image = np.full((101, 400, 3), 255, np.uint8)

    square, back = letterboxed(image, 200)

    assert square.shape == (200, 200, 3)
    # 101 px halve to 50, so the height comes back by 2.02.
    assert (square[:50] == 255).all()
    assert (square[50:] == 0).all()
    assert back.tolist() == [2, 2.02]


def test_faces_come_largest_first() -> None:
    boxes, points = np.array([[0, 0, 2, 2], [0, 0, 9, 9]]), np.zeros((2, 5, 2))

    assert [face.score for face in as_faces(boxes, points, np.array([0.5, 0.25]))] == [0.25, 0.5]
