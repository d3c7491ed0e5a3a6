"""RetinaFace with a ResNet-50 (Deng et al., 2019) from PyTorch files, run from the state dict.

The keys are those of biubug6/Pytorch_Retinaface, shared by facexlib's detection_Resnet50_Final.pth and ModelScope's
damo/cv_resnet50_face-detection_retinaface. Both were trained on BGR in 0..255.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from easyphoto.faces.candidates import as_faces, fitted, strongest
from easyphoto.faces.engine import Face
from easyphoto.faces.parts import failure_of
from easyphoto.faces.tensor_tables import NORM, norm_shapes, read_tensors
from easyphoto.images.pictures import as_array
from easyphoto.messages import text
from easyphoto.weights.catalog import UsedWeight

if TYPE_CHECKING:
    from torch import Tensor

# Side in pixels it was trained at; larger pictures are reduced, smaller ones are not enlarged.
_SIDE = 840
_MEAN = (104.0, 117.0, 123.0)
_STRIDES = (8, 16, 32)
_PRIOR_SIDES = ((16, 32), (64, 128), (256, 512))
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2
_SCORE = 0.8
_OVERLAP = 0.4
_EPSILON = 1e-5
_ADVICE = text("Use facexlib's detection_Resnet50_Final.pth, or choose yunet.")


@dataclass(frozen=True)
class RetinaLayout:
    """Channel widths and block counts of the network; the defaults are the published ones."""

    width: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    out: int = 256

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor of the network, by its key in the file."""
        found = {"body.conv1.weight": (self.width, 3, 7, 7), **norm_shapes("body.bn1", self.width)}
        for name, inputs, width, has_shortcut in self.body():
            found |= _conv(f"{name}.conv1.weight", f"{name}.bn1", (width, inputs, 1, 1))
            found |= _conv(f"{name}.conv2.weight", f"{name}.bn2", (width, width, 3, 3))
            found |= _conv(f"{name}.conv3.weight", f"{name}.bn3", (4 * width, width, 1, 1))
            if has_shortcut:
                found |= _conv(f"{name}.downsample.0.weight", f"{name}.downsample.1", (4 * width, inputs, 1, 1))
        return found | self._neck() | self._heads()

    def body(self) -> Iterator[tuple[str, int, int, bool]]:
        """Name, input channels, inner channels and whether there is a shortcut convolution, of every block in order."""
        inputs = self.width
        for layer, count in enumerate(self.blocks):
            width = self.width * 2**layer
            for index in range(count):
                yield f"body.layer{layer + 1}.{index}", inputs, width, index == 0
                inputs = 4 * width

    def _neck(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        half, quarter = self.out // 2, self.out // 4
        context = {
            "conv3X3": (half, self.out), "conv5X5_1": (quarter, self.out), "conv5X5_2": (quarter, quarter),
            "conv7X7_2": (quarter, quarter), "conv7x7_3": (quarter, quarter),
        }  # fmt: skip
        for level in (1, 2, 3):
            name = f"fpn.output{level}"
            found |= _conv(f"{name}.0.weight", f"{name}.1", (self.out, 4 * self.width * 2**level, 1, 1))
            for part, sides in context.items():
                found |= _conv(f"ssh{level}.{part}.0.weight", f"ssh{level}.{part}.1", (*sides, 3, 3))
        for name in ("fpn.merge1", "fpn.merge2"):
            found |= _conv(f"{name}.0.weight", f"{name}.1", (self.out, self.out, 3, 3))
        return found

    def _heads(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for (head, values), level in product((("ClassHead", 2), ("BboxHead", 4), ("LandmarkHead", 10)), range(3)):
            anchors = len(_PRIOR_SIDES[level])
            found[f"{head}.{level}.conv1x1.weight"] = (anchors * values, self.out, 1, 1)
            found[f"{head}.{level}.conv1x1.bias"] = (anchors * values,)
        return found


class RetinaFace:
    """Detector of faces with five points; runs on CUDA if torch supports it."""

    id = "retinaface"

    def __init__(self, file: Path, weights: tuple[UsedWeight, ...] = (), *, layout: RetinaLayout | None = None) -> None:
        self.weights = weights
        self._layout = layout or RetinaLayout()
        tensors = read_tensors(file, self._layout.shapes(), what="RetinaFace with a ResNet-50", advice=_ADVICE)
        self._tensors = _on_best_device(tensors)

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        image = as_array(picture)
        small, back = fitted(image, min(max(image.shape[:2]), _SIDE))
        try:
            offsets, scores, point_offsets = self._answers(small)
        except RuntimeError as error:
            raise failure_of(self.id, error) from error
        priors = prior_boxes(small.shape[0], small.shape[1])
        sure = scores >= _SCORE
        boxes = decoded_boxes(offsets[sure], priors[sure])
        points = decoded_points(point_offsets[sure], priors[sure])
        kept = strongest(boxes, scores[sure], _OVERLAP)
        return as_faces(boxes[kept] * np.tile(back, 2), points[kept] * back, scores[sure][kept])

    def _answers(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Box offsets (N, 4), scores (N,) and point offsets (N, 10) of all priors, for (height, width, 3) uint8 RGB."""
        import torch

        numbers = image[..., ::-1].astype(np.float32) - np.asarray(_MEAN, np.float32)
        device = self._tensors["body.conv1.weight"].device
        batch = torch.from_numpy(np.ascontiguousarray(numbers.transpose(2, 0, 1)[None])).to(device)
        with torch.inference_mode():
            levels = _Network(self._tensors, self._layout)(batch)
            boxes, classes, points = (torch.cat(parts, 0).float() for parts in zip(*levels, strict=True))
            scores = classes.softmax(-1)[:, 1]
        return boxes.cpu().numpy(), scores.cpu().numpy(), points.cpu().numpy()


class _Network:
    """The forward pass with a file's tensors."""

    def __init__(self, tensors: Mapping[str, Tensor], layout: RetinaLayout) -> None:
        self._tensors = tensors
        self._layout = layout

    def __call__(self, batch: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Box offsets, class values and point offsets of the three levels, (priors, values) each."""
        from torch.nn import functional

        levels = self._body(batch)
        narrow = [self._unit(f"fpn.output{index + 1}", level) for index, level in enumerate(levels)]
        for index in (1, 0):
            above = functional.interpolate(narrow[index + 1], size=narrow[index].shape[2:], mode="nearest")
            narrow[index] = self._unit(f"fpn.merge{index + 1}", narrow[index] + above)
        return [self._heads(index, self._context(f"ssh{index + 1}", level)) for index, level in enumerate(narrow)]

    def _body(self, batch: Tensor) -> list[Tensor]:
        """The outputs of the ResNet's last three layers."""
        from torch.nn import functional

        flow = self._conv("body.conv1.weight", "body.bn1", batch, stride=2).relu()
        flow = functional.max_pool2d(flow, 3, 2, 1)
        ends = {f"body.layer{layer}.{count - 1}" for layer, count in enumerate(self._layout.blocks, 1) if layer > 1}
        levels = []
        for name, _, _, has_shortcut in self._layout.body():
            # The first block of every layer but the first halves the resolution, in its middle convolution.
            stride = 2 if has_shortcut and not name.startswith("body.layer1.") else 1
            inner = self._conv(f"{name}.conv1.weight", f"{name}.bn1", flow).relu()
            inner = self._conv(f"{name}.conv2.weight", f"{name}.bn2", inner, stride=stride).relu()
            inner = self._conv(f"{name}.conv3.weight", f"{name}.bn3", inner)
            if has_shortcut:
                flow = self._conv(f"{name}.downsample.0.weight", f"{name}.downsample.1", flow, stride=stride)
            flow = (inner + flow).relu()
            if name in ends:
                levels.append(flow)
        return levels

    def _context(self, name: str, flow: Tensor) -> Tensor:
        """SSH context module: the map at receptive fields of 3, 5 and 7 pixels."""
        import torch

        near = self._unit(f"{name}.conv3X3", flow, relu=False)
        once = self._unit(f"{name}.conv5X5_1", flow)
        middle = self._unit(f"{name}.conv5X5_2", once, relu=False)
        far = self._unit(f"{name}.conv7x7_3", self._unit(f"{name}.conv7X7_2", once), relu=False)
        return torch.cat([near, middle, far], 1).relu()

    def _heads(self, level: int, flow: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._head("BboxHead", level, flow), self._head("ClassHead", level, flow), self._head(
            "LandmarkHead", level, flow
        )  # fmt: skip

    def _head(self, head: str, level: int, flow: Tensor) -> Tensor:
        from torch.nn import functional

        key = f"{head}.{level}.conv1x1"
        answer = functional.conv2d(flow, self._tensors[f"{key}.weight"], self._tensors[f"{key}.bias"])
        anchors = len(_PRIOR_SIDES[level])
        return answer[0].permute(1, 2, 0).reshape(-1, answer.shape[1] // anchors)

    def _unit(self, name: str, flow: Tensor, *, relu: bool = True) -> Tensor:
        answer = self._conv(f"{name}.0.weight", f"{name}.1", flow)
        return answer.relu() if relu else answer

    def _conv(self, weight: str, norm: str, flow: Tensor, *, stride: int = 1) -> Tensor:
        """A convolution that keeps the size (except for its stride), and its batch norm."""
        from torch.nn import functional

        kernel = self._tensors[weight]
        flow = functional.conv2d(flow, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        scale, shift, mean, variance = (self._tensors[f"{norm}.{name}"] for name in NORM)
        return functional.batch_norm(flow, mean, variance, scale, shift, eps=_EPSILON)


def prior_boxes(height: int, width: int) -> np.ndarray:
    """(N, 4) float64: centre x, y, width and height in pixels, in the order of the network's outputs.

    `height` and `width` are those of the network's input.
    """
    levels = []
    for stride, sides in zip(_STRIDES, _PRIOR_SIDES, strict=True):
        rows, columns = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres = (np.stack([columns, rows], axis=-1).reshape(-1, 1, 2) + 0.5) * stride
        sizes = np.repeat(np.asarray(sides, np.float64)[:, None], 2, axis=1)
        both = np.broadcast_arrays(centres, sizes[None])
        levels.append(np.concatenate(both, axis=-1).reshape(-1, 4))
    return np.concatenate(levels)


def decoded_boxes(offsets: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """(N, 4) left, top, right, bottom in pixels, from (N, 4) offsets and (N, 4) priors."""
    centres = priors[:, :2] + offsets[:, :2] * _CENTRE_VARIANCE * priors[:, 2:]
    half = 0.5 * priors[:, 2:] * np.exp(offsets[:, 2:] * _SIZE_VARIANCE)
    return np.concatenate([centres - half, centres + half], axis=1)


def decoded_points(offsets: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """(N, 5, 2) x and y in pixels, from (N, 10) offsets and (N, 4) priors."""
    return priors[:, None, :2] + offsets.reshape(-1, 5, 2) * _CENTRE_VARIANCE * priors[:, None, 2:]


def _on_best_device(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return {key: value.to(device) for key, value in tensors.items()}


def _conv(weight: str, norm: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {weight: shape, **norm_shapes(norm, shape[0])}
