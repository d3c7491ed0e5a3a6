"""What a caption tells of a picture's latents on a coarse grid: the lesson that teaches words their meaning.

At the noisiest times that is all that the UNet can tell from a caption (E[latents | words]), but through the UNet its
gradients are so faint that words took thousands of steps to act weakly. Here cells of a grid attend to the text
encoder's tokens themselves; the cells are thrown away, the encoder is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from train_unet import Task

GRID = 8
"""Cells a side. On 4 x 4 eyes, mouth and collar had no cells of their own: clothes, ages and moods were not learned."""
WIDTH, HEADS = 128, 4
MEASURED = 4096  # pictures whose latents give each cell's mean and deviation


class Lesson(nn.Module):
    """Cells of a coarse picture that attend to a caption's tokens through one layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cells = nn.Parameter(torch.randn(GRID * GRID, WIDTH) * 0.3)
        self.key, self.value = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mixed = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, channels))
        self.constant = nn.Parameter(torch.zeros(GRID * GRID, channels))

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """(batch, cells, channels) from the text encoder's (batch, tokens, WIDTH)."""
        count = len(context)
        key, value = (
            layer(context).view(count, -1, HEADS, WIDTH // HEADS).transpose(1, 2) for layer in (self.key, self.value)
        )
        query = self.cells.view(1, -1, HEADS, WIDTH // HEADS).transpose(1, 2).expand(count, -1, -1, -1)
        found = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(count, -1, WIDTH)
        return self.constant + self.mixed(found)


class Coarse:
    """The latents of a task on the grid, each cell and channel with mean 0 and deviation 1.

    Without that the background, which is large and bright, owns the loss, and a sweater's colour is not learned.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        some = np.linspace(0, len(task.latents) - 1, min(MEASURED, len(task.latents))).astype(int)
        means = self._cells(some)
        self.mean, self.deviation = means.mean(0), means.std(0)

    def of(self, chosen: np.ndarray, *, task: Task | None = None) -> torch.Tensor:
        """(batch, cells, channels) of the chosen pictures, of this task or of another on this one's scale."""
        return (self._cells(chosen, task) - self.mean) / self.deviation

    def _cells(self, chosen: np.ndarray, task: Task | None = None) -> torch.Tensor:
        latents = torch.from_numpy((task or self._task).latents[chosen].astype(np.float32))
        return functional.avg_pool2d(latents, latents.shape[-1] // GRID).flatten(2).transpose(1, 2)
