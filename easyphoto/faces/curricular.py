"""CurricularFace (Huang et al., 2020) from ModelScope's PyTorch file: an IR-101 network, run from its state dict.

The layout is that of damo/cv_ir101_facerecognition_cfglint, whose own pipeline loads the file key for key: an input
layer, residual units of batch norm, two 3×3 convolutions and PReLU, and a linear output layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from easyphoto.faces.crop import CropRecipe
from easyphoto.faces.engine import Face, LikenessScale
from easyphoto.faces.tensor_tables import NORM, norm_shapes, read_tensors
from easyphoto.geometry import unit
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight

if TYPE_CHECKING:
    from torch import Tensor

_EPSILON = 1e-5
_ADVICE = text("Replace it with the right file: easyphoto weights check")


@dataclass(frozen=True)
class ResidualLayout:
    """Channels per stage, units per stage, embedding length and input side (pixels) of an IR network.

    The defaults are IR-101's.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    units: tuple[int, ...] = (3, 13, 30, 3)
    dimensions: int = 512
    side: int = 112

    def steps(self) -> Iterator[tuple[int, int, int]]:
        """Input channels, output channels and stride of every unit, in order."""
        before = self.widths[0]
        for width, count in zip(self.widths, self.units, strict=True):
            for index in range(count):
                yield before, width, 2 if index == 0 else 1
                before = width

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor of the network, by its key in the file."""
        first, last = self.widths[0], self.widths[-1]
        found: dict[str, tuple[int, ...]] = {
            "input_layer.0.weight": (first, 3, 3, 3),
            **norm_shapes("input_layer.1", first),
        }
        found["input_layer.2.weight"] = (first,)
        for index, (inputs, outputs, _) in enumerate(self.steps()):
            found |= _unit_shapes(f"body.{index}", inputs, outputs)
        flat = last * (self.side // 2 ** len(self.widths)) ** 2
        found |= norm_shapes("output_layer.0", last)
        found |= {"output_layer.3.weight": (self.dimensions, flat), "output_layer.3.bias": (self.dimensions,)}
        # The last batch norm has running statistics only, no weight and bias.
        return found | {f"output_layer.4.{name}": (self.dimensions,) for name in NORM[2:]}


class CurricularEmbedder:
    """Embeds a face in 512 dimensions. Raises WeightsMissing for an unreadable file or another network's."""

    def __init__(
        self,
        file: Path,
        *,
        id: str,
        scale: LikenessScale | None = None,
        weights: tuple[UsedWeight, ...] = (),
        layout: ResidualLayout = ResidualLayout(),
    ) -> None:
        self.id, self.scale, self.weights = id, scale, weights
        self._layout = layout
        self._tensors = read_tensors(file, layout.shapes(), what="CurricularFace network", advice=_ADVICE)
        self._recipe = CropRecipe()

    def vector(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(512,) float32 numbers as the network gives them; `picture` is RGB."""
        import torch

        numbers = self._recipe.numbers(self._recipe.square(picture, face, self._layout.side))
        with torch.inference_mode():
            shown = torch.from_numpy(np.ascontiguousarray(numbers.transpose(2, 0, 1)[None]))
            return np.asarray(_forward(self._tensors, self._layout, shown).numpy(), np.float32).ravel()

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(512,) float32 embedding of unit length; `picture` is RGB."""
        return unit(self.vector(picture, face))


def _forward(tensors: Mapping[str, Tensor], layout: ResidualLayout, x: Tensor) -> Tensor:
    """(N, 3, side, side) to (N, dimensions)."""
    from torch.nn import functional

    x = functional.conv2d(x, tensors["input_layer.0.weight"], padding=1)
    x = functional.prelu(_normed(tensors, "input_layer.1", x), tensors["input_layer.2.weight"])
    for index, (inputs, outputs, stride) in enumerate(layout.steps()):
        x = _unit(tensors, f"body.{index}", x, stride=stride, widens=inputs != outputs)
    x = _normed(tensors, "output_layer.0", x).flatten(1)
    x = functional.linear(x, tensors["output_layer.3.weight"], tensors["output_layer.3.bias"])
    return _normed(tensors, "output_layer.4", x)


def _unit(tensors: Mapping[str, Tensor], name: str, x: Tensor, *, stride: int, widens: bool) -> Tensor:
    from torch.nn import functional

    way, short = f"{name}.res_layer", f"{name}.shortcut_layer"
    if widens:
        beside = _normed(tensors, f"{short}.1", functional.conv2d(x, tensors[f"{short}.0.weight"], stride=stride))
    else:
        beside = x[:, :, ::stride, ::stride]
    y = functional.conv2d(_normed(tensors, f"{way}.0", x), tensors[f"{way}.1.weight"], padding=1)
    y = functional.prelu(_normed(tensors, f"{way}.2", y), tensors[f"{way}.3.weight"])
    y = functional.conv2d(y, tensors[f"{way}.4.weight"], stride=stride, padding=1)
    return _normed(tensors, f"{way}.5", y) + beside


def _normed(tensors: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    from torch.nn import functional

    weight, bias, mean, variance = (tensors.get(f"{name}.{part}") for part in NORM)
    return functional.batch_norm(x, mean, variance, weight, bias, eps=_EPSILON)


def _unit_shapes(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    way, short = f"{name}.res_layer", f"{name}.shortcut_layer"
    found: dict[str, tuple[int, ...]] = {f"{way}.1.weight": (outputs, inputs, 3, 3), f"{way}.3.weight": (outputs,)}
    found |= {f"{way}.4.weight": (outputs, outputs, 3, 3)}
    found |= norm_shapes(f"{way}.0", inputs) | norm_shapes(f"{way}.2", outputs) | norm_shapes(f"{way}.5", outputs)
    if inputs != outputs:
        found |= {f"{short}.0.weight": (outputs, inputs, 1, 1)} | norm_shapes(f"{short}.1", outputs)
    return found
