"""Saliency networks of both formats whose answer is the pixel's own brightness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import WeightsMissing

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from easyphoto.faces.saliency import RECIPES, OnnxSaliency
from tests.faces.onnx_files import write_onnx, write_pixelwise

BRIGHTNESS = np.array([[1, 1, 1]])


def half_lit(light: int) -> Image.Image:
    """60 × 40, black on the left, grey on the right."""
    picture = Image.new("RGB", (60, 40))
    picture.paste((light,) * 3, (30, 0, 60, 40))
    return picture


@pytest.mark.parametrize("light", [90, 255])
def test_u2net_s_answer_is_stretched_and_does_not_depend_on_the_light(tmp_path: Path, light: int) -> None:
    file = write_pixelwise(tmp_path / "u2net.onnx", BRIGHTNESS, np.zeros(1), side=320, sigmoid=True)

    mask = OnnxSaliency(file, RECIPES["u2net"], id="u2net").mask(half_lit(light))

    assert (mask.shape, mask.dtype) == ((40, 60), np.float32)
    assert mask[:, :29].max() == pytest.approx(0, abs=1e-3)
    # Enlarged to the network's side, the edge swings a little.
    assert mask[:, 31:].min() == pytest.approx(1, abs=5e-3)


def test_where_u2net_sees_nobody_its_noise_does_not_become_a_person(tmp_path: Path) -> None:
    file = write_pixelwise(tmp_path / "u2net.onnx", BRIGHTNESS, np.full(1, -12.0), side=320, sigmoid=True)

    # White adds up to 7.3, so the surest pixel has 1 / (1 + e^4.7) = 0.009.
    assert OnnxSaliency(file, RECIPES["u2net"], id="u2net").mask(half_lit(255)).max() == pytest.approx(0.009, abs=1e-3)


def test_birefnet_s_answer_goes_through_a_sigmoid(tmp_path: Path) -> None:
    file = write_pixelwise(tmp_path / "birefnet.onnx", np.zeros((1, 3)), np.log([3.0]), side=64)

    mask = OnnxSaliency(file, RECIPES["birefnet"], id="birefnet").mask(half_lit(255))

    # The sigmoid of ln 3 is 3/4; the file's own side of 64 counts, not the 1024 of the usual export.
    assert mask == pytest.approx(np.full((40, 60), 0.75), abs=1e-6)


def test_birefnet_is_given_bytes_over_255_centred_as_imagenet_s(tmp_path: Path) -> None:
    file = write_pixelwise(tmp_path / "birefnet.onnx", np.array([[1, 0, 0]]), np.zeros(1), side=64)

    mask = OnnxSaliency(file, RECIPES["birefnet"], id="birefnet").mask(Image.new("RGB", (8, 8), (51, 0, 0)))

    # Red is 51 / 255 = 0.2; (0.2 − 0.485) / 0.229 = −1.2445, whose sigmoid is 0.2236.
    assert mask[4, 4] == pytest.approx(0.2236, abs=1e-4)


def test_a_file_that_takes_no_picture_is_refused(tmp_path: Path) -> None:
    from onnx import helper

    file = write_onnx(
        tmp_path / "words.onnx",
        [helper.make_node("Identity", ["picture"], ["answer"])],
        picture=[1, 7],
        outputs={"answer": [1, 7]},
    )

    with pytest.raises(WeightsMissing, match="not a picture of three channels"):
        OnnxSaliency(file, RECIPES["u2net"], id="u2net")
