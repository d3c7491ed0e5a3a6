"""The identity adapter's pictures: people whom no other network has seen, and strangers in their places.

Shards of `data.py render --parts strangers` are taken as they come; what a step needs of them is kept in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from data import CACHE, CROPS_PER_IDENTITY, shard_count
from latents import Projection, project
from torch import nn
from train_unet import cell_weights

from easyphoto.drawings.renderer import PARTS
from easyphoto.faces import networks
from easyphoto.faces.drawn_analysis import ALIGN_TEMPLATE, align, embed
from easyphoto.geometry import similarity

PHOTOS = CROPS_PER_IDENTITY["strangers"]
REPAINTED = tuple(PARTS.index(name) for name in ("skin", "brows", "eyes", "nose", "mouth"))
MASK_MARGIN = 4  # pixels
ONE_PHOTO_SHARE = 0.6  # of vectors; the others are the mean of several photos


@dataclass(frozen=True, eq=False)
class Pairs:
    """Photos of people, `PHOTOS` in a row of each, and the template of each photo: a stranger in the same place."""

    latents: np.ndarray
    weights: np.ndarray
    """Loss weights of the photo's cells."""
    vectors: np.ndarray
    """Unit vectors of the engine's embedder."""
    template_latents: np.ndarray
    template_points: np.ndarray
    masks: np.ndarray
    """Cells that a pass over the template repaints, 0 or 1."""

    def __len__(self) -> int:
        return len(self.latents)

    def seen(self, rows: np.ndarray, draws: np.random.Generator) -> torch.Tensor:
        """The vectors an adapter is given for these photos: of one other photo of the person, or the others' mean."""
        return torch.from_numpy(np.stack([self._seen(int(row), draws) for row in rows]))

    def _seen(self, row: int, draws: np.random.Generator) -> np.ndarray:
        first = row - row % PHOTOS
        others = [number for number in range(first, first + PHOTOS) if number != row]
        if draws.random() < ONE_PHOTO_SHARE:
            return self.vectors[draws.choice(others)]
        return unit(self.vectors[others].mean(0))

    def people(self, rows: np.ndarray) -> torch.Tensor:
        """Who is to be recognised: the mean of all photos of each row's person."""
        means = self.vectors.reshape(-1, PHOTOS, self.vectors.shape[1])[rows // PHOTOS].mean(1)
        return torch.from_numpy(unit(means))


def unit(vectors: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / lengths


class Shards:
    """Grows while the pictures are still being drawn."""

    def __init__(self, projection: Projection, faces: Path) -> None:
        self.projection = projection
        self.embedder, self.config = networks.load_network(faces, "embedder")
        self._loaded: dict[int, Pairs] = {}

    def pairs(self) -> Pairs:
        numbers = [number for number in range(shard_count("strangers")) if self._drawn(number).exists()]
        for number in numbers:
            if number not in self._loaded:
                self._loaded[number] = self._prepared(number)
        parts = [self._loaded[number] for number in numbers]
        return Pairs(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Pairs)))

    def grew(self) -> bool:
        return any(
            self._drawn(number).exists() for number in range(shard_count("strangers")) if number not in self._loaded
        )

    @staticmethod
    def _drawn(number: int) -> Path:
        return CACHE / "shards" / f"strangers-{number:03d}.npz"

    def _prepared(self, number: int) -> Pairs:
        ready = CACHE / "strangers" / f"{number:03d}.npz"
        if not ready.exists():
            ready.parent.mkdir(exist_ok=True)
            partial = ready.with_suffix(".partial")
            with partial.open("wb") as stream:
                np.savez(stream, **vars(self._made(np.load(self._drawn(number)))))
            partial.replace(ready)
        with np.load(ready) as kept:
            return Pairs(*(kept[field.name] for field in fields(Pairs)))

    def _made(self, shard: np.lib.npyio.NpzFile) -> Pairs:
        images, points = shard["images"], shard["points"]
        faces = np.stack([align(image, five) for image, five in zip(images, points, strict=True)])
        return Pairs(
            latents=project(self.projection, images),
            weights=cell_weights(shard["parts"]).numpy(),
            vectors=embed(self.embedder, self.config, faces),
            template_latents=project(self.projection, shard["template_images"]),
            template_points=shard["template_points"],
            masks=repainted_cells(shard["template_parts"]),
        )


def repainted_cells(parts: np.ndarray) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MASK_MARGIN + 1,) * 2)
    faces = np.stack([cv2.dilate(np.isin(each, REPAINTED).astype(np.uint8), kernel) for each in parts])
    return faces.reshape(len(parts), 1, 16, 8, 16, 8).max(axis=(3, 5)).astype(np.float32)


def aligned(pictures: torch.Tensor, points: np.ndarray) -> torch.Tensor:
    """`faces.drawn_analysis.align` with a gradient: (N, 3, H, W) in −1..1 to (N, 3, 112, 112)."""
    side, size = pictures.shape[-1], networks.ALIGN_SIZE
    grid = np.stack([*np.meshgrid(np.arange(size), np.arange(size)), np.ones((size, size))], axis=-1)
    places = np.stack([grid @ similarity(ALIGN_TEMPLATE, each).T for each in points])
    grids = torch.from_numpy((2 * places / (side - 1) - 1).astype(np.float32))
    return nn.functional.grid_sample(pictures, grids, padding_mode="border", align_corners=True)
