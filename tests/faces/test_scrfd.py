"""SCRFD's outputs, written out by hand, decoded to the face they describe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import WeightsMissing

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from easyphoto.faces.scrfd import Scrfd
from tests.faces.onnx_files import scrfd_answers, write_scrfd

# A picture of 320 × 160 is doubled to 640 × 320 for the network.
WHITE = Image.new("RGB", (320, 160), "white")


def with_one_face(*, batch: bool = False) -> dict[int, list[np.ndarray]]:
    """A face at the anchor (160, 80) of stride 16, once more but weaker beside it, and one below the limit."""
    answers = scrfd_answers(batch=batch)
    scores, distances, offsets = (answers[kind][1].reshape(-1, kind) for kind in (1, 4, 10))
    place = 2 * (5 * 40 + 10)
    scores[place], scores[place + 1], scores[0] = 0.9, 0.8, 0.49
    distances[place] = distances[place + 1] = (2, 1.5, 2, 2.5)
    offsets[place] = (-1, -0.5, 1, -0.5, 0, 0, -0.75, 1, 0.75, 1)
    return answers


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("by_stride", [False, True])
def test_the_face_is_where_the_outputs_say(tmp_path: Path, batch: bool, by_stride: bool) -> None:
    answers = with_one_face(batch=batch)
    kinds = [(kind, level) for kind in (1, 4, 10) for level in range(3)]
    if by_stride:
        kinds = [(kind, level) for level in (2, 0, 1) for kind in (10, 1, 4)]
    named = {f"out{number}": answers[kind][level] for number, (kind, level) in enumerate(kinds)}

    faces = Scrfd(write_scrfd(tmp_path / "scrfd.onnx", named)).detect(WHITE)

    assert len(faces) == 1
    box = faces[0].box
    assert [box.left, box.top, box.right, box.bottom] == pytest.approx([64, 28, 96, 60])
    expected = [[72, 36], [88, 36], [80, 40], [74, 48], [86, 48]]
    assert faces[0].points.tolist() == [pytest.approx(point) for point in expected]
    # White is (255 − 127.5) / 128 to the network, and the file multiplies its scores by that.
    assert faces[0].score == pytest.approx(0.9 * 127.5 / 128)


def test_boxes_that_do_not_overlap_stay_largest_first(tmp_path: Path) -> None:
    answers = with_one_face()
    answers[1][2][0], answers[4][2][0] = 0.7, (0, 0, 4, 4)
    named = {f"out{kind}_{level}": answers[kind][level] for kind in (1, 4, 10) for level in range(3)}

    faces = Scrfd(write_scrfd(tmp_path / "scrfd.onnx", named)).detect(WHITE)

    assert [round(face.box.width) for face in faces] == [64, 32]


def test_nothing_above_the_limit_is_no_face(tmp_path: Path) -> None:
    answers = scrfd_answers()
    named = {f"out{kind}_{level}": answers[kind][level] for kind in (1, 4, 10) for level in range(3)}

    assert Scrfd(write_scrfd(tmp_path / "scrfd.onnx", named)).detect(WHITE) == ()


def test_a_file_without_points_is_refused(tmp_path: Path) -> None:
    answers = scrfd_answers()
    boxes_only = {f"out{kind}_{level}": answers[kind][level] for kind in (1, 4) for level in range(3)}

    with pytest.raises(WeightsMissing, match="not an SCRFD with five points: it has 6 outputs"):
        Scrfd(write_scrfd(tmp_path / "scrfd.onnx", boxes_only))


def test_outputs_of_another_size_are_refused(tmp_path: Path) -> None:
    answers = scrfd_answers(320)
    named = {f"out{kind}_{level}": answers[kind][level] for kind in (1, 4, 10) for level in range(3)}

    with pytest.raises(WeightsMissing, match="its outputs are"):
        Scrfd(write_scrfd(tmp_path / "scrfd.onnx", named)).detect(WHITE)


def test_a_broken_file_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "scrfd.onnx").write_bytes(b"nothing of the kind")

    with pytest.raises(WeightsMissing, match="cannot be read by onnxruntime"):
        Scrfd(tmp_path / "scrfd.onnx")
