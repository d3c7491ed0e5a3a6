"""Fusion by inswapper: a small network of the same signature, made here, shows what goes in and what comes back."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from easyphoto.errors import InputError, LicenceRefused, MissingCapability, WeightsMissing
from easyphoto.faces.crop import ARCFACE_POINTS
from easyphoto.faces.engine import Face
from easyphoto.faces.fuser import NoFuser, open_fuser
from easyphoto.faces.inswapper import InSwapper
from easyphoto.geometry import Box
from easyphoto.progress import NullProgress, Progress
from easyphoto.weights.catalog import UsedWeight
from tests.fakes import face_at

EMAP = np.roll(np.eye(512, dtype=np.float32), 1, axis=1) * 3


def network(file: Path, *, emap: np.ndarray = EMAP, side: int = 128) -> Path:
    """Answers 1 − target, and in the red channel the vector's second number everywhere."""
    constants = [
        numpy_helper.from_array(np.array([[1.0]] + [[0.0]] * 511, np.float32), "pick"),
        numpy_helper.from_array(np.array([[[[0.0]], [[1.0]], [[1.0]]]], np.float32), "others"),
        numpy_helper.from_array(np.array([[[[1.0]], [[0.0]], [[0.0]]]], np.float32), "red"),
        numpy_helper.from_array(np.array(1.0, np.float32), "one"),
        numpy_helper.from_array(np.array([1, 1, 1, 1], np.int64), "shape"),
        numpy_helper.from_array(np.roll(np.eye(512, dtype=np.float32), -1, axis=1), "turn"),
        numpy_helper.from_array(emap, "emap"),
    ]
    nodes = [
        helper.make_node("Sub", ["one", "target"], ["negative"]),
        helper.make_node("Mul", ["negative", "others"], ["rest"]),
        helper.make_node("MatMul", ["source", "turn"], ["turned"]),
        helper.make_node("MatMul", ["turned", "pick"], ["number"]),
        helper.make_node("Reshape", ["number", "shape"], ["level"]),
        helper.make_node("Mul", ["red", "level"], ["tint"]),
        helper.make_node("Add", ["rest", "tint"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("target", TensorProto.FLOAT, [1, 3, side, side]),
        helper.make_tensor_value_info("source", TensorProto.FLOAT, [1, 512]),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, side, side])
    graph = helper.make_graph(nodes, "inswapper", inputs, [output], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(file))
    return file


class FirstNumber:
    """An embedder whose vectors are 1 at the first place."""

    scale = None
    weights = (UsedWeight("buffalo_l", "w600k_r50.onnx", "research", "2" * 64),)

    def __init__(self, id: str = "buffalo_l") -> None:
        self.id = id

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        return np.eye(512, dtype=np.float32)[0]


PERSON = Image.new("RGB", (60, 60))
PERSON_FACE = face_at(Box(10, 10, 50, 50))


def template() -> tuple[Image.Image, Face]:
    points = np.add(ARCFACE_POINTS, (68, 60)).astype(np.float32)
    return Image.new("RGB", (256, 256), (40, 100, 160)), Face(Box(80, 80, 176, 190), points, 1.0)


def test_the_answer_lies_on_the_face_with_its_colours_in_order(tmp_path: Path):
    picture, face = template()

    made = np.asarray(InSwapper(network(tmp_path / "n.onnx"), FirstNumber()).fused(PERSON, PERSON_FACE, picture, face))

    # The vector's first number, moved to the second place by the map and brought back to length 1, is the red.
    assert made[124, 124].tolist() == [255, 155, 95]
    assert made[5, 5].tolist() == [40, 100, 160]


def test_the_square_is_the_template_of_112_moved_8_to_the_right_of_128(tmp_path: Path):
    """With the face's points at the template's + (68, 60) the square lies at 60..188 on both axes."""
    picture, face = template()

    made = np.asarray(InSwapper(network(tmp_path / "n.onnx"), FirstNumber()).fused(PERSON, PERSON_FACE, picture, face))

    rows, columns = np.nonzero((made != (40, 100, 160)).any(-1))
    assert 60 <= rows.min() <= 63
    assert 184 <= rows.max() <= 188
    assert 60 <= columns.min() <= 63
    assert 184 <= columns.max() <= 188
    assert np.abs(np.diff(made.astype(int), axis=0)).max() < 40


def test_another_embedder_is_refused(tmp_path: Path):
    with pytest.raises(MissingCapability, match="w600k_r50"):
        InSwapper(network(tmp_path / "n.onnx"), FirstNumber("antelopev2"))


def test_a_file_without_the_map_is_refused(tmp_path: Path):
    with pytest.raises(WeightsMissing, match=r"last constant has the shape \(4, 4\)"):
        InSwapper(network(tmp_path / "n.onnx", emap=np.eye(4, dtype=np.float32)), FirstNumber())


def test_what_is_no_onnx_file_is_refused(tmp_path: Path):
    (tmp_path / "n.onnx").write_bytes(b"no network")

    with pytest.raises(WeightsMissing, match="not the model inswapper_128"):
        InSwapper(tmp_path / "n.onnx", FirstNumber())


def test_without_the_package_onnx_the_advice_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = network(tmp_path / "n.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)

    with pytest.raises(MissingCapability, match="pip install onnx"):
        InSwapper(file, FirstNumber())


class Shelf:
    """A store that holds one file, or refuses."""

    state = "as it was"

    def __init__(self, file: Path | None) -> None:
        self.file = file

    def bytes_of(self, used: Iterable[UsedWeight]) -> int:
        return 1000

    def require(self, id: str, progress: Progress) -> Path:
        if self.file is None:
            raise LicenceRefused(f"{id} is for research only.")
        return self.file

    def used(self, id: str) -> UsedWeight:
        return UsedWeight(id, "inswapper_128.onnx", "research", "3" * 64)


def test_warp_is_ours_and_opens_nothing():
    assert open_fuser("warp", Shelf(None), NullProgress()) is None


def test_a_refused_licence_is_said_when_it_comes_to_fusing():
    fuser = open_fuser("inswapper", Shelf(None), NullProgress())

    assert isinstance(fuser, NoFuser)
    assert fuser.weights == ()
    with pytest.raises(LicenceRefused, match="inswapper-128 is for research only"):
        fuser.fused(PERSON, PERSON_FACE, *template())


def test_opened_it_names_its_own_file_and_the_embedder_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr("easyphoto.faces.inswapper.open_embedder", lambda id, *_: asked.append(id) or FirstNumber())

    fuser = open_fuser("inswapper", Shelf(network(tmp_path / "n.onnx")), NullProgress())

    assert asked == ["buffalo_l"]
    assert fuser is not None
    assert [file.id for file in fuser.weights] == ["inswapper-128", "buffalo_l"]


def test_an_unknown_fusion_is_refused():
    with pytest.raises(InputError, match="warp, inswapper"):
        open_fuser("simswap", Shelf(None), NullProgress())
