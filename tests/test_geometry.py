"""Boxes, squares and similarities, with expected values written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyphoto.geometry import (
    Box,
    Size,
    direction,
    eye_line_tilt,
    lying_at,
    moved_into,
    resized_points,
    scale_of,
    similarity,
    square_around,
    transformed,
)


def test_a_square_in_the_middle_is_centred():
    assert square_around(Box(40, 40, 60, 60), 2.0, Size(100, 100)) == Box(30, 30, 70, 70)


@pytest.mark.parametrize(
    ("face", "expected"),
    [
        (Box(0, 0, 20, 20), Box(0, 0, 40, 40)),
        (Box(180, 0, 200, 20), Box(160, 0, 200, 40)),
        (Box(180, 80, 200, 100), Box(160, 60, 200, 100)),
        (Box(-10, 40, 10, 60), Box(0, 30, 40, 70)),
    ],
    ids=["top left", "top right", "bottom right", "partly outside"],
)
def test_a_square_at_the_edge_is_moved_inside(face, expected):
    assert square_around(face, 2.0, Size(200, 100)) == expected


def test_a_square_longer_than_the_picture_shrinks_to_its_short_side():
    assert square_around(Box(50, 10, 130, 90), 3.0, Size(200, 100)) == Box(40, 0, 140, 100)


@given(
    left=st.integers(-50, 400), top=st.integers(-50, 300), width=st.integers(1, 300), height=st.integers(1, 300),
    factor=st.floats(0.5, 5), picture=st.tuples(st.integers(1, 400), st.integers(1, 300)),
)  # fmt: skip
def test_a_square_is_square_whole_and_inside(left, top, width, height, factor, picture):
    size = Size(*picture)

    square = square_around(Box(left, top, left + width, top + height), factor, size)

    assert square.width == square.height >= 1
    assert all(value == int(value) for value in (square.left, square.top, square.right, square.bottom))
    assert square.left >= 0
    assert square.top >= 0
    assert square.right <= size.width
    assert square.bottom <= size.height


@pytest.mark.parametrize(
    ("other", "expected"),
    [(Box(0, 0, 10, 10), 1.0), (Box(5, 0, 15, 10), 1 / 3), (Box(10, 0, 20, 10), 0.0), (Box(0, 0, 5, 10), 0.5)],
    ids=["same", "half shifted", "touching", "inside"],
)
def test_overlap(other, expected):
    assert Box(0, 0, 10, 10).intersection_over_union(other) == pytest.approx(expected)


def test_a_similarity_is_found_again():
    points = np.array([[0, 0], [10, 0], [5, 5], [2, 9], [8, 9]], float)
    # Turned by 90 degrees, doubled, moved by (3, 4).
    target = np.array([[3, 4], [3, 24], [-7, 14], [-15, 8], [-15, 20]], float)

    matrix = similarity(points, target)

    assert matrix == pytest.approx(np.array([[0, -2, 3], [2, 0, 4]]), abs=1e-9)
    assert transformed(points, matrix) == pytest.approx(target)


def test_a_similarity_never_mirrors():
    points = np.array([[0, 0], [10, 0], [5, 8]], float)

    matrix = similarity(points, points * (-1, 1))

    assert np.linalg.det(matrix[:, :2]) > 0


def test_one_point_gives_no_similarity():
    with pytest.raises(ValueError, match="same point"):
        similarity(np.ones((5, 2)), np.zeros((5, 2)))


@pytest.mark.parametrize(
    ("right_eye", "tilt"), [((10, 0), 0), ((10, 10), 45), ((0, 10), 90), ((-10, 0), 180), ((10, -10), -45)]
)
def test_the_eye_line_says_how_far_a_face_is_turned(right_eye, tilt):
    assert eye_line_tilt(np.array([(0, 0), right_eye])) == pytest.approx(tilt)


def test_a_box_is_cut_at_the_picture():
    assert Box(-5, -5, 20, 20).clipped(Size(10, 8)) == Box(0, 0, 10, 8)
    assert Box(5, 5, 1, 1).area == 0


def test_a_picture_lies_on_the_pixels_whose_middles_it_covers():
    doubled = np.array([[2.0, 0, 10.5], [0, 2.0, 20.5]])

    # Pixels 0..3 reach from −0.5 to 3.5, which lie at 9.5 and 17.5: the pixels 10 to 17.
    box = lying_at(doubled, Size(4, 2))

    assert box == Box(10, 20, 18, 24)
    assert moved_into(doubled, box).tolist() == [[2, 0, 0.5], [0, 2, 0.5]]
    assert scale_of(doubled) == 2


def test_a_direction_has_length_one_unless_there_is_none():
    assert direction(np.array([[3.0], [4.0]])).tolist() == [0.6, 0.8]
    assert direction(np.zeros(2)).tolist() == [0, 0]


@pytest.mark.parametrize("factor", [0.25, 0.4, 2.5, 3.0])
def test_a_point_goes_along_when_its_picture_is_resized(factor):
    """A soft dot is drawn, the picture resized, and the dot measured."""
    import cv2

    where = np.array([[41.3, 27.8]])
    rows, columns = np.mgrid[:80, :100]
    dot = np.exp(-((columns - where[0, 0]) ** 2 + (rows - where[0, 1]) ** 2) / 50.0)
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(dot, (round(100 * factor), round(80 * factor)), interpolation=way)
    rows, columns = np.mgrid[: small.shape[0], : small.shape[1]]
    found = (columns * small).sum() / small.sum(), (rows * small).sum() / small.sum()

    assert resized_points(where, factor)[0] == pytest.approx(found, abs=0.01)


def test_points_are_resized_by_each_directions_own_factor():
    assert resized_points(np.array([(0.0, 0.0), (10.0, 10.0)]), np.array([2.0, 3.0])).tolist() == [[0.5, 1], [20.5, 31]]
