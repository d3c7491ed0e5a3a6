"""A parsing network of 19 classes that goes by the pixel's colour: where its labels end up on the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import WeightsMissing
from easyphoto.faces.engine import Face, Part, Worn
from easyphoto.geometry import Box

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from easyphoto.faces.bisenet import BiSeNet
from tests.faces.onnx_files import write_pixelwise

FACE = Face(Box(60, 60, 140, 160), np.array([[80, 90], [120, 90], [100, 110], [85, 130], [115, 130]], np.float32), 0.9)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> BiSeNet:
    """Black is background (class 0), white is skin (1), red is hair (17), blue is the left eye (4)."""
    weight, bias = np.zeros((19, 3)), np.full(19, -10.0)
    weight[0], weight[1], weight[17], weight[4] = (-1, 0, -1), (0, 1, 0), (1, -1, -1), (-1, -1, 1)
    bias[[0, 1, 17, 4]] = 0
    return BiSeNet(write_pixelwise(tmp_path_factory.mktemp("bisenet") / "b.onnx", weight, bias, side=512))


def painted() -> Image.Image:
    picture = Image.new("RGB", (200, 220))
    picture.paste("white", (70, 70, 130, 150))
    picture.paste("red", (70, 40, 130, 70))
    picture.paste("blue", (76, 86, 84, 94))
    return picture


def test_the_labels_lie_on_the_picture_where_the_colours_are(network: BiSeNet) -> None:
    labels = network.parse(painted(), FACE)

    expected = np.zeros((220, 200), np.uint8)
    expected[70:150, 70:130] = Part.SKIN
    expected[40:70, 70:130] = Part.HAIR
    expected[86:94, 76:84] = Part.EYES
    assert labels.shape == expected.shape
    # Only the pixels along edges may differ: the crop is 160 px wide and is looked at in 512.
    assert (labels != expected).mean() < 0.005
    assert labels[90, 80] == Part.EYES


def test_beyond_the_crop_everything_is_background(network: BiSeNet) -> None:
    labels = network.parse(Image.new("RGB", (400, 400), "white"), FACE)

    rows, columns = np.nonzero(labels)
    # Four eye distances of 40 px around the point a tenth of the way down from the eyes: (100, 94).
    ends = (columns.min(), columns.max(), rows.min(), rows.max())
    assert ends == pytest.approx((20, 179, 14, 173), abs=1)


def test_a_tilted_face_is_looked_at_upright_and_laid_back_tilted(network: BiSeNet) -> None:
    white, level = Image.new("RGB", (400, 400), "white"), FACE.points.astype(np.float64) + 100
    middle, turn = np.array([200.0, 194.0]), np.array([[0.7071, 0.7071], [-0.7071, 0.7071]])

    labels = network.parse(white, Face(FACE.box, ((level - middle) @ turn + middle).astype(np.float32), 0.9))

    # The square of 160 px stands on its tip: it reaches 113 px up, down and sideways, and has the same area.
    rows, columns = np.nonzero(labels)
    ends = (columns.min(), columns.max(), rows.min(), rows.max())
    assert ends == pytest.approx((200 - 113, 200 + 113, 194 - 113, 194 + 113), abs=2)
    assert (labels > 0).sum() == pytest.approx(160**2, rel=0.01)


def test_hair_that_is_not_of_the_person_is_background_but_the_face_stays(network: BiSeNet) -> None:
    labels = network.parse(painted(), FACE, np.zeros((220, 200), np.float32))

    assert labels[50, 100] == Part.BACKGROUND
    assert labels[120, 100] == Part.SKIN


def test_points_that_are_all_one_give_no_parts(network: BiSeNet) -> None:
    assert not network.parse(painted(), Face(FACE.box, np.zeros((5, 2), np.float32), 0.9)).any()


def test_a_network_with_other_classes_is_refused(tmp_path: Path) -> None:
    file = write_pixelwise(tmp_path / "seven.onnx", np.zeros((7, 3)), np.zeros(7), side=64)

    with pytest.raises(WeightsMissing, match="19 parts of a face"):
        BiSeNet(file)


@pytest.mark.parametrize(
    ("red", "worn"),
    [
        ((70, 80, 130, 100), {Worn.GLASSES}),
        ((80, 80, 97, 97), {Worn.GLASSES}),
        ((80, 80, 94, 94), set()),
        (None, set()),
    ],
)
def test_glasses_are_worn_where_they_take_a_hundredth_of_the_square(tmp_path, red, worn):
    """Red is glasses (6); the square is 160 px wide, so a hundredth of it is 256 of the picture's pixels."""
    weight, bias = np.zeros((19, 3)), np.full(19, -10.0)
    weight[0], weight[1], weight[6] = (-1, 0, -1), (0, 1, 0), (1, -1, -1)
    bias[[0, 1, 6]] = 0
    network = BiSeNet(write_pixelwise(tmp_path / "b.onnx", weight, bias, side=512))
    picture = Image.new("RGB", (200, 220))
    if red is not None:
        picture.paste("red", red)

    assert network.worn(picture, FACE) == worn


def test_hats_are_told_from_glasses(tmp_path):
    weight, bias = np.zeros((19, 3)), np.full(19, -10.0)
    weight[0], weight[18] = (-1, 0, -1), (1, -1, -1)
    bias[[0, 18]] = 0
    network = BiSeNet(write_pixelwise(tmp_path / "b.onnx", weight, bias, side=512))
    picture = Image.new("RGB", (200, 220))
    picture.paste("red", (70, 30, 130, 70))

    assert network.worn(picture, FACE) == {Worn.HAT}
