"""Trains the identity embedder, the judge's embedder or the judge's parameter regressor.

    python tools/miniature/faces_embedder.py embedder --steps 3000
    python tools/miniature/faces_embedder.py judge --steps 2000
    python tools/miniature/faces_embedder.py regressor --steps 2000

Besides telling people apart the embedder must name the identity's parameters while it trains: the numbers that drew
the face are the densest supervision there is, and make a few thousand steps on a CPU enough.
"""

from __future__ import annotations

import faces_threads  # noqa: F401  # isort: skip

from dataclasses import dataclass
from typing import Any

import faces_configs
import numpy as np
import torch
from faces_data import Bytes, Crops, aligned, load_crops, maybe_jpeg, patch_basis, photometric
from faces_train import Budget, budget_arguments, train
from torch import Tensor, nn
from torch.nn import functional

from easyphoto.drawings.identity import IDENTITY_PARAMETERS
from easyphoto.faces import networks


@dataclass(frozen=True)
class Job:
    """Which network, from which people (the judge's are nobody the engine's embedder ever saw), with which seed."""

    name: str
    config: dict[str, Any]
    folder: Any
    first: int
    last: int
    seed: int
    low: int
    """Smallest resolution, of 112, that the augmentation goes down to."""


def job_of(name: str) -> Job:
    parameters = list(IDENTITY_PARAMETERS)
    if name == "embedder":
        return Job(name, faces_configs.embedder_config(parameters), faces_configs.FACES, 0, 60_000, 11, 48)
    if name == "judge":
        config = faces_configs.judge_config(parameters)
        return Job(name, config, faces_configs.JUDGE, 100_000, 160_000, 23, 44)
    config = faces_configs.regressor_config(parameters)
    return Job(name, config, faces_configs.JUDGE, 100_000, 160_000, 37, 48)


@dataclass(frozen=True)
class Batch:
    images: Tensor
    people: Tensor
    vectors: Tensor


def sample_batch(crops: Crops, basis: tuple[Tensor, Tensor], job: Job, step: int, pairs: int) -> Batch:
    """Colour-matched pairs of people, two photos of each."""
    rng = np.random.default_rng([job.seed, step])
    generator = torch.Generator().manual_seed(job.seed * 1_000_003 + step)
    group = 2 * crops.photos
    starts = rng.choice(crops.pairs, pairs, replace=False) * group
    rows = [
        int(start) + person * crops.photos + int(photo)
        for start in starts
        for person in (0, 1)
        for photo in rng.permutation(crops.photos)[:2]
    ]
    made: list[Bytes] = []
    for row in rows:
        made.append(maybe_jpeg(aligned(np.asarray(crops.image(row)), crops.points[row], rng), rng, 0.2))
    images = photometric(networks.to_tensor(np.stack(made)), basis, rng, generator, job.low)
    return Batch(images, torch.from_numpy(crops.seeds[rows]), torch.from_numpy(crops.vectors[rows]))


def contrast(embeddings: Tensor, people: Tensor, temperature: float = 0.07, margin: float = 0.1) -> Tensor:
    """Supervised contrastive loss; the margin asks of genuine pairs more than just to win."""
    same = people[:, None] == people[None]
    itself = torch.eye(len(people), dtype=torch.bool)
    logits = (embeddings @ embeddings.T - margin * same.float()) / temperature
    logits = logits.masked_fill(itself, -1e4)
    genuine = same & ~itself
    log_share = logits - logits.logsumexp(dim=1, keepdim=True)
    return -(log_share * genuine).sum() / genuine.sum()


def embedder_loss(module: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    assert isinstance(module, networks.IdentityNetwork)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = module.trunk(batch.images)
    hidden = hidden.float()
    embeddings = functional.normalize(module.project(hidden), dim=1)
    apart = contrast(embeddings, batch.people)
    named = functional.mse_loss(module.parameters_head(hidden), batch.vectors)
    return apart + 2.0 * named, {"contrast": float(apart.detach()), "parameters": float(named.detach())}


def regressor_loss(module: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    assert isinstance(module, networks.Regressor)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = module.trunk(batch.images)
    named = functional.mse_loss(module.out(hidden.float()), batch.vectors)
    return named, {"parameters": float(named.detach())}


def main() -> None:
    parser = budget_arguments(__doc__, steps=3000, rate=2e-3)
    parser.add_argument("which", choices=("embedder", "judge", "regressor"))
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=None, help="use only the first so many blocks of people")
    arguments = parser.parse_args()
    job = job_of(arguments.which)
    torch.manual_seed(job.seed)
    module = networks.build(job.config)
    crops = load_crops(job.first, job.last, arguments.blocks)
    sample = np.stack([aligned(np.asarray(crops.image(row)), crops.points[row], None) for row in range(0, 800, 4)])
    basis = patch_basis(sample)
    loss = regressor_loss if arguments.which == "regressor" else embedder_loss
    saved_as = "regressor" if arguments.which == "regressor" else "embedder"

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        return loss(module, sample_batch(crops, basis, job, step, arguments.pairs))

    def publish(step: int) -> None:
        config = job.config | {"trained": {"steps": step, "people": int(len(crops.seeds) // crops.photos)}}
        networks.save_network(module, config, faces_configs.CACHE / "trained" / job.folder.name, saved_as)

    train(arguments.which, module, Budget(arguments.steps, arguments.minutes, arguments.rate), loss_of, publish)


if __name__ == "__main__":
    main()
