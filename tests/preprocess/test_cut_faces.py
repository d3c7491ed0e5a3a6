"""Faces that the picture's edge cuts."""

from __future__ import annotations

import numpy as np
import pytest

from easyphoto.faces.engine import Face
from easyphoto.geometry import Box, Size
from easyphoto.preprocess.look import cut_side
from tests.fakes import face_at


@pytest.mark.parametrize(
    ("box", "side"),
    [
        (Box(100, 100, 200, 220), None),
        (Box(0, 100, 100, 220), None),
        (Box(-20, 100, 80, 220), "left"),
        (Box(320, 100, 420, 220), "right"),
        (Box(100, -40, 200, 80), "upper"),
        (Box(100, 200, 200, 320), "lower"),
    ],
)
def test_a_box_that_leaves_the_picture_names_the_edge(box: Box, side: str | None) -> None:
    assert cut_side(face_at(box), Size(400, 300)) == side


def test_a_half_face_whose_box_was_squeezed_into_the_picture_is_cut_too() -> None:
    points = np.array([[6, 140], [60, 140], [34, 175], [6, 200], [58, 200]], np.float32)

    assert cut_side(Face(Box(0, 80, 90, 250), points, 0.95), Size(400, 300)) == "left"
