"""Trains the face detector (coarse search and refiner together): python tools/miniature/faces_detector.py --steps 2500

Turned faces (by 90, 180 and 270 degrees) are taught as "no face": the preparation of training photos votes on rotation.
"""

from __future__ import annotations

import faces_threads  # noqa: F401  # isort: skip

import math
from dataclasses import dataclass

import cv2
import faces_configs
import numpy as np
import torch
from faces_data import (
    Bytes,
    Floats,
    Picture,
    load_pictures,
    maybe_jpeg,
    noisy,
    patch_basis,
    recoloured,
    round_trip,
    softened,
)
from faces_train import Budget, budget_arguments, train
from torch import Tensor
from torch.nn import functional

from easyphoto.faces import drawn_analysis, networks
from easyphoto.faces.drawn_analysis import REFINE_CROP_FACTOR, square_crop
from easyphoto.faces.networks import DETECTOR_STRIDE, REFINE_SIZE
from easyphoto.geometry import Box

SEED = 41
SMALLEST_FACE = 15.0  # net pixels: below this a face is neither demanded nor forbidden


@dataclass(frozen=True)
class View:
    """A piece of a picture at net scale. Turned views have no faces to find, but `turned` says where they are."""

    image: Bytes
    boxes: Floats
    points: Floats
    turned: Floats


def sample_view(pictures: list[Picture], rng: np.random.Generator, size: int) -> View:
    picture = pictures[int(rng.integers(len(pictures)))]
    scale = _scale_for(picture, rng, size)
    angle = rng.normal(0.0, 0.08)
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    matrix = np.array([[c, -s, 0.0], [s, c, 0.0]])
    middle = _middle_for(picture, rng, size / scale)
    matrix[:, 2] = size / 2 - 0.5 - matrix[:, :2] @ (middle - 0.5)
    image = _warped(picture.image, matrix, size, rng)
    boxes, points = _moved(picture, matrix, scale)
    inside = ((boxes[:, :2] + boxes[:, 2:]) / 2 > 2).all(axis=1) & ((boxes[:, :2] + boxes[:, 2:]) / 2 < size - 2).all(
        axis=1
    )
    boxes, points = boxes[inside], points[inside]
    image = _repainted(image, pictures, rng)
    image = maybe_jpeg(image, rng, 0.25)
    if rng.random() < 0.2:
        turns = int(rng.integers(1, 4))
        return _turned(image, boxes, turns)
    return View(image, boxes, points, np.zeros((0, 4), dtype=np.float32))


def _scale_for(picture: Picture, rng: np.random.Generator, size: int) -> float:
    if len(picture.boxes) == 0:
        return size / max(picture.image.shape[:2]) * float(np.exp(rng.uniform(-0.3, 0.6)))
    largest = float((picture.boxes[:, 2:] - picture.boxes[:, :2]).max())
    if rng.random() < 0.35:
        # The picture as the engine sees it: the whole of it fills the view.
        return size / max(picture.image.shape[:2]) * float(np.exp(rng.normal(0.0, 0.05)))
    return float(np.exp(rng.uniform(math.log(20.0), math.log(0.92 * size)))) / largest


def _middle_for(picture: Picture, rng: np.random.Generator, reach: float) -> Floats:
    extent = np.array(picture.image.shape[1::-1], dtype=np.float32)
    if len(picture.boxes) == 0 or reach >= extent.max() * 0.9:
        return (extent / 2 + rng.normal(0.0, 0.04, 2) * extent).astype(np.float32)
    box = picture.boxes[int(rng.integers(len(picture.boxes)))]
    free = np.maximum(reach - (box[2:] - box[:2]), 0.15 * reach) / 2
    return ((box[:2] + box[2:]) / 2 + rng.uniform(-1.0, 1.0, 2) * free).astype(np.float32)


def _warped(image: Bytes, matrix: Floats, size: int, rng: np.random.Generator) -> Bytes:
    """The view; beyond the picture's edge it is grey (as letterboxing pads) or goes on."""
    if rng.random() < 0.5:
        return drawn_analysis.warp(image, matrix, size)
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    if scale < 0.6:
        # Pad before the shrinking warp: it knows no constant border.
        reach = 64
        image = cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=(127, 127, 127))
        matrix = matrix.copy()
        matrix[:, 2] -= matrix[:, :2] @ np.array([reach, reach])
        return drawn_analysis.warp(image, matrix, size)
    warped = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(127, 127, 127))
    return np.asarray(warped, dtype=np.uint8)


def _moved(picture: Picture, matrix: Floats, scale: float) -> tuple[Floats, Floats]:
    middles = (picture.boxes[:, :2] + picture.boxes[:, 2:]) / 2 - 0.5
    middles = middles @ matrix[:, :2].T + matrix[:, 2] + 0.5
    half = (picture.boxes[:, 2:] - picture.boxes[:, :2]) / 2 * scale
    points = picture.points @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([middles - half, middles + half], axis=1).astype(np.float32), points.astype(np.float32)


def _turned(image: Bytes, boxes: Floats, turns: int) -> View:
    size, turned = image.shape[0], boxes
    for _ in range(turns):  # np.rot90 turns counter-clockwise: (x, y) goes to (y, size - x)
        turned = np.stack([turned[:, 1], size - turned[:, 2], turned[:, 3], size - turned[:, 0]], axis=1)
    return View(np.ascontiguousarray(np.rot90(image, turns)), boxes[:0], np.zeros((0, 5, 2), np.float32), turned)


def _repainted(image: Bytes, pictures: list[Picture], rng: np.random.Generator) -> Bytes:
    """Now and then a rectangle of another picture or of one colour covers a little of the view."""
    if rng.random() >= 0.25:
        return image
    image, size = image.copy(), image.shape[0]
    height, width = (int(value) for value in rng.integers(size // 12, size // 4, 2))
    top, left = int(rng.integers(size - height)), int(rng.integers(size - width))
    other = pictures[int(rng.integers(len(pictures)))].image
    if rng.random() < 0.5:
        image[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    else:
        image[top : top + height, left : left + width] = other[:height, :width]
    return image


def heat_targets(views: list[View], size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Centre heat (N,1,h,w), geometry (N,14,h,w) and the weight of each cell's geometry (N,1,h,w)."""
    side = size // DETECTOR_STRIDE
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    heat = np.zeros((len(views), 1, side, side), dtype=np.float32)
    weight, geometry = np.zeros_like(heat), np.zeros((len(views), 14, side, side), dtype=np.float32)
    for index, view in enumerate(views):
        for box, points in zip(view.boxes, view.points, strict=True):
            middle, extent = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
            if extent.max() < SMALLEST_FACE:
                continue
            cell = middle / DETECTOR_STRIDE
            spread = max(0.6, 0.08 * float(extent.mean()) / DETECTOR_STRIDE)
            bump = np.exp(-((xs - cell[0]) ** 2 + (ys - cell[1]) ** 2) / (2 * spread**2))
            row, column = (min(int(value), side - 1) for value in cell[::-1])
            bump[row, column] = 1.0
            mine = (bump > 0.3) & (bump > heat[index, 0])
            heat[index, 0] = np.maximum(heat[index, 0], bump)
            weight[index, 0][mine] = bump[mine]
            offsets = np.stack([cell[0] - xs, cell[1] - ys])
            rest = np.concatenate([np.log(extent / 64.0), ((points + 0.5 - middle) / extent.mean()).reshape(-1)])
            geometry[index, :2, mine] = offsets[:, mine].T
            geometry[index, 2:, mine] = rest
    return torch.from_numpy(heat), torch.from_numpy(geometry), torch.from_numpy(weight)


def focal(logits: Tensor, heat: Tensor) -> Tensor:
    share = logits.float().sigmoid().clamp(1e-5, 1 - 1e-5)
    is_centre = heat == 1.0
    gain = torch.where(is_centre, (1 - share) ** 2 * share.log(), (1 - heat) ** 4 * share**2 * (1 - share).log())
    return -gain.sum() / is_centre.sum().clamp(min=1.0)


@dataclass(frozen=True)
class Looks:
    """Crops for the refiner with their verdicts; points and boxes in fractions of the crop."""

    crops: list[Bytes]
    is_face: list[float]
    points: list[Floats]
    boxes: list[Floats]


def sample_looks(view: View, image: Bytes, found: list[Floats], rng: np.random.Generator) -> Looks:
    """Jittered true faces; turned faces, random places and the coarse search's own finds as they turn out."""
    asked = [_jittered(box, rng) for box in view.boxes if (box[2:] - box[:2]).max() >= SMALLEST_FACE]
    asked += [_jittered(box, rng) for box in view.turned[:2]]
    asked += found[:3]
    low = rng.uniform(0, image.shape[0] * 0.7, 2)
    asked.append(np.concatenate([low, low + rng.uniform(16, 80)]).astype(np.float32))
    looks = Looks([], [], [], [])
    for box in asked[:8]:
        shares = [Box(*box).intersection_over_union(Box(*other)) for other in view.boxes]
        best = shares.index(max(shares)) if shares else None
        shared = shares[best] if best is not None else 0.0
        if 0.2 < shared < 0.4:
            continue  # neither a face nor not a face
        crop, frame = square_crop(image, box, REFINE_CROP_FACTOR, REFINE_SIZE)
        looks.crops.append(crop)
        looks.is_face.append(float(shared >= 0.4))
        if best is not None and shared >= 0.4:
            looks.points.append((view.points[best] + 0.5 - frame[:2]) / frame[2])
            looks.boxes.append((view.boxes[best] - np.tile(frame[:2], 2)) / frame[2])
        else:
            looks.points.append(np.zeros((5, 2), dtype=np.float32))
            looks.boxes.append(np.zeros(4, dtype=np.float32))
    return looks


def _jittered(box: Floats, rng: np.random.Generator) -> Floats:
    extent = (box[2:] - box[:2]) * np.exp(rng.normal(0.0, 0.08, 2))
    middle = (box[:2] + box[2:]) / 2 + rng.normal(0.0, 0.06, 2) * extent
    return np.concatenate([middle - extent / 2, middle + extent / 2]).astype(np.float32)


def finds_of(logits: Tensor, geometry: Tensor) -> list[list[Floats]]:
    """The coarse search's best boxes of each view."""
    heat = logits.detach().float().sigmoid()
    peaks = heat * (functional.max_pool2d(heat, 3, 1, 1) == heat)
    values, places = peaks.flatten(1).topk(3, dim=1)
    side, result = heat.shape[-1], []
    for index in range(len(heat)):
        boxes = []
        for value, place in zip(values[index].tolist(), places[index].tolist(), strict=True):
            if value > 0.05:
                row, column = divmod(place, side)
                numbers = geometry[index, :, row, column].detach().float().numpy()
                middle, extent, _ = drawn_analysis.decode_geometry(
                    np.array([column + 0.5, row + 0.5], np.float32), numbers
                )
                boxes.append(np.concatenate([middle - extent / 2, middle + extent / 2]).astype(np.float32))
        result.append(boxes)
    return result


def refiner_loss(module: networks.Refiner, looks: list[Looks]) -> tuple[Tensor, dict[str, float]]:
    crops = np.stack([crop for look in looks for crop in look.crops])
    is_face = torch.tensor([value for look in looks for value in look.is_face])
    points = torch.from_numpy(np.stack([value for look in looks for value in look.points]).astype(np.float32))
    boxes = torch.from_numpy(np.stack([value for look in looks for value in look.boxes]).astype(np.float32))
    with torch.autocast("cpu", torch.bfloat16):
        guessed, framed, verdict = module(networks.to_tensor(crops))
    mine = is_face > 0.5
    count = mine.sum().clamp(min=1)
    far = (guessed[mine].float() - points[mine]).abs().sum() / (10 * count)
    off = (framed[mine].float() - boxes[mine]).abs().sum() / (4 * count)
    doubt = functional.binary_cross_entropy_with_logits(verdict.float(), is_face)
    figures = {"point": float(far.detach()) * REFINE_SIZE, "box": float(off.detach()), "verdict": float(doubt.detach())}
    return 20.0 * far + 4.0 * off + doubt, figures


def photometric_view(batch: Tensor, basis: tuple[Tensor, Tensor], rng: np.random.Generator, step: int) -> Tensor:
    """A third through the autoencoder's stand-in, a quarter softened, all with shifted light and noise."""
    generator = torch.Generator().manual_seed(SEED * 1_000_003 + step)
    kind = rng.random(len(batch))
    for index in range(len(batch)):
        if kind[index] < 0.3:
            batch[index : index + 1] = round_trip(batch[index : index + 1], basis, rng, 112)
        elif kind[index] < 0.5:
            batch[index : index + 1] = softened(batch[index : index + 1], rng, 96)
    return noisy(recoloured(batch, rng, 0.1), generator, rng).clamp(-1.0, 1.0)


def main() -> None:
    arguments = budget_arguments(__doc__, steps=2500, rate=2e-3).parse_args()
    config = faces_configs.detector_config()
    torch.manual_seed(SEED)
    module = networks.build(config)
    assert isinstance(module, networks.FaceDetector)
    pictures = load_pictures(0, 100_000)
    big = [picture.image[:128, :128] for picture in pictures[:300] if min(picture.image.shape[:2]) >= 128]
    basis = patch_basis(np.stack(big))

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = np.random.default_rng([SEED, step])
        size, count = ((192, 16), (256, 10))[step % 2]
        views = [sample_view(pictures, rng, size) for _ in range(count)]
        batch = photometric_view(networks.to_tensor(np.stack([view.image for view in views])), basis, rng, step)
        heat, geometry, weight = heat_targets(views, size)
        with torch.autocast("cpu", torch.bfloat16):
            logits, guessed = module(batch)
        centre = focal(logits, heat)
        shape = ((guessed.float() - geometry).abs() * weight).sum() / (14 * weight.sum().clamp(min=1.0))
        seen = ((batch + 1.0) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        finds = finds_of(logits, guessed)
        looks = [sample_looks(view, image, find, rng) for view, image, find in zip(views, seen, finds, strict=True)]
        second, figures = refiner_loss(module.refiner, looks)
        figures |= {"centre": float(centre.detach()), "shape": float(shape.detach())}
        return centre + 4.0 * shape + second, figures

    def publish(step: int) -> None:
        trained = config | {"trained": {"steps": step, "pictures": len(pictures)}}
        networks.save_network(module, trained, faces_configs.CACHE / "trained" / "faces", "detector")

    train("detector", module, Budget(arguments.steps, arguments.minutes, arguments.rate), loss_of, publish)


if __name__ == "__main__":
    main()
