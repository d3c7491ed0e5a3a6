"""The insightface package, played by a stand-in: what it gets, what its answer becomes, that it never fetches."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import EnvironmentFailure, WeightsMissing
from easyphoto.faces.insightface_detector import InsightFaceDetector, pack_file


class StandIn:
    """What `get_model` gives: remembers how it was used."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, dict[str, Any]]] = []
        self.prepared: dict[str, Any] = {}
        self.seen: np.ndarray | None = None
        self.points: np.ndarray | None = np.arange(20, dtype=np.float32).reshape(2, 5, 2)

    def get_model(self, name: str, **keywords: Any) -> StandIn:
        self.opened.append((name, keywords))
        return self

    def prepare(self, **keywords: Any) -> None:
        self.prepared = keywords

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        self.seen = image
        return np.array([[1, 2, 11, 22, 0.6], [30, 30, 90, 110, 0.9]], np.float32), self.points


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in, model_zoo = StandIn(), ModuleType("insightface.model_zoo")
    model_zoo.get_model = stand_in.get_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "insightface", ModuleType("insightface"))
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", model_zoo)
    return stand_in


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "det_10g.onnx").write_bytes(b"the stand-in does not read it")
    return tmp_path / "det_10g.onnx"


def test_its_answer_becomes_faces_largest_first(package: StandIn, file: Path) -> None:
    faces = InsightFaceDetector(file).detect(Image.new("RGB", (120, 120), (255, 0, 7)))

    assert [(face.box.left, face.box.bottom, round(face.score, 3)) for face in faces] == [(30, 110, 0.9), (1, 22, 0.6)]
    assert faces[0].points.tolist() == [[10, 11], [12, 13], [14, 15], [16, 17], [18, 19]]
    assert package.seen is not None
    assert package.seen[0, 0].tolist() == [7, 0, 255]
    assert package.opened[0][0] == str(file)
    assert package.prepared["input_size"] == (640, 640)


def test_boxes_without_points_are_a_named_error(package: StandIn, file: Path) -> None:
    package.points = None

    with pytest.raises(WeightsMissing, match="faces without their landmarks"):
        InsightFaceDetector(file).detect(Image.new("RGB", (10, 10)))


def test_what_the_package_raises_over_a_picture_gets_a_name(
    package: StandIn, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = InsightFaceDetector(file)

    def failing(image: np.ndarray) -> None:
        raise AssertionError("no such stride")

    monkeypatch.setattr(package, "detect", failing)
    with pytest.raises(EnvironmentFailure, match="insightface failed: no such stride"):
        detector.detect(Image.new("RGB", (10, 10)))


def test_without_its_file_the_package_is_not_even_asked(package: StandIn, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"det_10g\.onnx is missing"):
        InsightFaceDetector(tmp_path / "det_10g.onnx")

    assert package.opened == []


def test_without_the_package_the_reader_of_our_own_is_named(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setitem(sys.modules, "insightface", None)
    monkeypatch.delitem(sys.modules, "insightface.model_zoo", raising=False)

    with pytest.raises(EnvironmentFailure, match="pip install insightface — or choose scrfd"):
        InsightFaceDetector(file)


def test_a_package_that_was_built_against_another_numpy_is_a_named_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: Path
) -> None:
    (tmp_path / "insightface").mkdir()
    (tmp_path / "insightface" / "__init__.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.delitem(sys.modules, "insightface", raising=False)
    monkeypatch.delitem(sys.modules, "insightface.model_zoo", raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(EnvironmentFailure, match=r"cannot be loaded here \(ValueError\)"):
        InsightFaceDetector(file)


def test_the_best_detector_of_the_package_s_folder_is_taken(tmp_path: Path) -> None:
    assert pack_file(tmp_path) is None
    for pack, name in (("buffalo_s", "det_500m.onnx"), ("buffalo_l", "det_10g.onnx"), ("buffalo_l", "w600k_r50.onnx")):
        (tmp_path / ".insightface" / "models" / pack).mkdir(parents=True, exist_ok=True)
        (tmp_path / ".insightface" / "models" / pack / name).touch()

    assert pack_file(tmp_path) == tmp_path / ".insightface" / "models" / "buffalo_l" / "det_10g.onnx"
