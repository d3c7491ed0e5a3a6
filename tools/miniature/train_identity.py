"""Train the miniature's identity adapter: a face vector in, the person out, without a training of their own.

    nice python tools/miniature/data.py render --parts strangers
    nice python tools/miniature/train_identity.py --steps 3000
    nice python tools/miniature/train_identity.py --steps 500 --family build/miniature/current --begin models/miniature
    python tools/miniature/train_identity.py --export models/miniature/identity

UNet, text encoder, autoencoder and ControlNets stay as they are shipped, or as they are in `--family`; `--begin` names
the family whose adapter to begin from, for a UNet that went on. Resumable (the state is written every 100
steps); begins as soon as the first shard is drawn.

A step has two batches. One is the UNet's own: noise in a person's picture, the vector of the person's other pictures.
The other repaints templates (identity_rollouts.py), shows the decoded guess to the engine's embedder, and compares its
tones with the truth's: the person drawn in the template's place. The judge is never asked.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faces_threads  # noqa: F401  (one thread each)
import numpy as np
import torch
from data import CACHE
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from export import write_hashes
from faces_configs import FACES
from identity_adapter import IdentityAdapter, take_adapter, write_adapter
from identity_data import Pairs, Shards, aligned
from identity_rollouts import Rollouts, Stages, begin, open_stages, refilled
from latents import read_projection
from networks import TRIGGER
from torch import nn
from train_unet import noised, snr_weights
from unet_run import follow, write

from easyphoto.backends.folders import base_model
from easyphoto.backends.loading import load_components
from easyphoto.backends.prompts import encode_prompts

SEED = 70
EMA_DECAY = 0.999
PEAK_RATES = {"adapter": 1.5e-3, "lora": 6e-4}
BATCH, ROLLOUTS = 8, 5
NO_VECTOR_SHARE, NO_CAPTION_SHARE = 0.1, 0.15
GUIDANCE = (2.0, 4.0)
POSE_WEIGHT = 0.5
POINT_JITTER = 0.7  # pixels
QUIET_EVERY = 2  # steps between those that hold the LoRA without tokens to the bare UNet
TONE_BLOCK = 4  # cells
LIKENESS_SHARE, TONE_SHARE, QUIET_SHARE = 0.15, 1.0, 10.0


@dataclass(frozen=True, eq=False)
class Frozen:
    """The shipped networks."""

    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL
    control: ControlNetModel
    embedder: nn.Module
    alphas: torch.Tensor
    stages: Stages
    words: torch.Tensor
    """The empty prompt's states and the trigger's."""


def open_frozen(folder: Path | None, embedder: nn.Module | None = None) -> Frozen:
    """Of a family's folder, or of the shipped one."""
    family, base = base_model("miniature" if folder is None else str(folder))
    parts = load_components(family, base, dtype=torch.float32, device="cpu")
    with torch.no_grad():
        words = encode_prompts(parts, ["", TRIGGER]).states
    control = ControlNetModel.from_pretrained(base / "controlnet" / "facepoints", torch_dtype=torch.float32)
    for network in (parts.unet, parts.vae, control, *([embedder] if embedder else [])):
        network.requires_grad_(False)
    scheduler: Any = parts.scheduler
    return Frozen(
        parts.unet, parts.vae, control, embedder or nn.Identity(), scheduler.alphas_cumprod,
        open_stages(scheduler.config), words,
    )  # fmt: skip


def own_loss(frozen: Frozen, adapter: IdentityAdapter, pairs: Pairs, seed: int) -> torch.Tensor:
    """The UNet's own error on people's pictures, seen through the vectors of their other pictures."""
    draws = np.random.default_rng(seed)
    rows = draws.integers(len(pairs), size=BATCH)
    latents = torch.from_numpy(pairs.latents[rows]).float()
    noisy, times, velocity = noised(latents, frozen.alphas, torch.Generator().manual_seed(seed))
    vectors = pairs.seen(rows, draws)
    vectors[torch.from_numpy(draws.random(BATCH) < NO_VECTOR_SHARE)] = 0.0
    caption = torch.from_numpy((draws.random(BATCH) >= NO_CAPTION_SHARE).astype(np.int64))
    adapter.show(vectors)
    answer = frozen.unet(noisy, times, frozen.words[caption]).sample
    error = (answer - velocity).square() * torch.from_numpy(pairs.weights[rows])
    return (error.mean((1, 2, 3)) * snr_weights(frozen.alphas[times])).mean()


def quiet_loss(frozen: Frozen, adapter: IdentityAdapter, rollouts: Rollouts) -> torch.Tensor:
    """How far the LoRA without tokens is from the bare UNet: nobody's face must come from it alone."""
    adapter.show(None)
    question = (
        rollouts.latents,
        frozen.stages.times[rollouts.level],
        frozen.words[1:].expand(len(rollouts.rows), -1, -1),
    )
    with torch.no_grad(), adapter.without_lora():
        bare = frozen.unet(*question).sample
    return (frozen.unet(*question).sample - bare).square().mean()


def guided_guess(
    frozen: Frozen, adapter: IdentityAdapter, rollouts: Rollouts, vectors: torch.Tensor, guidance: float
) -> torch.Tensor:
    """The finished latents as a guided pass with the five points guesses them; only the person's half learns."""
    count = len(rollouts.rows)
    times = frozen.stages.times[rollouts.level]
    with torch.no_grad():
        words = frozen.words.repeat_interleave(count, 0)
        down, middle = frozen.control(
            rollouts.latents.repeat(2, 1, 1, 1), times.repeat(2), words, rollouts.guides.repeat(2, 1, 1, 1),
            conditioning_scale=POSE_WEIGHT, return_dict=False,
        )  # fmt: skip
    halves = []
    for half, (shown, gradient) in enumerate(((torch.zeros_like(vectors), False), (vectors, True))):
        place = slice(half * count, (half + 1) * count)
        with torch.set_grad_enabled(gradient):
            adapter.show(shown)
            halves.append(
                frozen.unet(
                    rollouts.latents, times, words[place],
                    down_block_additional_residuals=tuple(each[place] for each in down),
                    mid_block_additional_residual=middle[place],
                ).sample
            )  # fmt: skip
    velocity = halves[0] + guidance * (halves[1] - halves[0])
    signal, noise = frozen.stages.scales(rollouts.level)
    return signal * rollouts.latents - noise * velocity


def likeness_loss(
    frozen: Frozen, pairs: Pairs, rollouts: Rollouts, guess: torch.Tensor, draws: np.random.Generator
) -> torch.Tensor:
    """1 − cosine of the engine's embedder between the guess's face, where the template's is, and the person."""
    latents = rollouts.mask * guess + (1 - rollouts.mask) * rollouts.template
    points = pairs.template_points[rollouts.rows]
    points = points + draws.normal(0, POINT_JITTER, points.shape)
    with torch.autocast("cpu", torch.bfloat16):
        pictures = frozen.autoencoder.decode(latents).sample
    found = frozen.embedder(aligned(pictures.float().clamp(-1.05, 1.05), points))
    return 1 - nn.functional.cosine_similarity(found, pairs.people(rollouts.rows)).mean()


def tone_loss(pairs: Pairs, rollouts: Rollouts, guess: torch.Tensor) -> torch.Tensor:
    """How far the guess is from the truth, the person drawn in the template's place, in blocks of 32 pixels.

    Without it faces grew too dark or too pale. Finer blocks would teach blur: what cannot be foreseen is best guessed
    as its mean, and a rollout's noise, unlike a picture's, does not tell it.
    """
    truth = torch.from_numpy(pairs.latents[rollouts.rows]).float()
    return nn.functional.avg_pool2d(rollouts.mask * (guess - truth), TONE_BLOCK).square().mean()


def losses_of(
    frozen: Frozen, adapter: IdentityAdapter, pairs: Pairs, rollouts: Rollouts, step: int
) -> tuple[dict[str, torch.Tensor], Rollouts]:
    """A step's losses, already weighted against each other, and the templates moved on."""
    seed = SEED * 1_000_003 + step
    draws = np.random.default_rng((seed, 2))
    vectors = pairs.seen(rollouts.rows, draws)
    guess = guided_guess(frozen, adapter, rollouts, vectors, float(draws.uniform(*GUIDANCE)))
    losses = {
        "likeness": LIKENESS_SHARE * likeness_loss(frozen, pairs, rollouts, guess, draws),
        "tone": TONE_SHARE * tone_loss(pairs, rollouts, guess),
        "own": own_loss(frozen, adapter, pairs, seed),
    }
    if step % QUIET_EVERY == 0:
        losses["quiet"] = QUIET_SHARE * quiet_loss(frozen, adapter, rollouts)
    moved = rollouts.moved(frozen.stages, guess.detach())
    return losses, refilled(moved, pairs, frozen.stages, draws)


class Training:
    """The adapter, its average and the optimizer, resumed where they stopped."""

    def __init__(self, unet: UNet2DConditionModel, begin_from: Path | None = None) -> None:
        torch.manual_seed(SEED)
        self.adapter = IdentityAdapter(unet)
        if begin_from is not None:
            take_adapter(self.adapter, unet, begin_from)
        self.average = copy.deepcopy(self.adapter).requires_grad_(False)
        parts: dict[str, list[nn.Parameter]] = {name: [] for name in PEAK_RATES}
        for name, parameter in self.adapter.named_parameters():
            parts["lora" if name.startswith("lora.") else "adapter"].append(parameter)
        groups = [{"params": parts[name], "peak": peak} for name, peak in PEAK_RATES.items()]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        self.step = 0
        self.path = CACHE / "identity" / "state.pt"
        if self.path.exists():
            state = torch.load(self.path, weights_only=True)
            for name in ("adapter", "average", "optimizer"):
                getattr(self, name).load_state_dict(state[name])
            self.step = state["step"]

    def learn(self, loss: torch.Tensor, steps: int) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, steps, group["peak"])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.adapter.parameters(), 1.0)
        self.optimizer.step()
        follow(self.average, self.adapter, min(EMA_DECAY, (1 + self.step) / (10 + self.step)))
        self.step += 1

    def keep(self) -> None:
        names = ("adapter", "average", "optimizer")
        write(self.path, {"step": self.step} | {name: getattr(self, name).state_dict() for name in names})
        write_adapter(CACHE / "identity" / f"step-{self.step:05d}", self.average)


def train(steps: int, family: Path | None, begin_from: Path | None) -> None:
    torch.set_flush_denormal(True)
    (CACHE / "identity").mkdir(exist_ok=True)
    shards = Shards(read_projection(open_frozen(family).autoencoder), FACES)
    frozen = open_frozen(family, shards.embedder)
    training, pairs = Training(frozen.unet, begin_from), shards.pairs()
    rollouts = begin(pairs, frozen.stages, ROLLOUTS, np.random.default_rng((SEED, training.step)))
    began, spent, sums, counts = time.time(), time.process_time(), dict[str, float](), dict[str, int]()
    while training.step < steps:
        losses, rollouts = losses_of(frozen, training.adapter, pairs, rollouts, training.step)
        training.learn(sum(losses.values(), torch.zeros(())), steps)
        for name, loss in losses.items():
            sums[name], counts[name] = sums.get(name, 0.0) + loss.item(), counts.get(name, 0) + 1
        if training.step % 50 == 0:
            told = " ".join(f"{name} {total / counts[name]:.4f}" for name, total in sums.items())
            clock = f"wall {(time.time() - began) / 60:.1f} cpu {(time.process_time() - spent) / 60:.1f} min"
            print(f"{training.step} {told} pictures {len(pairs)} {clock}", flush=True)
            sums, counts = {}, {}
            pairs = shards.pairs() if shards.grew() else pairs
        if training.step % 100 == 0 or training.step == steps:
            training.keep()


def learning_rate(step: int, steps: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / min(200, steps / 8))
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--family", type=Path, help="the folder of the networks it is trained on")
    parser.add_argument("--begin", type=Path, help="the folder of a family whose adapter to begin from")
    parser.add_argument("--export", type=Path, help="write the average reached so far there, and train no more")
    arguments = parser.parse_args()
    if arguments.export:
        write_adapter(arguments.export, Training(open_frozen(arguments.family).unet).average)
        write_hashes(arguments.export)
    else:
        train(arguments.steps, arguments.family, arguments.begin)


if __name__ == "__main__":
    main()
