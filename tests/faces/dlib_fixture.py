"""dlib's face network as an .onnx file: a real embedder on which our reader of such files is tried.

The file is dlib_face_recognition_resnet_model_v1.dat (Davis King, public domain), as the Python package
face_recognition_models carries it. It is a fixture, never the product's measure: it takes smooth, studio-like faces of
different persons for one. It is read by the facts of dlib's serialisation: a whole number is a byte that counts its
bytes (128 more for a negative one) and these bytes, lowest first; a float is mantissa and exponent to the base 2; a
text is its length and its letters; a truth is the digit 0 or 1; a tensor is a version, four sizes and plain floats.
The layers follow one another from the input to the output, each with its name.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from easyphoto.faces.crop import CropRecipe

VARIABLE = "EASYPHOTO_DLIB_MODEL"
SIDE = 150
RECIPE = CropRecipe(
    side=SIDE,
    points=((41, 34), (101, 35), (71, 71), (44, 97), (98, 98)),
    mean=(122.782, 117.001, 104.298),
    deviation=256.0,
)
"""The points are those that land there on dlib's own chips; the mean is written in the file too."""
# Add layers, tags and skips of the architecture: 14 blocks of 8, four of them with 3 more, and 6 others.
_LAYERS_BUT_LOSS = 130


def given() -> Path | None:
    """The file that the environment variable names; None where it is not set or nothing is there."""
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named and Path(named).is_file() else None


@dataclass(frozen=True)
class Layer:
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Bytes:
    """A file's bytes, and how far they are read."""

    data: bytes
    at: int = 0

    def raw(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise ValueError(f"the file ends at byte {len(self.data)}, in the middle of something")
        self.at += count
        return self.data[self.at - count : self.at]

    def whole(self) -> int:
        control = self.raw(1)[0]
        if control & 0x7F not in range(1, 9):
            raise ValueError(f"no whole number at byte {self.at - 1}")
        value = int.from_bytes(self.raw(control & 0x7F), "little")
        return -value if control & 0x80 else value

    def wholes(self, count: int) -> tuple[int, ...]:
        return tuple(self.whole() for _ in range(count))

    def real(self) -> float:
        mantissa, exponent = self.wholes(2)
        return float(mantissa) * 2.0**exponent

    def text(self) -> str:
        return self.raw(self.whole()).decode("ascii")

    def truth(self) -> bool:
        return {b"0": False, b"1": True}[self.raw(1)]

    def tensor(self) -> np.ndarray:
        version, *sizes = self.wholes(5)
        if version != 2:
            raise ValueError(f"a tensor of version {version} at byte {self.at}")
        count = int(np.prod(sizes))
        return np.array(struct.unpack(f"<{count}f", self.raw(4 * count)), np.float32).reshape(sizes)

    def part(self) -> tuple[int, ...]:
        """The shape of a part of a tensor."""
        version, *sizes = self.wholes(5)
        if version != 1:
            raise ValueError(f"a part of version {version} at byte {self.at}")
        return tuple(sizes)


def read_layers(file: Path) -> list[Layer]:
    """All layers from the input on. Raises ValueError where a byte is not understood or left over."""
    source = Bytes(file.read_bytes())
    loss_version, loss = source.whole(), source.text()
    if (loss_version, loss) != (1, "loss_metric_2"):
        raise ValueError(f"the network ends in {loss} of version {loss_version}")
    source.real(), source.real()
    versions = [source.whole() for _ in range(_LAYERS_BUT_LOSS)]
    if not set(versions) <= {1, 2, 3}:
        raise ValueError(f"versions {sorted(set(versions))}")
    layers = [_input(source)]
    while source.at < len(source.data):
        name = source.text()
        if name not in _READERS:
            raise ValueError(f"a layer {name!r} at byte {source.at}")
        layers.append(Layer(name, _READERS[name](source)))
        _running_state(source, first=len(layers) == 2)
    return layers


def _input(source: Bytes) -> Layer:
    name = source.text()
    mean, sides = tuple(source.real() for _ in range(3)), source.wholes(2)
    return Layer(name, {"mean": mean, "sides": sides})


def _convolution(source: Bytes) -> dict[str, Any]:
    numbers = source.tensor().ravel()
    outputs, height, width, stride, stride_across, padding, padding_across = source.wholes(7)
    filters, biases = source.part(), source.part()
    _rates(source)
    if (height, stride, padding) != (width, stride_across, padding_across) or biases != (1, outputs, 1, 1):
        raise ValueError("a convolution that is not square")
    count = int(np.prod(filters))
    return {"stride": stride, "padding": padding, "weight": numbers[:count].reshape(filters), "bias": numbers[count:]}


def _affine(source: Bytes) -> dict[str, Any]:
    numbers, gamma, beta = source.tensor().ravel(), source.part(), source.part()
    source.whole()
    count = int(np.prod(gamma))
    if numbers.size != count + int(np.prod(beta)):
        raise ValueError("an affine layer of the wrong size")
    return {"factor": numbers[:count], "shift": numbers[count:]}


def _pool(source: Bytes) -> dict[str, Any]:
    height, _, stride, _, padding, _ = source.wholes(6)
    return {"window": height, "stride": stride, "padding": padding}


def _linear(source: Bytes) -> dict[str, Any]:
    outputs, inputs = source.wholes(2)
    weight = source.tensor().reshape(inputs, outputs)
    source.part(), source.part(), source.whole()
    _rates(source)
    return {"weight": weight}


def _rates(source: Bytes) -> None:
    """Learning rates and decays of weights and biases."""
    for _ in range(4):
        source.real()


def _running_state(source: Bytes, *, first: bool) -> None:
    """Three switches and three emptied tensors; the first layer also says how many pictures it makes of one."""
    for _ in range(3):
        source.truth()
    for _ in range(3):
        if source.tensor().size:
            raise ValueError("a layer keeps pictures of its training")
    if first:
        source.whole()


_READERS: Mapping[str, Callable[[Bytes], dict[str, Any]]] = {
    "con_4": _convolution,
    "affine_": _affine,
    "relu_": lambda source: {},
    "add_prev_": lambda source: {},
    "max_pool_2": _pool,
    "avg_pool_2": _pool,
    "fc_2": _linear,
}


class _Graph:
    """Nodes put one after the other; keeps the shape, because sums need it."""

    def __init__(self, side: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last, self.channels, self.side = "picture", 3, side

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        self.last = f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [self.last], **attributes))
        return self.last

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def window(self, kind: str, *inputs: str, window: int, stride: int, padding: int) -> str:
        self.side = (self.side + 2 * padding - window) // stride + 1
        return self.add(kind, *inputs, kernel_shape=[window] * 2, strides=[stride] * 2, pads=[padding] * 4)

    def padded(self, name: str, channels: int, side: int, *, to: tuple[int, int]) -> str:
        """Zeros behind the last channel, row and column: dlib adds tensors of different sizes so."""
        if (channels, side) == to:
            return name
        more = [0, 0, 0, 0, 0, to[0] - channels, to[1] - side, to[1] - side]
        return self.add("Pad", name, self.constant(np.array(more, np.int64)))


def write_onnx(file: Path, target: Path) -> Path:
    """The network of dlib's file as an .onnx file: (1, 3, 150, 150) RGB, centred and scaled, to (1, 128)."""
    layers = read_layers(file)
    graph = _Graph(SIDE)
    for index, layer in enumerate(layers[1:-2], start=1):
        starts_block = layer.name == "con_4" and layers[index - 1].name in ("relu_", "max_pool_2")
        if starts_block and _adds_after_two(layers, index):
            beside = (graph.last, graph.channels, graph.side)
        if layer.name == "avg_pool_2":
            main = (graph.last, graph.channels, graph.side)
            _, channels, side = beside
            graph.channels, graph.side = channels, side
            beside = (graph.window("AveragePool", beside[0], **layer.values), channels, graph.side)
            graph.last, graph.channels, graph.side = main
        elif layer.name == "add_prev_":
            here = (graph.last, graph.channels, graph.side)
            to = (max(here[1], beside[1]), max(here[2], beside[2]))
            graph.add("Add", graph.padded(*here, to=to), graph.padded(*beside, to=to))
            graph.channels, graph.side = to
        else:
            _plain(graph, layer)
    graph.add("GlobalAveragePool", graph.last)
    graph.add("Flatten", graph.last)
    graph.add("MatMul", graph.last, graph.constant(layers[-1].values["weight"]))
    shown = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    said = helper.make_tensor_value_info(graph.last, TensorProto.FLOAT, [1, 128])
    made = helper.make_graph(graph.nodes, "dlib", [shown], [said], graph.constants)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), target)
    return target


def _adds_after_two(layers: list[Layer], index: int) -> bool:
    """Whether this convolution is the first of a block's two."""
    names = [layer.name for layer in layers[index : index + 7]]
    return names[:5] == ["con_4", "affine_", "relu_", "con_4", "affine_"] and "add_prev_" in names[5:]


def _plain(graph: _Graph, layer: Layer) -> None:
    """A layer with one input."""
    values = layer.values
    match layer.name:
        case "con_4":
            weight = values["weight"]
            names = graph.constant(weight), graph.constant(values["bias"])
            graph.window(
                "Conv", graph.last, *names, window=weight.shape[2], stride=values["stride"], padding=values["padding"]
            )
            graph.channels = weight.shape[0]
        case "affine_":
            for kind, numbers in (("Mul", values["factor"]), ("Add", values["shift"])):
                graph.add(kind, graph.last, graph.constant(numbers.reshape(1, -1, 1, 1)))
        case "relu_":
            graph.add("Relu", graph.last)
        case "max_pool_2":
            graph.window("MaxPool", graph.last, **values)
