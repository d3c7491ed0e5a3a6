"""Detection, alignment, embedding and parsing of drawn faces with the networks of `faces.networks`.

Shared by the engine that runs them and the scripts that train them (tools/miniature/faces_*.py). Imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from easyphoto.faces.candidates import strongest
from easyphoto.faces.networks import (
    ALIGN_SIZE,
    DETECTOR_STRIDE,
    REFINE_SIZE,
    CoarseDetector,
    Config,
    FaceDetector,
    Image,
    Points,
    Refiner,
    to_tensor,
)
from easyphoto.geometry import similarity
from easyphoto.images.pictures import warped

Found = tuple[tuple[float, float, float, float], Points, float]
# The five points of an average drawn face in the aligned crop, in pixels. The crop is deliberately wider than the usual
# one for photographs: jaw, chin, brows and ears carry much of a drawn identity, so the whole face stays inside.
ALIGN_TEMPLATE: Points = np.array(
    [[38.0, 40.0], [74.0, 40.0], [56.0, 64.0], [41.0, 79.5], [71.0, 79.5]], dtype=np.float32
)
PARSE_SIZE = 128
# Side of the parser's crop divided by the longer side of the face box.
PARSE_CROP_FACTOR = 1.7
REFINE_CROP_FACTOR = 1.5


@dataclass(frozen=True)
class Candidate:
    """One detected face, in pixels of the picture."""

    box: NDArray[np.float32]
    """(4,) left, top, right, bottom."""
    points: Points
    """(5, 2)."""
    score: float
    """0..1."""


def detect(module: nn.Module, config: Config, image: Image) -> list[Found]:
    """Faces of a (height, width, 3) uint8 RGB picture, best first.

    Each is (left, top, right, bottom), (5, 2) float32 points (both in pixels) and a score in 0..1.
    """
    return detect_at(module, config, image, float(config["threshold"]))


def detect_at(module: nn.Module, config: Config, image: Image, threshold: float) -> list[Found]:
    """Like `detect`, at a given score threshold (0..1): the training scripts measure the whole curve."""
    if not isinstance(module, FaceDetector):
        raise TypeError(f"a FaceDetector is needed, not {type(module).__name__}")
    candidates: list[Candidate] = []
    for side in pyramid_sides(config, image.shape[0], image.shape[1]):
        candidates += coarse_candidates(module.coarse, image, side, float(config["coarse_threshold"]))
    candidates = suppress(candidates, 0.4)[: int(config["max_candidates"])]
    refined = suppress(refine(module.refiner, image, candidates), 0.3)
    return [_found(candidate) for candidate in refined if candidate.score >= threshold]


def pyramid_sides(config: Config, height: int, width: int) -> list[int]:
    """Longest sides, in pixels, at which the picture is searched; larger ones only if the picture is about as large."""
    longest = max(height, width)
    return [side for index, side in enumerate(config["pyramid"]) if index == 0 or longest >= 0.75 * side]


def letterbox(image: Image, side: int) -> tuple[NDArray[np.uint8], float]:
    """The (height, width, 3) uint8 picture resized to a longest side of `side` pixels and padded with grey to multiples
    of 32, and the scale used."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    bottom, right = -size[1] % 32, -size[0] % 32
    padded = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    return np.asarray(padded, dtype=np.uint8), scale


def coarse_candidates(module: CoarseDetector, image: Image, side: int, threshold: float) -> list[Candidate]:
    """Peaks above `threshold` (0..1) of the centre heat map at one scale; `image` is (height, width, 3) uint8 RGB."""
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
        # Boxes are measured from pixel edges, points from pixel centres (as in OpenCV).
        result.append(Candidate(box.astype(np.float32), (points / scale - 0.5).astype(np.float32), float(score)))
    return result


def decode_geometry(
    cell: NDArray[np.float32], value: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], Points]:
    """Centre (2,), size (2,) and points (5, 2), in the network's pixels, from a cell (2,) and its geometry (14,)."""
    middle = (cell + value[:2]) * DETECTOR_STRIDE
    size = (np.exp(np.clip(value[2:4], -3.0, 3.0)) * 64.0).astype(np.float32)
    points = (middle + value[4:].reshape(5, 2) * size.mean()).astype(np.float32)
    return middle, size, points


def suppress(candidates: list[Candidate], limit: float) -> list[Candidate]:
    """Non-maximum suppression at an intersection over union of `limit`; best first."""
    boxes = np.array([candidate.box for candidate in candidates])
    kept = strongest(boxes, np.array([candidate.score for candidate in candidates]), limit)
    return [candidates[index] for index in kept]


def square_crop(
    image: Image, box: NDArray[np.float32], factor: float, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The square around a (4,) box, `factor` times its longer side, as (size, size, 3) uint8; and the square's
    (left, top, side) in pixels of the picture, (3,) float32."""
    side = max(float(max(box[2] - box[0], box[3] - box[1])) * factor, 2.0)
    left, top = float(box[0] + box[2] - side) / 2, float(box[1] + box[3] - side) / 2
    scale = size / side
    matrix = np.array([[scale, 0, -left * scale + 0.5 * scale - 0.5], [0, scale, -top * scale + 0.5 * scale - 0.5]])
    crop = warp(image, matrix, size)
    return crop, np.array([left, top, side], dtype=np.float32)


def warp(image: Image, matrix: NDArray[np.floating[Any]], size: int) -> NDArray[np.uint8]:
    """Affine resampling to (size, size, 3) uint8 by a (2, 3) matrix; beyond the picture its edge is repeated."""
    return warped(image, matrix, (size, size))


def refine(module: Refiner, image: Image, candidates: list[Candidate]) -> list[Candidate]:
    """Candidates with refined points and boxes; the score is the geometric mean of the coarse and the refined one.

    `image` is (height, width, 3) uint8 RGB.
    """
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


def align(image: Image, points: Points, size: int = ALIGN_SIZE) -> NDArray[np.uint8]:
    """The aligned face, (size, size, 3) uint8 RGB, input of the embedder and the regressor; `points` are (5, 2)."""
    matrix = similarity(np.asarray(points, dtype=np.float32), ALIGN_TEMPLATE * (size / ALIGN_SIZE))
    return warp(image, matrix, size)


def embed(module: nn.Module, config: Config, aligned: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unit embeddings (N, 128) float32 of aligned faces (N, 112, 112, 3) uint8."""
    return _run(module, aligned, int(config["input_size"]))


def regress(module: nn.Module, config: Config, aligned: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Identity parameters (N, P) float32 of aligned faces (N, 112, 112, 3) uint8, ordered as config["parameters"]."""
    return _run(module, aligned, int(config["input_size"]))


def parse(module: nn.Module, config: Config, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Part labels (size, size) uint8 of a (size, size, 3) uint8 face crop at the parser's input size (`parse_crop`)."""
    size = int(config["input_size"])
    if crop.shape[:2] != (size, size):
        raise ValueError(f"the parser takes {size}x{size} crops, not {crop.shape[1]}x{crop.shape[0]}")
    with torch.inference_mode():
        labels = module(to_tensor(crop[None]))[0].argmax(dim=0)
    return np.asarray(labels.numpy(), dtype=np.uint8)


def doubt(module: nn.Module, crop: NDArray[np.uint8]) -> float:
    """Mean entropy (nats) of the parser's labels over the person's pixels in a (size, size, 3) uint8 crop.

    The background is left out, because the parser is uncertain about backgrounds of one strong colour.
    """
    with torch.inference_mode():
        logs = module(to_tensor(crop[None]))[0].log_softmax(dim=0)
    person = logs.argmax(dim=0) != 0
    if not person.any():
        return math.log(len(logs))
    return float(-(logs.exp() * logs).sum(dim=0)[person].mean())


def parse_crop(image: Image, box: Sequence[float]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The parser's crop (128, 128, 3) uint8 around a face box (left, top, right, bottom), and the crop's
    (left, top, side) in pixels of the picture, (3,) float32."""
    return square_crop(image, np.asarray(box, dtype=np.float32), PARSE_CROP_FACTOR, PARSE_SIZE)


def _run(module: nn.Module, aligned: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    if aligned.ndim != 4 or aligned.shape[1:] != (size, size, 3):
        raise ValueError(f"aligned faces of shape (N, {size}, {size}, 3) are needed, not {aligned.shape}")
    with torch.inference_mode():
        out = module(to_tensor(aligned))
    return np.asarray(out.numpy(), dtype=np.float32)
