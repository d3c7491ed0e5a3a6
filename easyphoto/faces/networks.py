"""The face-analysis networks for drawn people: detector, part parser, identity embedder, parameter regressor.

The modules are shared by the scripts that train them (tools/miniature/faces_*.py) and by the engine that runs them.
Import this module late: it imports torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from easyphoto.geometry import similarity
from easyphoto.images.pictures import warped

Image = NDArray[np.uint8]
Points = NDArray[np.float32]
Config = dict[str, Any]
Found = tuple[tuple[float, float, float, float], Points, float]

ALIGN_SIZE = 112
# Where the five points of an average drawn face land in the aligned crop. Wider than the usual photographic template
# on purpose: jaw, chin, brows and ears carry much of a drawn identity, so the whole face stays inside.
ALIGN_TEMPLATE: Points = np.array(
    [[38.0, 40.0], [74.0, 40.0], [56.0, 64.0], [41.0, 79.5], [71.0, 79.5]], dtype=np.float32
)
PARSE_SIZE = 128
# Side of the parser's crop over the longer side of the face box.
PARSE_CROP_FACTOR = 1.7
DETECTOR_STRIDE = 8
REFINE_SIZE = 64
REFINE_CROP_FACTOR = 1.5


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
        return functional.relu(x + self.second(self.first(x)))


class ResidualStage(nn.Sequential):
    """A strided convolution followed by residual blocks."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__(ConvUnit(inputs, outputs, 2), *(Residual(outputs) for _ in range(blocks)))


class CoarseDetector(nn.Module):
    """Fully convolutional detector: centre heat map, centre offset, log size and five points at stride 8."""

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
        # Start from "no face anywhere", so that the focal loss does not blow up in the first steps.
        nn.init.constant_(_bias(self.centre), -4.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Centre logits (N,1,h,w) and geometry (N,14,h,w): offset 2, log size 2 and points 10."""
        x8 = self.stage8(self.stage4(self.stem(x)))
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        x16 = self.merge16(x16 + functional.interpolate(self.lateral32(x32), size=x16.shape[-2:], mode="nearest"))
        x8 = self.merge8(x8 + functional.interpolate(self.lateral16(x16), size=x8.shape[-2:], mode="nearest"))
        x8 = self.head(x8)
        return self.centre(x8), self.geometry(x8)


class Refiner(nn.Module):
    """Second look at one candidate: is it an upright face, where exactly are its points and its box."""

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
        """Points (N,5,2) and box (N,4), both in fractions of the crop, and the face logit (N,)."""
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
    """The coarse search over the picture and the refiner of its candidates."""

    def __init__(self, widths: Sequence[int], refiner_widths: Sequence[int]) -> None:
        super().__init__()
        self.coarse = CoarseDetector(widths)
        self.refiner = Refiner(refiner_widths)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        centre, geometry = self.coarse(x)
        return centre, geometry


class FaceParser(nn.Module):
    """Small U-Net from a 128 px face crop to part logits at full resolution."""

    def __init__(self, widths: Sequence[int], labels: int) -> None:
        super().__init__()
        w0, w1, w2, w3 = widths
        # Working at half resolution and shuffling pixels back costs a quarter of a full-resolution U-Net.
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
    """Residual network over the aligned 112 px crop; keeps the 7x7 layout, since places are what identifies."""

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
        hidden: Tensor = self.hidden(self.squeeze(self.stages(self.stem(x))))
        return hidden


class IdentityNetwork(nn.Module):
    """Identity embedding of unit length. The parameter head only serves training."""

    def __init__(
        self, widths: Sequence[int], blocks: Sequence[int], squeeze: int, hidden: int, dimensions: int, parameters: int
    ) -> None:
        super().__init__()
        self.trunk = AlignedTrunk(widths, blocks, squeeze, hidden)
        self.project = nn.Linear(hidden, dimensions)
        self.parameters_head = nn.Linear(hidden, parameters)

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(self.project(self.trunk(x)), dim=1)


class Regressor(nn.Module):
    """Identity parameters from the aligned crop: the check that uses no embedder."""

    def __init__(
        self, widths: Sequence[int], blocks: Sequence[int], squeeze: int, hidden: int, parameters: int
    ) -> None:
        super().__init__()
        self.trunk = AlignedTrunk(widths, blocks, squeeze, hidden)
        self.out = nn.Linear(hidden, parameters)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.trunk(x))
        return out


def build(config: Config) -> nn.Module:
    """The untrained module a configuration describes."""
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
    """The trained module `name` of a folder, ready for inference, and its configuration."""
    config: Config = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    module = build(config)
    state = load_file(str(folder / f"{name}.safetensors"))
    module.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    module.eval()
    # Convolutions on a CPU are about a third faster in this layout, with the same result.
    return module.to(memory_format=torch.channels_last), config


def save_network(module: nn.Module, config: Config, folder: Path, name: str) -> None:
    """Write the weights as fp16 and the configuration next to them."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        key: (value.detach().half() if value.is_floating_point() else value.detach()).clone().contiguous()
        for key, value in module.state_dict().items()
    }
    save_file(state, str(folder / f"{name}.safetensors"))
    (folder / f"{name}.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """(N,H,W,3) bytes to (N,3,H,W) in [-1,1]."""
    batch = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return batch.to(torch.float32, memory_format=torch.channels_last) / 127.5 - 1.0


# --- detection ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """One face in picture coordinates."""

    box: NDArray[np.float32]
    points: Points
    score: float


def detect(module: nn.Module, config: Config, image: Image) -> list[Found]:
    """Faces of an RGB picture, best first: (left, top, right, bottom), five points and score."""
    return detect_at(module, config, image, float(config["threshold"]))


def detect_at(module: nn.Module, config: Config, image: Image, threshold: float) -> list[Found]:
    """As `detect`, at a threshold of the caller's: the scripts need the whole curve."""
    if not isinstance(module, FaceDetector):
        raise TypeError(f"a FaceDetector is needed, not {type(module).__name__}")
    candidates: list[Candidate] = []
    for side in pyramid_sides(config, image.shape[0], image.shape[1]):
        candidates += coarse_candidates(module.coarse, image, side, float(config["coarse_threshold"]))
    candidates = suppress(candidates, 0.4)[: int(config["max_candidates"])]
    refined = suppress(refine(module.refiner, image, candidates), 0.3)
    return [_found(candidate) for candidate in refined if candidate.score >= threshold]


def pyramid_sides(config: Config, height: int, width: int) -> list[int]:
    """Long sides the picture is searched at: the larger ones only where the picture holds that much detail."""
    longest = max(height, width)
    return [side for index, side in enumerate(config["pyramid"]) if index == 0 or longest >= 0.75 * side]


def letterbox(image: Image, side: int) -> tuple[NDArray[np.uint8], float]:
    """The picture with its long side at `side`, padded to multiples of 32; and the scale used."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    bottom, right = -size[1] % 32, -size[0] % 32
    padded = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    return np.asarray(padded, dtype=np.uint8), scale


def coarse_candidates(module: CoarseDetector, image: Image, side: int, threshold: float) -> list[Candidate]:
    """Peaks of the centre heat map at one scale."""
    padded, scale = letterbox(image, side)
    with torch.inference_mode():
        centre, geometry = module(to_tensor(padded[None]))
        heat = centre.sigmoid()
        peaks = (functional.max_pool2d(heat, 3, 1, 1) == heat) & (heat > threshold)
    rows, columns = (index.numpy() for index in torch.nonzero(peaks[0, 0], as_tuple=True))
    scores = heat[0, 0].numpy()[rows, columns]
    values = geometry[0].numpy()[:, rows, columns].T
    cells = np.stack([columns + 0.5, rows + 0.5], axis=1).astype(np.float32)
    result = []
    for cell, value, score in zip(cells, values, scores, strict=True):
        middle, size, points = decode_geometry(cell, value)
        box = np.concatenate([middle - size / 2, middle + size / 2]) / scale
        # Boxes count from pixel edges, points from pixel centres (as OpenCV does).
        result.append(Candidate(box.astype(np.float32), (points / scale - 0.5).astype(np.float32), float(score)))
    return result


def decode_geometry(
    cell: NDArray[np.float32], value: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], Points]:
    """Middle, size and points, in net pixels, of a cell's fourteen numbers."""
    middle = (cell + value[:2]) * DETECTOR_STRIDE
    size = (np.exp(np.clip(value[2:4], -3.0, 3.0)) * 64.0).astype(np.float32)
    points = (middle + value[4:].reshape(5, 2) * size.mean()).astype(np.float32)
    return middle, size, points


def overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return shared / max(areas - shared, 1e-6)


def suppress(candidates: list[Candidate], limit: float) -> list[Candidate]:
    """The best of each group of overlapping candidates, best first."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda item: -item.score):
        if all(overlap(candidate.box, other.box) < limit for other in kept):
            kept.append(candidate)
    return kept


def square_crop(
    image: Image, box: NDArray[np.float32], factor: float, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The square around a box, resized to `size`; and the crop's (left, top, side) in the picture."""
    side = max(float(max(box[2] - box[0], box[3] - box[1])) * factor, 2.0)
    left, top = float(box[0] + box[2] - side) / 2, float(box[1] + box[3] - side) / 2
    scale = size / side
    matrix = np.array([[scale, 0, -left * scale + 0.5 * scale - 0.5], [0, scale, -top * scale + 0.5 * scale - 0.5]])
    crop = warp(image, matrix, size)
    return crop, np.array([left, top, side], dtype=np.float32)


def warp(image: Image, matrix: NDArray[np.floating[Any]], size: int) -> NDArray[np.uint8]:
    """Affine resampling to a square; beyond the picture its edge is repeated."""
    return warped(image, matrix, (size, size))


def refine(module: Refiner, image: Image, candidates: list[Candidate]) -> list[Candidate]:
    """Candidates with exact points and boxes; the score joins the coarse search's and the refiner's opinions."""
    if not candidates:
        return []
    crops = [square_crop(image, candidate.box, REFINE_CROP_FACTOR, REFINE_SIZE) for candidate in candidates]
    with torch.inference_mode():
        points, boxes, logits = module(to_tensor(np.stack([crop for crop, _ in crops])))
        verdicts = logits.sigmoid().numpy()
    result = []
    for index, (candidate, (_, frame)) in enumerate(zip(candidates, crops, strict=True)):
        place = points[index].numpy() * frame[2] + frame[:2] - 0.5
        box = boxes[index].numpy() * frame[2] + np.tile(frame[:2], 2)
        box[2:] = np.maximum(box[2:], box[:2] + 1.0)
        score = math.sqrt(candidate.score * float(verdicts[index]))
        result.append(Candidate(box.astype(np.float32), place.astype(np.float32), score))
    return result


def _found(candidate: Candidate) -> Found:
    left, top, right, bottom = (float(value) for value in candidate.box)
    return (left, top, right, bottom), candidate.points, candidate.score


# --- alignment, embedding, parsing ----------------------------------------------------------------------------------


def align(image: Image, points: Points, size: int = ALIGN_SIZE) -> NDArray[np.uint8]:
    """The face, upright and at standard size, as the embedder and the regressor take it."""
    matrix = similarity(np.asarray(points, dtype=np.float32), ALIGN_TEMPLATE * (size / ALIGN_SIZE))
    return warp(image, matrix, size)


def embed(module: nn.Module, config: Config, aligned: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unit embeddings (N,128) of aligned faces (N,112,112,3)."""
    return _run(module, aligned, int(config["input_size"]))


def regress(module: nn.Module, config: Config, aligned: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Identity parameters (N,P) of aligned faces, in the order of config["parameters"]."""
    return _run(module, aligned, int(config["input_size"]))


def parse(module: nn.Module, config: Config, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Part labels of a square face crop at the parser's input size (see `parse_crop`)."""
    size = int(config["input_size"])
    if crop.shape[:2] != (size, size):
        raise ValueError(f"the parser takes {size}x{size} crops, not {crop.shape[1]}x{crop.shape[0]}")
    with torch.inference_mode():
        labels = module(to_tensor(crop[None]))[0].argmax(dim=0)
    return np.asarray(labels.numpy(), dtype=np.uint8)


def doubt(module: nn.Module, crop: NDArray[np.uint8]) -> float:
    """The mean entropy (nats) of the parser's opinion on the pixels of a crop that it takes for a person's.

    A ground of one strong colour makes it doubt the ground, so that does not count.
    """
    with torch.inference_mode():
        logs = module(to_tensor(crop[None]))[0].log_softmax(dim=0)
    person = logs.argmax(dim=0) != 0
    if not person.any():
        return math.log(len(logs))
    return float(-(logs.exp() * logs).sum(dim=0)[person].mean())


def parse_crop(image: Image, box: Sequence[float]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The parser's crop around a face box, and its (left, top, side) in the picture."""
    return square_crop(image, np.asarray(box, dtype=np.float32), PARSE_CROP_FACTOR, PARSE_SIZE)


def _run(module: nn.Module, aligned: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    if aligned.ndim != 4 or aligned.shape[1:] != (size, size, 3):
        raise ValueError(f"aligned faces of shape (N, {size}, {size}, 3) are needed, not {aligned.shape}")
    with torch.inference_mode():
        out = module(to_tensor(aligned))
    return np.asarray(out.numpy(), dtype=np.float32)


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
