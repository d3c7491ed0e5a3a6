"""Small networks in the formats of the real embedders: means of blocks of the square, projected."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from easyphoto.faces.crop import ARCFACE_POINTS
from easyphoto.faces.engine import Face
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture

BLOCKS = 14
NUMBERS = 3 * BLOCKS * BLOCKS
"""Means of the three colours over 14 × 14 blocks; the first 196 are the first colour's."""


def write_embedder(
    target: Path,
    projection: np.ndarray | None = None,
    *,
    side: int = 112,
    channels_last: bool = False,
    picture_out: bool = False,
    outputs: int = 1,
    colours: int = 3,
    batch: int | str = 1,
    open_side: bool = False,
) -> Path:
    """An .onnx file that takes one square; without a projection (588, N) it gives the block means themselves."""
    nodes = [helper.make_node("Identity", ["data"], ["first"])]
    if channels_last:
        nodes = [helper.make_node("Transpose", ["data"], ["first"], perm=[0, 3, 1, 2])]
    block = side // BLOCKS
    nodes.append(helper.make_node("AveragePool", ["first"], ["means"], kernel_shape=[block] * 2, strides=[block] * 2))
    constants, out_shape = [], [batch, colours, BLOCKS, BLOCKS]
    if picture_out:
        nodes.append(helper.make_node("Identity", ["means"], ["out0"]))
    else:
        matrix = np.eye(colours * BLOCKS * BLOCKS) if projection is None else projection
        out_shape = [batch, matrix.shape[1]]
        constants = [numpy_helper.from_array(np.asarray(matrix, np.float32), "matrix")]
        nodes.append(helper.make_node("Flatten", ["means"], ["flat"]))
        nodes.append(helper.make_node("MatMul", ["flat", "matrix"], ["out0"]))
    nodes += [helper.make_node("Identity", ["out0"], [f"out{index}"]) for index in range(1, outputs)]
    height, width = ("height", "width") if open_side else (side, side)
    shape = [batch, height, width, colours] if channels_last else [batch, colours, height, width]
    shown = helper.make_tensor_value_info("data", TensorProto.FLOAT, shape)
    said = [helper.make_tensor_value_info(f"out{index}", TensorProto.FLOAT, out_shape) for index in range(outputs)]
    graph = helper.make_graph(nodes, "tiny", [shown], said, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), target)
    return target


def random_projection(seed: int = 0, *, numbers: int = 128) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(NUMBERS, numbers))


def soft_face(seed: int = 0, *, size: int = 300, offset: tuple[float, float] = (90, 90)) -> tuple[Image.Image, Face]:
    """A picture of soft coloured spots, and an upright face of 112 px at that offset on it."""
    noise = np.random.default_rng(seed).integers(0, 256, (size // 12, size // 12, 3)).astype(np.uint8)
    picture = as_picture(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC))
    points = np.asarray(ARCFACE_POINTS, np.float32) + np.asarray(offset, np.float32)
    return picture, Face(Box(offset[0], offset[1], offset[0] + 112, offset[1] + 112), points, 0.9)
