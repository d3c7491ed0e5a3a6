"""How the two looks of YuNet are put together; on real photographs in `tests/preprocess/test_photographs.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces.engine import Face
from easyphoto.faces.yunet import YuNet
from easyphoto.geometry import Box
from easyphoto.parallel import Spares
from tests.fakes import face_at


class TwoLooks(YuNet):
    """Sees what it is told at 640 px, and at any other side."""

    def __init__(self, coarse: list[Face], fine: list[Face]) -> None:
        self.coarse, self.fine = coarse, fine
        self.sides: list[int] = []

    def _detect_at(self, image: np.ndarray, side: int) -> list[Face]:
        self.sides.append(side)
        return list(self.coarse if side == 640 else self.fine)


def square(left: float, top: float, side: float, *, score: float) -> Face:
    return face_at(Box(left, top, left + side, top + side), score=score)


# At 640 px this picture is a third of its size, in the fine look five sixths.
LARGE = Image.new("RGB", (1920, 1280))


@pytest.mark.parametrize(("size", "sides"), [((960, 500), [640]), ((500, 961), [640, 961]), ((2400, 90), [640, 1600])])
def test_only_large_pictures_are_looked_at_twice(size: tuple[int, int], sides: list[int]) -> None:
    network = TwoLooks([], [])

    network.detect(Image.new("RGB", size))

    assert network.sides == sides


def test_small_faces_of_the_fine_look_join_the_large_ones_of_the_coarse_look() -> None:
    large, small = square(100, 100, 600, score=0.93), square(1200, 300, 40, score=0.9)

    assert TwoLooks([large], [small]).detect(LARGE) == (large, small)


def test_a_large_face_is_the_coarse_look_s_even_where_the_fine_one_is_surer() -> None:
    coarse, fine = square(100, 100, 300, score=0.9), square(110, 100, 290, score=0.95)

    assert TwoLooks([coarse], [fine]).detect(LARGE) == (coarse,)
    # What the coarse look would have seen, had it been there, is no face.
    assert TwoLooks([], [fine]).detect(LARGE) == ()


def test_a_small_face_that_both_looks_see_counts_once_by_the_surer_look() -> None:
    coarse, fine = square(500, 500, 60, score=0.8), square(503, 501, 56, score=0.92)

    assert TwoLooks([coarse], [fine]).detect(LARGE) == (fine,)


def test_inside_a_large_face_no_small_one_is_believed() -> None:
    large, eye = square(100, 100, 600, score=0.93), square(250, 300, 60, score=0.95)

    assert TwoLooks([large], [eye]).detect(LARGE) == (large,)


@pytest.mark.parametrize(("side", "score", "believed"), [(20, 0.84, 0), (20, 0.87, 1), (30, 0.75, 1), (30, 0.65, 0)])
def test_the_smaller_the_face_the_surer_the_fine_look_must_be(side: int, score: float, believed: int) -> None:
    assert len(TwoLooks([], [square(50, 50, side, score=score)]).detect(LARGE)) == believed


def test_a_broken_file_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "yunet.onnx").write_bytes(b"no network")

    with pytest.raises(WeightsMissing, match="cannot be read by OpenCV"):
        YuNet(tmp_path / "yunet.onnx")


class OneFace:
    """In the place of OpenCV's detector: a face with points at 0, 1, 2 … 9 of the picture that it is given."""

    def setInputSize(self, size: tuple[int, int]) -> None:
        pass

    def detect(self, image: np.ndarray) -> tuple[int, np.ndarray]:
        return 1, np.array([[0.0, 0.0, 10.0, 10.0, *range(10), 0.99]], np.float32)


def test_the_points_of_a_reduced_picture_lie_in_the_middle_of_what_a_pixel_shows() -> None:
    network = YuNet.__new__(YuNet)
    network._networks = Spares(OneFace)  # type: ignore[arg-type]

    (face,) = network._detect_at(np.zeros((1280, 1280, 3), np.uint8), 640)

    # Pixel 0 of the reduced picture shows the pixels 0 and 1, whose middle is 0.5.
    assert face.points.tolist() == [[0.5, 2.5], [4.5, 6.5], [8.5, 10.5], [12.5, 14.5], [16.5, 18.5]]
    assert face.box == Box(0, 0, 20, 20)
