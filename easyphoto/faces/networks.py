"""The face-analysis networks for drawn people: detector, part parser, identity embedder, parameter regressor.

Shared by the scripts that train them (tools/miniature/faces_*.py) and by the engine that runs them. Imports torch, so
import it lazily.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

Image = NDArray[np.uint8]
Points = NDArray[np.float32]
Config = dict[str, Any]

ALIGN_SIZE = 112
DETECTOR_STRIDE = 8
REFINE_SIZE = 64


class ConvUnit(nn.Sequential):
    """3x3 convolution, batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )


class Residual(nn.Module):
    """Two 3x3 convolutions around an identity path."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvUnit(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, h, w) to the same shape."""
        return functional.relu(x + self.second(self.first(x)))


class ResidualStage(nn.Sequential):
    """A strided convolution followed by residual blocks."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__(ConvUnit(inputs, outputs, 2), *(Residual(outputs) for _ in range(blocks)))


class CoarseDetector(nn.Module):
    """Fully convolutional detector: heat map of centres, centre offset, log size and five points at stride 8."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        w0, w1, w2, w3, w4 = widths
        self.stem = ConvUnit(3, w0, 2)
        self.stage4 = ResidualStage(w0, w1, 1)
        self.stage8 = ResidualStage(w1, w2, 1)
        self.stage16 = ResidualStage(w2, w3, 1)
        self.stage32 = ResidualStage(w3, w4, 1)
        self.lateral32 = nn.Conv2d(w4, w3, 1)
        self.lateral16 = nn.Conv2d(w3, w2, 1)
        self.merge16 = ConvUnit(w3, w3)
        self.merge8 = ConvUnit(w2, w2)
        self.head = ConvUnit(w2, w2)
        self.centre = nn.Conv2d(w2, 1, 1)
        self.geometry = nn.Conv2d(w2, 14, 1)
        # Start from "no face anywhere", so that the focal loss does not diverge in the first steps.
        nn.init.constant_(_bias(self.centre), -4.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Centre logits (N, 1, h, w) and geometry (N, 14, h, w), channels offset 2, log size 2 and points 10.

        `x` is (N, 3, 8h, 8w) in −1..1.
        """
        x8 = self.stage8(self.stage4(self.stem(x)))
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        x16 = self.merge16(x16 + functional.interpolate(self.lateral32(x32), size=x16.shape[-2:], mode="nearest"))
        x8 = self.merge8(x8 + functional.interpolate(self.lateral16(x16), size=x8.shape[-2:], mode="nearest"))
        x8 = self.head(x8)
        return self.centre(x8), self.geometry(x8)


class Refiner(nn.Module):
    """Second stage on a candidate's crop: whether it is an upright face, and its exact points and box."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        w0, w1, w2, w3 = widths
        self.stem = ConvUnit(3, w0, 2)
        self.detail = Residual(w0)
        self.quarter = ResidualStage(w0, w1, 1)
        self.eighth = ResidualStage(w1, w2, 1)
        self.sixteenth = ResidualStage(w2, w3, 0)
        self.up8 = nn.Conv2d(w3, w2, 1)
        self.up4 = nn.Conv2d(w2, w1, 1)
        self.up2 = nn.Conv2d(w1, w0, 1)
        self.merge8 = ConvUnit(w2, w2)
        self.merge4 = ConvUnit(w1, w1)
        self.merge2 = ConvUnit(w0, w0)
        self.maps = nn.Conv2d(w0, 5, 1)
        side = REFINE_SIZE // 16
        self.verdict = nn.Sequential(
            nn.Flatten(), nn.Linear(w3 * side * side, 64), nn.ReLU(inplace=True), nn.Linear(64, 5)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Points (N, 5, 2) and boxes (N, 4), both in fractions of the crop, and face logits (N,).

        `x` is (N, 3, 64, 64) in −1..1.
        """
        x2 = self.detail(self.stem(x))
        x4 = self.quarter(x2)
        x8 = self.eighth(x4)
        x16 = self.sixteenth(x8)
        verdict = self.verdict(x16)
        x8 = self.merge8(x8 + functional.interpolate(self.up8(x16), scale_factor=2.0, mode="nearest"))
        x4 = self.merge4(x4 + functional.interpolate(self.up4(x8), scale_factor=2.0, mode="nearest"))
        x2 = self.merge2(x2 + functional.interpolate(self.up2(x4), scale_factor=2.0, mode="nearest"))
        return _soft_argmax(self.maps(x2)), verdict[:, :4], verdict[:, 4]


class FaceDetector(nn.Module):
    """The coarse detector and the refiner of its candidates."""

    def __init__(self, widths: Sequence[int], refiner_widths: Sequence[int]) -> None:
        super().__init__()
        self.coarse = CoarseDetector(widths)
        self.refiner = Refiner(refiner_widths)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As `CoarseDetector.forward`; the refiner runs separately, on crops."""
        centre, geometry = self.coarse(x)
        return centre, geometry


class FaceParser(nn.Module):
    """Small U-Net from a 128 px face crop to part logits at full resolution."""

    def __init__(self, widths: Sequence[int], labels: int) -> None:
        super().__init__()
        w0, w1, w2, w3 = widths
        # At half resolution with pixel shuffling it costs a quarter of a full-resolution U-Net.
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), ConvUnit(12, w0))
        self.down2 = ResidualStage(w0, w1, 1)
        self.down4 = ResidualStage(w1, w2, 1)
        self.down8 = ResidualStage(w2, w3, 1)
        self.up4 = nn.Conv2d(w3, w2, 1)
        self.up2 = nn.Conv2d(w2, w1, 1)
        self.up1 = nn.Conv2d(w1, w0, 1)
        self.merge4 = ConvUnit(w2, w2)
        self.merge2 = ConvUnit(w1, w1)
        self.merge1 = ConvUnit(w0, w0)
        self.out = nn.Sequential(nn.Conv2d(w0, labels * 4, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 128, 128) in −1..1 to part logits (N, labels, 128, 128)."""
        x1 = self.stem(x)
        x2 = self.down2(x1)
        x4 = self.down4(x2)
        x8 = self.down8(x4)
        x4 = self.merge4(x4 + functional.interpolate(self.up4(x8), scale_factor=2.0, mode="bilinear"))
        x2 = self.merge2(x2 + functional.interpolate(self.up2(x4), scale_factor=2.0, mode="bilinear"))
        x1 = self.merge1(x1 + functional.interpolate(self.up1(x2), scale_factor=2.0, mode="bilinear"))
        out: Tensor = self.out(x1)
        return out


class AlignedTrunk(nn.Module):
    """Residual network from the aligned 112 px crop to hidden features.

    The 7x7 map is flattened, not pooled, because positions carry the identity.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], squeeze: int, hidden: int) -> None:
        super().__init__()
        w0, *rest = widths
        self.stem = ConvUnit(3, w0, 2)
        stages: list[nn.Module] = []
        before = w0
        for width, count in zip(rest, blocks, strict=True):
            stages.append(ResidualStage(before, width, count))
            before = width
        self.stages = nn.Sequential(*stages)
        side = ALIGN_SIZE // 2 ** (len(rest) + 1)
        self.squeeze = nn.Sequential(nn.Conv2d(before, squeeze, 1, bias=False), nn.BatchNorm2d(squeeze), nn.ReLU())
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(squeeze * side * side, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 112, 112) in −1..1 to (N, hidden)."""
        hidden: Tensor = self.hidden(self.squeeze(self.stages(self.stem(x))))
        return hidden


class IdentityNetwork(nn.Module):
    """Identity embedding of unit length. The parameter head is for training only."""

    def __init__(
        self, widths: Sequence[int], blocks: Sequence[int], squeeze: int, hidden: int, dimensions: int, parameters: int
    ) -> None:
        super().__init__()
        self.trunk = AlignedTrunk(widths, blocks, squeeze, hidden)
        self.project = nn.Linear(hidden, dimensions)
        self.parameters_head = nn.Linear(hidden, parameters)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 112, 112) in −1..1 to unit vectors (N, dimensions)."""
        return functional.normalize(self.project(self.trunk(x)), dim=1)


class Regressor(nn.Module):
    """Identity parameters from the aligned crop: an identity check independent of the embedder."""

    def __init__(
        self, widths: Sequence[int], blocks: Sequence[int], squeeze: int, hidden: int, parameters: int
    ) -> None:
        super().__init__()
        self.trunk = AlignedTrunk(widths, blocks, squeeze, hidden)
        self.out = nn.Linear(hidden, parameters)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 112, 112) in −1..1 to (N, parameters)."""
        out: Tensor = self.out(self.trunk(x))
        return out


def build(config: Config) -> nn.Module:
    """The untrained module described by a configuration."""
    kind = config["kind"]
    if kind == "detector":
        return FaceDetector(config["widths"], config["refiner_widths"])
    if kind == "parser":
        return FaceParser(config["widths"], len(config["labels"]))
    trunk = (config["widths"], config["blocks"], config["squeeze"], config["hidden"])
    if kind == "embedder":
        return IdentityNetwork(*trunk, config["dimensions"], len(config["parameters"]))
    if kind == "regressor":
        return Regressor(*trunk, len(config["parameters"]))
    raise ValueError(f"unknown kind of face network: {kind!r}")


def load_network(folder: Path, name: str) -> tuple[nn.Module, Config]:
    """The trained module `name` in a folder, in evaluation mode, and its configuration."""
    config: Config = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    module = build(config)
    state = load_file(str(folder / f"{name}.safetensors"))
    module.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    module.eval()
    # Convolutions on the CPU are about a third faster in this memory format, with the same result.
    return module.to(memory_format=torch.channels_last), config


def save_network(module: nn.Module, config: Config, folder: Path, name: str) -> None:
    """Write the weights as fp16 to NAME.safetensors and the configuration to NAME.json."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        key: (value.detach().half() if value.is_floating_point() else value.detach()).clone().contiguous()
        for key, value in module.state_dict().items()
    }
    save_file(state, str(folder / f"{name}.safetensors"))
    (folder / f"{name}.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32 in −1..1."""
    batch = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return batch.to(torch.float32, memory_format=torch.channels_last) / 127.5 - 1.0


def _soft_argmax(maps: Tensor) -> Tensor:
    count, points, height, width = maps.shape
    weights = maps.float().flatten(2).softmax(dim=2).view(count, points, height, width)
    xs = (torch.arange(width, dtype=weights.dtype, device=maps.device) + 0.5) / width
    ys = (torch.arange(height, dtype=weights.dtype, device=maps.device) + 0.5) / height
    return torch.stack([(weights.sum(dim=2) * xs).sum(dim=2), (weights.sum(dim=3) * ys).sum(dim=2)], dim=2)


def _bias(layer: nn.Conv2d) -> Tensor:
    if layer.bias is None:
        raise ValueError("the layer has no bias")
    return layer.bias
