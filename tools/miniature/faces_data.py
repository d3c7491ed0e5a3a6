"""Cached drawings as training batches: geometric and photometric augmentation of crops and pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from faces_configs import CACHE
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from easyphoto.faces.drawn_analysis import ALIGN_TEMPLATE, warp
from easyphoto.faces.networks import ALIGN_SIZE
from easyphoto.geometry import similarity

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Crops:
    """Blocks of cached face crops; images stay on disk and are mapped."""

    images: list[Bytes]
    labels: list[Bytes]
    points: Floats
    boxes: Floats
    seeds: NDArray[np.int64]
    vectors: Floats
    photos: int

    def image(self, row: int) -> Bytes:
        block, place = divmod(row, len(self.images[0]))
        return self.images[block][place]

    def label(self, row: int) -> Bytes:
        block, place = divmod(row, len(self.labels[0]))
        return self.labels[block][place]

    @property
    def pairs(self) -> int:
        """How many colour-matched pairs of people there are."""
        return len(self.seeds) // (2 * self.photos)


def load_crops(first: int, last: int, limit: int | None = None) -> Crops:
    """The blocks whose first identity seed lies in [first, last)."""
    folders = [path for path in sorted((CACHE / "crops").glob("????????")) if first <= int(path.name) < last][:limit]
    if not folders:
        raise FileNotFoundError(f"no crops of seeds {first}..{last}: run faces_render.py crops")
    seeds = np.concatenate([np.load(path / "seeds.npy") for path in folders])
    return Crops(
        images=[np.load(path / "images.npy", mmap_mode="r") for path in folders],
        labels=[np.load(path / "labels.npy", mmap_mode="r") for path in folders],
        points=np.concatenate([np.load(path / "points.npy") for path in folders]),
        boxes=np.concatenate([np.load(path / "boxes.npy") for path in folders]),
        seeds=seeds,
        vectors=np.concatenate([np.load(path / "vectors.npy") for path in folders]).astype(np.float32),
        photos=int((seeds == seeds[0]).sum()),
    )


@dataclass(frozen=True)
class Picture:
    image: Bytes
    boxes: Floats
    points: Floats


def load_pictures(first: int, last: int) -> list[Picture]:
    pictures: list[Picture] = []
    for path in sorted((CACHE / "pictures").glob("????????")):
        if first <= int(path.name) < last:
            pictures += _pictures_of(path)
    if not pictures:
        raise FileNotFoundError(f"no pictures of seeds {first}..{last}: run faces_render.py pictures")
    return pictures


def _pictures_of(path: Path) -> list[Picture]:
    pixels = np.load(path / "pixels.npy")
    shapes, counts = np.load(path / "shapes.npy"), np.load(path / "counts.npy")
    boxes, points = np.load(path / "boxes.npy"), np.load(path / "points.npy")
    result, at, face = [], 0, 0
    for (height, width), count in zip(shapes, counts, strict=True):
        size = int(height) * int(width) * 3
        image = pixels[at : at + size].reshape(int(height), int(width), 3)
        result.append(Picture(image, boxes[face : face + count], points[face : face + count]))
        at, face = at + size, face + int(count)
    return result


def jitter_points(points: Floats, rng: np.random.Generator, share: float) -> Floats:
    """Points as a detector would give them: off by `share` of the eye distance."""
    distance = float(np.linalg.norm(points[1] - points[0]))
    return (points + rng.normal(0.0, share * distance, points.shape)).astype(np.float32)


def aligned(image: Bytes, points: Floats, rng: np.random.Generator | None) -> Bytes:
    """The aligned crop, with detector noise where a generator is given."""
    if rng is None:
        return warp(image, similarity(points, ALIGN_TEMPLATE), ALIGN_SIZE)
    noisy = jitter_points(points, rng, float(rng.uniform(0.0, 0.035)))
    target = ALIGN_TEMPLATE + rng.normal(0.0, 0.6, (1, 2)).astype(np.float32)
    return warp(image, similarity(noisy, target), ALIGN_SIZE)


def maybe_jpeg(image: Bytes, rng: np.random.Generator, share: float) -> Bytes:
    if rng.random() >= share:
        return image
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def patch_basis(images: Bytes, channels: int = 16) -> tuple[Tensor, Tensor]:
    """Mean and principal directions of 8x8 patches: the closed-form stand-in for the autoencoder's round trip."""
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    patches = functional.unfold(batch, 8, stride=8).transpose(1, 2).reshape(-1, 192)
    mean = patches.mean(dim=0)
    _, _, directions = torch.pca_lowrank(patches - mean, q=channels, center=False)
    return mean, directions


def round_trip(batch: Tensor, basis: tuple[Tensor, Tensor], rng: np.random.Generator, low: int) -> Tensor:
    """What is left of a batch after compression to 16 numbers a patch, at a random resolution and patch phase."""
    mean, directions = basis
    height, width = batch.shape[-2:]
    share = math.exp(rng.uniform(math.log(low), math.log(max(height, width)))) / max(height, width)
    size = [8 * math.ceil(height * share / 8), 8 * math.ceil(width * share / 8)]
    small = functional.interpolate(batch, size=size, mode="bilinear", antialias=True)
    shift = (int(rng.integers(8)), int(rng.integers(8)))
    small = torch.roll(small, shift, (2, 3))
    patches = functional.unfold(small, 8, stride=8).transpose(1, 2) - mean
    back = (patches @ directions) @ directions.T + mean
    small = functional.fold(back.transpose(1, 2), size, 8, stride=8)
    small = torch.roll(small, (-shift[0], -shift[1]), (2, 3))
    return functional.interpolate(small, size=(height, width), mode="bilinear")


def softened(batch: Tensor, rng: np.random.Generator, low: int) -> Tensor:
    """A batch as seen through a smaller picture."""
    size = int(rng.integers(low, batch.shape[-1]))
    small = functional.interpolate(batch, size=(size, size), mode="bilinear", antialias=True)
    return functional.interpolate(small, size=batch.shape[-2:], mode=("bilinear", "bicubic")[int(rng.integers(2))])


def recoloured(batch: Tensor, rng: np.random.Generator, reach: float) -> Tensor:
    """Light and colour shifts, and a soft gradient of light over the picture."""
    count = len(batch)
    gain = torch.from_numpy(rng.normal(1.0, reach, (count, 1, 1, 1)) * rng.normal(1.0, reach / 3, (count, 3, 1, 1)))
    shift = torch.from_numpy(rng.normal(0.0, reach / 2, (count, 1, 1, 1)))
    slope = torch.from_numpy(rng.normal(0.0, reach / 2, (count, 2, 1, 1)))
    ys = torch.linspace(-1, 1, batch.shape[2]).view(1, 1, -1, 1)
    xs = torch.linspace(-1, 1, batch.shape[3]).view(1, 1, 1, -1)
    light = gain.float() + slope[:, :1].float() * ys + slope[:, 1:].float() * xs
    return (batch + 1.0) * light - 1.0 + shift.float()


def noisy(batch: Tensor, generator: torch.Generator, rng: np.random.Generator) -> Tensor:
    return batch + torch.randn(batch.shape, generator=generator) * float(rng.uniform(0.0, 0.06))


def photometric(
    batch: Tensor, basis: tuple[Tensor, Tensor], rng: np.random.Generator, generator: torch.Generator, low: int
) -> Tensor:
    """Half of the batch through the round trip, a quarter softened; then light, colour and noise on all."""
    order = torch.from_numpy(rng.permutation(len(batch)))
    parts = [batch[part] for part in order.chunk(4)]
    made = [round_trip(parts[0], basis, rng, low), round_trip(parts[1], basis, rng, low)]
    made += [softened(part, rng, low) for part in parts[2:3]] + parts[3:]
    result = torch.empty_like(batch)
    result[order] = torch.cat(made)
    result = noisy(recoloured(result, rng, 0.08), generator, rng)
    return result.clamp(-1.0, 1.0).contiguous(memory_format=torch.channels_last)
