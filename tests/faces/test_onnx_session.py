"""What onnxruntime raises gets a name, at opening and at every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easyphoto.errors import EnvironmentFailure, OutOfMemory
from easyphoto.faces.onnx_session import answers_of

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


class Failing:
    """A session that raises what it is told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run(self, names: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        raise self.error


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("[ONNXRuntimeError] : 1 : FAIL : bad allocation", OutOfMemory),
        ("Failed to allocate memory for requested buffer of size 9", OutOfMemory),
        ("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got: 640 Expected: 320", EnvironmentFailure),
    ],
)
def test_a_run_that_fails_is_a_named_error(words: str, kind: type[Exception]) -> None:
    session: Any = Failing(RuntimeError(words))

    with pytest.raises(kind, match="u2net"):
        answers_of(session, {}, "u2net")


def test_a_network_of_another_size_fails_with_a_name(tmp_path: Path) -> None:
    from onnx import helper

    from easyphoto.faces.saliency import RECIPES, OnnxSaliency
    from tests.faces.onnx_files import write_onnx

    file = write_onnx(
        tmp_path / "narrow.onnx",
        [helper.make_node("Identity", ["picture"], ["answer"])],
        picture=[1, 3, 32, 48],
        outputs={"answer": [1, 3, 32, 48]},
    )

    with pytest.raises(EnvironmentFailure, match="u2net failed"):
        OnnxSaliency(file, RECIPES["u2net"], id="u2net").mask(Image.new("RGB", (20, 20)))
