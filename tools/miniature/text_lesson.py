"""What words look like: the lesson that teaches the text encoder, before a UNet listens to it.

A phrase means what pictures with it have in common: their mean latents on a coarse grid and in each part of a face, and
the parts' sizes, against all pictures', and a random code of its own, so that words whose difference such means do not
show (a smile) stay different. A caption means the sum of its phrases. Queries that attend to the encoder's tokens learn
to tell that; they are thrown away, the encoder is kept.

Against single pictures instead of these means the same lesson was lost in noise: a caption tells only a few per cent of
what is seen, and the encoder first learned to make all words alike; sweaters, ages and moods stayed so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from easyphoto.drawings.renderer import PARTS

if TYPE_CHECKING:
    from train_unet import Task

GRID = 8
WIDTH, HEADS = 128, 4
CODES = 2
QUERIES = GRID * GRID + len(PARTS) + CODES
SMALLEST = 0.002  # of the picture: a smaller part has no colour
FEWEST = 30  # pictures; a phrase of fewer has no meaning of its own
CODE_SEED = 34
PART_WEIGHT = 4.0  # of a part's answer or a code's beside a cell's


class Lesson(nn.Module):
    """Queries that attend to a caption's tokens through one layer and answer in latent channels and a size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(QUERIES, WIDTH) * 0.3)
        self.key, self.value = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mixed = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, channels + 1))
        self.constant = nn.Parameter(torch.zeros(QUERIES, channels + 1))

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """(batch, queries, channels + 1) from the text encoder's (batch, tokens, WIDTH)."""
        count = len(context)
        key, value = (
            layer(context).view(count, -1, HEADS, WIDTH // HEADS).transpose(1, 2) for layer in (self.key, self.value)
        )
        query = self.queries.view(1, -1, HEADS, WIDTH // HEADS).transpose(1, 2).expand(count, -1, -1, -1)
        found = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(count, -1, WIDTH)
        return self.constant + self.mixed(found + self.queries)


class Meanings:
    """What each phrase of a task's captions changes in its pictures, in deviations of what phrases change there."""

    def __init__(self, task: Task) -> None:
        phrases: dict[str, list[int]] = {}
        for number, said in enumerate(task.said):
            for way in {way for each in said for way in each.ways}:
                phrases.setdefault(way, []).append(number)
        kept = {phrase: numbers for phrase, numbers in phrases.items() if len(numbers) >= FEWEST}
        starts = range(0, len(task.latents), 256)
        parts = [_answers(task, np.arange(start, min(start + 256, len(task.latents)))) for start in starts]
        values, known = torch.cat([one for one, _ in parts]), torch.cat([one for _, one in parts])
        mean = (values * known).sum(0) / known.sum(0).clamp(min=1)
        effects = [
            (values[numbers] * known[numbers]).sum(0) / known[numbers].sum(0).clamp(min=1) - mean
            for numbers in kept.values()
        ]
        changes = torch.stack(effects)
        scale = changes.square().mean(0).sqrt().clamp(min=1e-3)
        self._numbers = {phrase: number for number, phrase in enumerate(kept)}
        self._changes = changes / scale
        draws = torch.Generator().manual_seed(CODE_SEED)
        self._changes[:, -CODES:] = torch.randn(self._changes[:, -CODES:].shape, generator=draws)
        self._weights = torch.ones(QUERIES, 1)
        self._weights[GRID * GRID :] = PART_WEIGHT
        self._weights = self._weights * ((scale > 1e-3) | (torch.arange(QUERIES)[:, None] >= QUERIES - CODES))

    def of(self, captions: list[list[str]]) -> torch.Tensor:
        """(batch, queries, channels + 1) of captions in phrases."""
        numbers = [[self._numbers[phrase] for phrase in phrases if phrase in self._numbers] for phrases in captions]
        return torch.stack([self._changes[each].sum(0) for each in numbers])

    def error(self, told: torch.Tensor, captions: list[list[str]]) -> torch.Tensor:
        """The mean square by which what is told misses the captions, 1 for what tells nothing."""
        meant = self.of(captions)
        return ((told - meant).square() * self._weights).sum() / (meant.square() * self._weights).sum()


def _answers(task: Task, chosen: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The answers to all queries, and which of them there are: cells have no size, missing parts no latents."""
    latents = torch.from_numpy(task.latents[chosen].astype(np.float32))
    count, channels, side, _ = latents.shape
    cells = functional.avg_pool2d(latents, side // GRID).flatten(2).transpose(1, 2)
    labels = torch.from_numpy(task.parts[chosen]).reshape(count, side, 8, side, 8)
    shares = torch.stack([(labels == number).float().mean((2, 4)).flatten(1) for number in range(len(PARTS))], 1)
    sizes = shares.mean(2, keepdim=True)
    means = shares @ latents.flatten(2).transpose(1, 2) / (shares.sum(2, keepdim=True) + 1e-6)
    known = torch.ones(count, QUERIES, channels + 1, dtype=torch.bool)
    known[:, : GRID * GRID, -1] = False
    known[:, GRID * GRID : QUERIES - CODES, :-1] = sizes > SMALLEST
    parts = torch.cat([means, (sizes + SMALLEST).log()], 2)
    return torch.cat([functional.pad(cells, (0, 1)), parts, torch.zeros(count, CODES, channels + 1)], 1), known
