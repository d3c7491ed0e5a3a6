"""Train the restorer of drawn faces on the pairs of restorer_data.py, whose shards may still be in the making.

    nice python tools/miniature/train_restorer.py --minutes 30      (resumable; step n always sees the same pairs)
    python tools/miniature/train_restorer.py --minutes 0 --export models/miniature/restorer

The networks' tones are kept: where a face is painted in another light than the truth's, that is no fault, and the
truth is given the input's tones before the two are compared.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import faces_threads  # noqa: F401
import faces_train
import numpy as np
import torch
from data import CACHE
from export import write_hashes
from identity_data import aligned
from restorer_data import read_shard, shard_count, shard_file
from torch import Tensor, nn

from easyphoto.architectures.base import models_folder
from easyphoto.faces.networks import load_network
from easyphoto.geometry import similarity
from easyphoto.images.pictures import warped
from easyphoto.restoration.aligned import FACE_POINTS
from easyphoto.restoration.base import FACE_SIDE
from easyphoto.restoration.drawn import Form, RestoringNetwork, write_network

SEED = 70
BATCH, WINDOW = 4, 128
WHOLE_EVERY = 16  # a step on one whole face, which the embedder can see
FIRST_SHARDS, STEPS_PER_SHARD = 10, 200  # the pool grows with the steps, so that training starts before all is drawn
CLEAN, SOFTENED, PARTLY = 0.08, 0.3, 0.15  # shares: nothing to do; only reduced and enlarged; half the fault
# In pixels of the square, where a face is about 280 wide: what is coarser is light and tone, and stays.
TONES, COARSER = 40.0, 8
OUTSIDE = 0.1  # what lies beside the painted area is never pasted
EDGES, PERSON = 1.0, 2.0
LEAST_FAULT = 3e-5  # a square in 0..1; so much counts as a whole fault where nothing is to be mended
FILE = "face.safetensors"


@dataclass(frozen=True, eq=False)
class Example:
    """Of one side, in 0..1: (3, h, w) float32 `before` and `after`, (1, h, w) `weight`."""

    before: Tensor
    after: Tensor
    weight: Tensor


@cache
def pairs_of(shard: int) -> list[dict[str, np.ndarray]]:
    while not shard_file("train", shard).exists():
        time.sleep(5)
    return read_shard("train", shard)


def example(pair: dict[str, np.ndarray], rng: np.random.Generator, side: int) -> Example:
    """The pair aligned like the pipeline's faces, a little off, mirrored or not, cut to a window on the face."""
    matrix = _jittered(similarity(pair["points"], FACE_POINTS), rng)
    if side < FACE_SIDE:
        # Faces lie around the square's middle; their chins are nearer to its edge than their brows.
        left, top = rng.uniform((90, 90), (FACE_SIDE - side - 90, FACE_SIDE - side - 20))
        matrix = matrix - np.array([[0, 0, left], [0, 0, top]])
    before, after, alpha = (warped(pair[name], matrix, (side, side)) for name in ("before", "after", "alpha"))
    if rng.random() < 0.5:
        before, after, alpha = (np.ascontiguousarray(each[:, ::-1]) for each in (before, after, alpha))
    shown, truth = before.astype(np.float32) / 255, after.astype(np.float32) / 255
    painted = alpha.astype(np.float32)[..., None] / 255
    kind = rng.random()
    if kind < CLEAN:
        shown = truth
    elif kind < CLEAN + SOFTENED:
        shown = truth + painted * (softened(truth, rng.uniform(1.5, 5.0)) - truth)
    else:
        truth = in_tones_of(shown, truth, painted)
        if kind < CLEAN + SOFTENED + PARTLY:
            shown = truth + rng.uniform(0.2, 0.9) * (shown - truth)
    return Example(*(torch.from_numpy(np.ascontiguousarray(each.transpose(2, 0, 1)))
                     for each in (shown, truth, OUTSIDE + (1 - OUTSIDE) * painted)))  # fmt: skip


def _jittered(matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An affine matrix to the square, off by what the detector may be off."""
    angle, scale, shift = rng.normal(0, 0.03), np.exp(rng.normal(0, 0.04)), rng.normal(0, 4, 2)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.full(2, FACE_SIDE / 2)
    return np.column_stack([turn @ matrix[:, :2], turn @ (matrix[:, 2] - centre) + centre + shift])


def softened(picture: np.ndarray, factor: float) -> np.ndarray:
    """Reduced and enlarged again, as float32 in 0..1."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
    return np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_LANCZOS4), 0, 1)


def in_tones_of(shown: np.ndarray, truth: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """`truth` with what is coarser than `TONES` of `shown`, where it was painted: float32, not clipped."""
    height, width = truth.shape[:2]
    small = np.concatenate([(shown - truth) * painted, painted], axis=2)
    small = cv2.resize(small, (-(-width // COARSER), -(-height // COARSER)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), TONES / COARSER)
    coarse = cv2.resize(small[..., :3] / (small[..., 3:] + 1e-4), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(truth + painted * coarse, np.float32)


def batch_at(step: int) -> Example:
    rng = np.random.default_rng((SEED, step))
    whole = step % WHOLE_EVERY == 0
    shards = min(shard_count("train"), FIRST_SHARDS + step // STEPS_PER_SHARD)
    examples = []
    for _ in range(1 if whole else BATCH):
        pairs = pairs_of(int(rng.integers(shards)))
        examples.append(example(pairs[int(rng.integers(len(pairs)))], rng, FACE_SIDE if whole else WINDOW))
    return Example(*(torch.stack([getattr(each, name) for each in examples]) for name in ("before", "after", "weight")))


def edges_of(pictures: Tensor) -> Tensor:
    """(N, n): differences to the right and to the lower neighbour, of pixels and of every second one."""
    found = []
    for step in (1, 2):
        found += [(pictures[..., step:, :] - pictures[..., :-step, :]).flatten(1),
                  (pictures[..., step:] - pictures[..., :-step]).flatten(1)]  # fmt: skip
    return torch.cat(found, dim=1)


def off_by(made: Tensor, batch: Example) -> tuple[Tensor, Tensor]:
    """(N,): mean square distance of pixels and of edges to the truth, by the examples' weights."""
    shown, truth = batch.weight * made, batch.weight * batch.after
    return ((shown - truth) ** 2).flatten(1).mean(1), ((edges_of(shown) - edges_of(truth)) ** 2).mean(1)


def loss_of(step: int, network: RestoringNetwork, embedder: nn.Module) -> tuple[Tensor, dict[str, float]]:
    """What remains of each example's own faults. In plain sums those that nothing can mend, where a feature lies
    elsewhere, would drown the others; absolute distances, whose slope never ends, taught it to change nothing."""
    batch = batch_at(step)
    with torch.autocast("cpu", torch.bfloat16):
        made = network(batch.before.to(memory_format=torch.channels_last))
    made = made.float()
    before = off_by(batch.before, batch)
    pixels, edges = ((now / (then + LEAST_FAULT)).mean() for now, then in zip(off_by(made, batch), before, strict=True))
    loss, figures = pixels + EDGES * edges, {"pixels": pixels.item(), "edges": edges.item()}
    figures["unchanged"] = (before[0] / (before[0] + LEAST_FAULT)).mean().item()
    if step % WHOLE_EVERY == 0:
        squares = torch.cat([made, batch.after]).clamp(0, 1) * 2 - 1
        one, other = embedder(aligned(squares, np.stack([FACE_POINTS] * 2)))
        person = 1 - (one * other.detach()).sum()
        loss, figures["person"] = loss + PERSON * person, person.item()
    return loss, figures


def main() -> None:
    parser = faces_train.budget_arguments(__doc__, steps=16000, rate=1e-3)
    parser.add_argument("--export", type=Path, help="also write the network there, with its checksum")
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    faces_train.CACHE = CACHE
    network = RestoringNetwork(Form())
    embedder, _ = load_network(models_folder() / "miniature" / "faces", "embedder")
    embedder.requires_grad_(False)
    faces_train.train(
        "restorer", network, faces_train.Budget(arguments.steps, arguments.minutes, arguments.rate),
        lambda step: loss_of(step, network, embedder), lambda step: None,
    )  # fmt: skip
    if arguments.export:
        arguments.export.mkdir(parents=True, exist_ok=True)
        write_network(network, arguments.export / FILE)
        write_hashes(arguments.export)


if __name__ == "__main__":
    main()
