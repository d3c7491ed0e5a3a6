"""Train the restorer of drawn faces on the pairs of restorer_pairs.py, which are drawn as they are needed.

    nice python tools/miniature/train_restorer.py --minutes 30      (resumable; step n always sees the same windows)
    python tools/miniature/train_restorer.py --minutes 0 --export models/miniature/restorer

Pairs are exact: what was painted lies where it belongs. On finished portraits of the product's own fusion, whose
features lie a little elsewhere than the truth's, a network learned in 5,000 steps to change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import faces_threads  # noqa: F401
import faces_train
import numpy as np
import torch
from data import CACHE
from export import write_hashes
from restorer_pairs import Square, square_at
from torch import Tensor

from easyphoto.restoration.base import FACE_SIDE
from easyphoto.restoration.drawn import Form, RestoringNetwork, write_network

SEED = 70
BATCH, WINDOW = 8, 128
FIRST_PAIRS, MOST_PAIRS = 40, 640  # the pool grows by one pair a step, so that a new one costs every step alike
CLEAN = 0.1  # share of windows with nothing to do
OUTSIDE = 0.1  # what lies beside the painted area is never pasted
EDGES = 1.0
SMOOTH = 1e-3  # where an absolute distance begins to have a slope (Charbonnier et al. 1994)
FILE = "face.safetensors"


@dataclass(frozen=True, eq=False)
class Example:
    """Of one side, in 0..1: (3, h, w) float32 `before` and `after`, (1, h, w) `weight`."""

    before: Tensor
    after: Tensor
    weight: Tensor


@cache
def pair(number: int) -> Square:
    return square_at(number)


def example(rng: np.random.Generator, pool: int) -> Example:
    """A window on the face of one pair, mirrored or not."""
    square = pair(int(rng.integers(pool)))
    # Faces lie around the square's middle; their chins are nearer to its edge than their brows.
    left, top = rng.integers((90, 90), (FACE_SIDE - WINDOW - 90, FACE_SIDE - WINDOW - 20))
    cut = np.s_[top : top + WINDOW, left : left + WINDOW]
    before, after, painted = (
        each[cut].astype(np.float32) / 255 for each in (square.before, square.after, square.painted)
    )
    if rng.random() < CLEAN:
        before = after
    if rng.random() < 0.5:
        before, after, painted = (each[:, ::-1] for each in (before, after, painted))
    weight = OUTSIDE + (1 - OUTSIDE) * painted[..., None]
    return Example(
        *(torch.from_numpy(np.ascontiguousarray(each.transpose(2, 0, 1))) for each in (before, after, weight))
    )


def batch_at(step: int) -> Example:
    rng, pool = np.random.default_rng((SEED, step)), min(MOST_PAIRS, FIRST_PAIRS + step)
    examples = [example(rng, pool) for _ in range(BATCH)]
    return Example(*(torch.stack([getattr(each, name) for each in examples]) for name in ("before", "after", "weight")))


def edges_of(pictures: Tensor) -> list[Tensor]:
    """Differences to the right and to the lower neighbour."""
    return [pictures[..., 1:, :] - pictures[..., :-1, :], pictures[..., 1:] - pictures[..., :-1]]


def distance(one: Tensor, other: Tensor) -> Tensor:
    return ((one - other).square() + SMOOTH**2).sqrt().mean()


def off_by(made: Tensor, batch: Example) -> tuple[Tensor, Tensor]:
    """Mean distance of pixels and of edges to the truth, weighted."""
    shown, truth = batch.weight * made, batch.weight * batch.after
    edges = [distance(one, other) for one, other in zip(edges_of(shown), edges_of(truth), strict=True)]
    return distance(shown, truth), torch.stack(edges).mean()


def loss_of(step: int, network: RestoringNetwork) -> tuple[Tensor, dict[str, float]]:
    batch = batch_at(step)
    with torch.autocast("cpu", torch.bfloat16):
        made = network(batch.before.to(memory_format=torch.channels_last))
    pixels, edges = off_by(made.float(), batch)
    before = [each.item() for each in off_by(batch.before, batch)]
    figures = {"pixels": pixels.item(), "of": before[0], "edges": edges.item(), "of these": before[1]}
    return pixels + EDGES * edges, figures


def main() -> None:
    parser = faces_train.budget_arguments(__doc__, steps=9000, rate=1e-3)
    parser.add_argument("--export", type=Path, help="also write the network there, with its checksum")
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    faces_train.CACHE = CACHE
    network = RestoringNetwork(Form())
    faces_train.train(
        "restorer", network, faces_train.Budget(arguments.steps, arguments.minutes, arguments.rate),
        lambda step: loss_of(step, network), lambda step: None,
    )  # fmt: skip
    if arguments.export:
        arguments.export.mkdir(parents=True, exist_ok=True)
        write_network(network, arguments.export / FILE)
        write_hashes(arguments.export)


if __name__ == "__main__":
    main()
