"""The readers of embedder files, on small networks of the same formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import EnvironmentFailure, WeightsMissing
from easyphoto.faces.arcface import ArcFaceEmbedder
from easyphoto.faces.crop import ARCFACE_POINTS, CropRecipe
from easyphoto.faces.engine import Face
from easyphoto.geometry import transformed
from easyphoto.images.pictures import as_array, as_picture
from tests.faces.tiny_embedder import NUMBERS, random_projection, soft_face, write_embedder

pytest.importorskip("onnxruntime")

RECIPE = CropRecipe()


@pytest.fixture
def tiny(tmp_path: Path) -> ArcFaceEmbedder:
    return ArcFaceEmbedder(write_embedder(tmp_path / "tiny.onnx", random_projection()), RECIPE, id="tiny")


def turned(picture: Image.Image, face: Face, degrees: float) -> tuple[Image.Image, Face]:
    matrix = cv2.getRotationMatrix2D((picture.width / 2, picture.height / 2), degrees, 1.0)
    image = cv2.warpAffine(as_array(picture), matrix, picture.size, borderMode=cv2.BORDER_REFLECT)
    return as_picture(image), replace(face, points=transformed(face.points, matrix).astype(np.float32))


def test_the_same_face_twice_gives_one_vector_of_length_one(tiny: ArcFaceEmbedder) -> None:
    picture, face = soft_face()

    once, again = tiny.embed(picture, face), tiny.embed(picture, face)

    assert once.shape == (128,)
    assert once.dtype == np.float32
    assert float(np.linalg.norm(once)) == pytest.approx(1, abs=1e-6)
    assert float(once @ again) == pytest.approx(1, abs=1e-6)


def test_another_face_gives_another_vector(tiny: ArcFaceEmbedder) -> None:
    one, other = soft_face(0), soft_face(1)

    assert float(tiny.embed(*one) @ tiny.embed(*other)) < 0.6


def test_a_turned_picture_gives_nearly_the_same_vector_because_the_face_is_put_upright(tiny: ArcFaceEmbedder) -> None:
    picture, face = soft_face()
    turned_picture, turned_face = turned(picture, face, 30)

    upright = tiny.embed(picture, face)

    assert float(upright @ tiny.embed(turned_picture, turned_face)) > 0.99
    assert float(upright @ tiny.embed(turned_picture, face)) < 0.9


def test_a_picture_four_times_as_large_gives_nearly_the_same_vector(tiny: ArcFaceEmbedder) -> None:
    picture, face = soft_face()
    large = picture.resize((1200, 1200), Image.Resampling.BICUBIC)
    points = (face.points + 0.5) * 4 - 0.5

    assert float(tiny.embed(picture, face) @ tiny.embed(large, replace(face, points=points))) > 0.995


def test_red_comes_first_unless_the_recipe_reverses_the_colours(tmp_path: Path) -> None:
    file = write_embedder(tmp_path / "means.onnx")
    _, face = soft_face()
    red = Image.new("RGB", (300, 300), (255, 0, 0))

    vector = ArcFaceEmbedder(file, RECIPE, id="means").embed(red, face)
    reversed_ = ArcFaceEmbedder(file, replace(RECIPE, reversed_colours=True), id="means").embed(red, face)

    assert vector.shape == (NUMBERS,)
    assert (vector[:196] > 0).all()
    assert (vector[196:] < 0).all()
    assert (reversed_[:392] < 0).all()
    assert (reversed_[392:] > 0).all()


def test_bytes_become_numbers_from_minus_one_to_one() -> None:
    square = np.array([[[0, 255, 51]]], np.uint8)

    assert RECIPE.numbers(square)[0, 0] == pytest.approx([-1.0, 1.0, -0.6])


def test_a_network_with_the_colours_last_gives_the_same_vector(tiny: ArcFaceEmbedder, tmp_path: Path) -> None:
    file = write_embedder(tmp_path / "last.onnx", random_projection(), channels_last=True)
    picture, face = soft_face()

    last = ArcFaceEmbedder(file, RECIPE, id="last").embed(picture, face)

    assert float(last @ tiny.embed(picture, face)) == pytest.approx(1, abs=1e-6)


def test_a_network_of_another_side_is_shown_the_same_square_at_its_own_size(
    tiny: ArcFaceEmbedder, tmp_path: Path
) -> None:
    file = write_embedder(tmp_path / "half.onnx", random_projection(), side=56)
    picture, face = soft_face()

    half = ArcFaceEmbedder(file, RECIPE, id="half").embed(picture, face)

    # A bare scaling of the points moves the square by a quarter of a pixel of the smaller grid.
    assert float(half @ tiny.embed(picture, face)) > 0.995


def test_a_graph_that_leaves_batch_and_side_open_is_shown_the_usual_square(
    tiny: ArcFaceEmbedder, tmp_path: Path
) -> None:
    file = write_embedder(tmp_path / "open.onnx", random_projection(), batch="None", open_side=True)
    picture, face = soft_face()

    found = ArcFaceEmbedder(file, RECIPE, id="open").embed(picture, face)

    assert float(found @ tiny.embed(picture, face)) == pytest.approx(1, abs=1e-6)


def test_a_graph_that_does_not_take_the_usual_square_is_named(tmp_path: Path) -> None:
    file = write_embedder(tmp_path / "wide.onnx", random_projection(), side=224, open_side=True)

    with pytest.raises(
        EnvironmentFailure, match=r"wide\.onnx is not a face recognition model: it does not take a square of 112 px"
    ):
        ArcFaceEmbedder(file, RECIPE, id="wide")


def test_what_lies_beyond_the_picture_is_black() -> None:
    white = Image.new("RGB", (112, 112), "white")
    _, face = soft_face(offset=(56, 0))

    square = RECIPE.square(white, face, 112)

    assert square[56, 20].tolist() == [255, 255, 255]
    assert square[56, 100].tolist() == [0, 0, 0]


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no network at all")

    with pytest.raises(WeightsMissing, match=r"broken\.onnx"):
        ArcFaceEmbedder(tmp_path / "broken.onnx", RECIPE, id="broken")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"outputs": 2}, "1 inputs and 2 outputs"),
        ({"picture_out": True}, "no vector"),
        ({"projection": np.ones((NUMBERS, 5))}, "no vector"),
        ({"projection": np.full((NUMBERS, 128), np.nan)}, "no number"),
        ({"colours": 4}, "no RGB picture"),
    ],
)
def test_a_network_that_is_no_embedder_is_named(tmp_path: Path, kind: dict[str, object], words: str) -> None:
    file = write_embedder(tmp_path / "other.onnx", **kind)  # type: ignore[arg-type]

    with pytest.raises(EnvironmentFailure, match=rf"other\.onnx is not a face recognition model.*{words}"):
        ArcFaceEmbedder(file, RECIPE, id="other")


class TestSFace:
    """OpenCV's reader; the same small network, which is shown bytes from 0 to 255, red first."""

    def test_opencv_lays_the_face_on_the_same_points_and_shows_red_first(self, tmp_path: Path) -> None:
        from easyphoto.faces.sface import SFaceEmbedder

        file = write_embedder(tmp_path / "tiny.onnx", random_projection())
        bare = ArcFaceEmbedder(file, replace(RECIPE, mean=(0, 0, 0), deviation=1), id="bare")
        picture, face = soft_face()

        vector = SFaceEmbedder(file, id="sface").embed(picture, face)

        assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-6)
        assert float(vector @ bare.embed(picture, face)) > 0.9999

    def test_a_large_face_is_reduced_before_opencv_takes_single_pixels(self, tmp_path: Path) -> None:
        from easyphoto.faces.sface import SFaceEmbedder

        embedder = SFaceEmbedder(write_embedder(tmp_path / "tiny.onnx", random_projection()), id="sface")
        picture, face = soft_face()
        large = picture.resize((1800, 1800), Image.Resampling.BICUBIC)
        grain = np.random.default_rng(0).normal(0, 60, (1800, 1800, 1))
        grainy = as_picture(np.clip(as_array(large) + grain, 0, 255).astype(np.uint8))
        six = Face(face.box.scaled(6), (face.points + 0.5) * 6 - 0.5, 0.9)

        assert float(embedder.embed(large, six) @ embedder.embed(grainy, six)) > 0.999

    def test_a_broken_file_is_named(self, tmp_path: Path) -> None:
        from easyphoto.faces.sface import SFaceEmbedder

        (tmp_path / "broken.onnx").write_bytes(b"no network at all")

        with pytest.raises(WeightsMissing, match=r"broken\.onnx"):
            SFaceEmbedder(tmp_path / "broken.onnx", id="sface")


def test_the_five_points_are_upright_and_in_the_middle() -> None:
    points = np.asarray(ARCFACE_POINTS)

    assert points.mean(axis=0) == pytest.approx([56.03, 71.90], abs=0.01)
    assert points[0, 0] < points[2, 0] < points[1, 0]
