"""Tiny .onnx files of the formats that the readers know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]


def write_onnx(
    file: Path,
    nodes: Sequence[onnx.NodeProto],
    *,
    picture: Shape,
    outputs: Mapping[str, Shape],
    constants: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """A network with one input, `picture`, of that shape."""
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, picture)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(file))
    return file


def write_scrfd(file: Path, answers: Mapping[str, np.ndarray]) -> Path:
    """SCRFD's format: whatever the picture shows, these outputs; scores are multiplied by its brightest number."""
    nodes = [helper.make_node("ReduceMax", ["picture"], ["brightest"], keepdims=0)]
    for name, value in answers.items():
        second = "brightest" if value.shape[-1] == 1 else "one"
        nodes.append(helper.make_node("Mul", [f"{name}_value", second], [name]))
    constants = {f"{name}_value": value.astype(np.float32) for name, value in answers.items()}
    return write_onnx(
        file,
        nodes,
        picture=[1, 3, "height", "width"],
        outputs={name: value.shape for name, value in answers.items()},
        constants={**constants, "one": np.array(1, np.float32)},
    )


def scrfd_answers(side: int = 640, *, batch: bool = False) -> dict[int, list[np.ndarray]]:
    """Kind (1, 4, 10 values) → the arrays of strides 8, 16 and 32, all zero."""
    counts = [2 * (side // stride) ** 2 for stride in (8, 16, 32)]
    lead = (1,) if batch else ()
    return {kind: [np.zeros((*lead, count, kind), np.float32) for count in counts] for kind in (1, 4, 10)}


def write_pixelwise(file: Path, weight: np.ndarray, bias: np.ndarray, *, side: int, sigmoid: bool = False) -> Path:
    """Every output channel is a weighted sum of the pixel's three numbers; `weight` is (channels, 3)."""
    nodes = [helper.make_node("Conv", ["picture", "weight", "bias"], ["sums"])]
    nodes.append(helper.make_node("Sigmoid" if sigmoid else "Identity", ["sums"], ["answer"]))
    return write_onnx(
        file,
        nodes,
        picture=["batch", 3, side, side],
        outputs={"answer": ["batch", len(weight), side, side]},
        constants={"weight": weight.astype(np.float32)[..., None, None], "bias": bias.astype(np.float32)},
    )
