"""Train the miniature's UNet on the fixed latents, beside the text encoder that train_text.py has left.

    nice python tools/miniature/train_unet.py --family models/miniature     (begins where the shipped family is)
    nice python tools/miniature/train_unet.py                               (goes on; from nothing where nothing is)
    nice python tools/miniature/train_unet.py --decay 2200                  (runs the rate down, from the newest state)
    python tools/miniature/train_unet.py --device cuda --batch 256          (a quarter of an hour on one card)

The UNet's cross-attention always begins anew, and in the first steps only it learns, at noisy times. The text encoder
is frozen: learning beside the UNet it gave up the words that the UNet did not yet hear.
Resumable (the state is written every 200 steps); step n always sees the same pictures, times, noise and captions. The
stable part has no end: stop it at will. `--decay` makes a branch of it in the folder `cooled`, which leaves the state
of the stable part as it is; call it again to resume it. What ships is the branch's last average.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from captions import full_caption, make_caption, unpacked
from data import CACHE
from diffusers import UNet2DConditionModel
from networks import make_scheduler, make_text_encoder, make_unet
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer
from unet_run import Run, begin_from
from words import MAX_TOKENS, build_tokenizer

from easyphoto.drawings.renderer import PARTS

SEED = 31
BATCH = 16
MIN_SNR_GAMMA = 5.0
FACE_WEIGHT, FEATURE_WEIGHT = 1.0, 2.0  # added to 1 where a latent cell lies wholly on the face, on its features
CLOTHES_WEIGHT = 1.0  # else a sweater's colour is nearly nothing beside the face
CAPTION_TIMES = (700, 900, 980)  # noisy ones: there composition and colours are decided
TIMES = ((0.0, 0), (0.40, 600), (0.65, 850), (1.0, 1000))
"""Shares of the pictures of a step, and the times they lie before. At 850 the mean of 16 cells shows through the noise;
only above it can a caption tell something, so a third of the pictures are there rather than 15 %."""
LISTEN_TIMES = ((0.0, 700), (1.0, 1000))
EVEN = ((0.0, 0), (1.0, 1000))
LISTEN_STEPS = 500
SAVED_EVERY, VALIDATED_EVERY, KEPT_EVERY = 200, 500, 1000


class Miniature(nn.Module):
    """The UNet and the words that it listens to, so that one state holds both."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.unet: UNet2DConditionModel = make_unet()
        self.text_encoder: CLIPTextModel = make_text_encoder(tokenizer).requires_grad_(False)

    def forward(self, noisy: torch.Tensor, times: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), torch.autocast(tokens.device.type, enabled=False):
            context = self.text_encoder(tokens).last_hidden_state
        return self.unet(noisy, times, context).sample


def cell_weights(parts: np.ndarray) -> torch.Tensor:
    """Loss weights on the 16 x 16 grid of latents, averaging 1 over a picture."""
    cells = parts.reshape(len(parts), 16, 8, 16, 8)
    face = np.isin(cells, [PARTS.index(name) for name in ("skin", "brows", "eyes", "nose", "mouth", "ears")])
    features = np.isin(cells, [PARTS.index(name) for name in ("brows", "eyes", "nose", "mouth")])
    clothes = cells == PARTS.index("clothes")
    weights = 1.0 + FACE_WEIGHT * face.mean((2, 4)) + CLOTHES_WEIGHT * clothes.mean((2, 4))
    weights += FEATURE_WEIGHT * features.any((2, 4))
    return torch.from_numpy((weights / weights.mean((1, 2), keepdims=True)).astype(np.float32))[:, None]


def snr_weights(alphas: torch.Tensor) -> torch.Tensor:
    """All noise levels count alike, only nearly clean ones less.

    Min-SNR's usual form for v-prediction, min(snr, gamma) / (snr + 1), leaves a hundredth to the noisiest levels, where
    composition is decided and words act: measured after 3,500 steps, the captions had no effect at all.
    """
    snr = alphas / (1 - alphas)
    return MIN_SNR_GAMMA / snr.clamp(min=MIN_SNR_GAMMA)


@dataclass(frozen=True)
class Draw:
    """One step's question and its answer: latents with noise, their times, the captions' tokens, the velocity."""

    noisy: torch.Tensor
    times: torch.Tensor
    tokens: torch.Tensor
    velocity: torch.Tensor


def noised(
    latents: torch.Tensor,
    alphas: torch.Tensor,
    draws: torch.Generator,
    spread: tuple[tuple[float, int], ...] = EVEN,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents with noise, their times, the velocity."""
    # One time in each equal slice of the shares: less variance than free draws.
    shares = (torch.arange(len(latents)) + torch.rand(len(latents), generator=draws)) / len(latents)
    times = torch.from_numpy(np.interp(shares.numpy(), *np.array(spread).T)).long().clamp(max=999)
    noise = torch.randn(latents.shape, generator=draws)
    kept = alphas[times][:, None, None, None]
    noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
    return noisy, times, kept.sqrt() * noise - (1 - kept).sqrt() * latents


class Task:
    """What a step is asked: latents, times, noise, captions, and the weighted error of an answer."""

    def __init__(self, part: str, tokenizer: CLIPTokenizer, device: str = "cpu") -> None:
        self.device = torch.device(device)  # where questions and answers are; they are drawn on the CPU everywhere
        self.latents = np.load(CACHE / f"{part}-latents-24.npy", mmap_mode="r")
        self.parts = np.load(CACHE / f"{part}-parts.npy", mmap_mode="r")
        self.said = [unpacked(rows) for rows in json.loads((CACHE / f"{part}-said.json").read_text())]
        self.tokenizer = tokenizer
        self.alphas = make_scheduler().alphas_cumprod

    def tokens(self, captions: list[str]) -> torch.Tensor:
        rows = self.tokenizer(
            captions, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        )
        return rows.input_ids.to(self.device)

    def drawn(self, chosen: np.ndarray, seed: int, spread: tuple[tuple[float, int], ...] = EVEN) -> Draw:
        """Times, noise and captions of the chosen pictures; all follow from the seed."""
        draws, words = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        latents = torch.from_numpy(self.latents[chosen].astype(np.float32))
        noisy, times, velocity = (each.to(self.device) for each in noised(latents, self.alphas, draws, spread))
        return Draw(noisy, times, self.caption_tokens(chosen, words), velocity)

    def caption_tokens(self, chosen: np.ndarray, draws: np.random.Generator) -> torch.Tensor:
        return self.tokens([make_caption(self.said[index], draws) for index in chosen])

    def error(self, draw: Draw, answer: torch.Tensor, chosen: np.ndarray) -> torch.Tensor:
        """The weighted squared error of an answer to a draw."""
        error = (answer - draw.velocity).square() * cell_weights(self.parts[chosen]).to(self.device)
        return (error.mean((1, 2, 3)) * snr_weights(self.alphas[draw.times.cpu()]).to(self.device)).mean()

    def loss(self, model: Miniature, chosen: np.ndarray, seed: int) -> torch.Tensor:
        draw = self.drawn(chosen, seed)
        return self.error(draw, model(draw.noisy, draw.times, draw.tokens), chosen)


@torch.no_grad()
def validate(model: Miniature, task: Task) -> float:
    pictures = np.arange(256).reshape(16, 16)
    losses = [task.loss(model, chosen, 77_000 + number).item() for number, chosen in enumerate(pictures)]
    return float(np.mean(losses))


@torch.no_grad()
def measure_words(model: Miniature, task: Task, pictures: int = 64) -> dict[str, float]:
    """The loss at noisy times with the own caption, an empty one, and another picture's."""
    chosen = np.arange(0, len(task.said), len(task.said) // pictures)[:pictures]
    captions = [full_caption(task.said[index]) for index in chosen]
    kinds = {"own": captions, "none": [""] * len(chosen), "another's": captions[1:] + captions[:1]}
    latents = torch.from_numpy(task.latents[chosen].astype(np.float32)).to(task.device)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(5)).to(task.device)
    losses = {}
    for kind, texts in kinds.items():
        tokens, total = task.tokens(texts), 0.0
        for time_ in CAPTION_TIMES:
            alpha = task.alphas[time_]
            noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
            velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
            answer = model(noisy, torch.full((len(chosen),), time_, device=task.device), tokens)
            total += (answer - velocity).square().mean().item() / len(CAPTION_TIMES)
        losses[kind] = round(total, 4)
    return losses


def opened(arguments: argparse.Namespace, tokenizer: CLIPTokenizer) -> Run:
    """The run that is asked for, where its state left it."""
    folder: Path = CACHE / "unet"
    model = Miniature(tokenizer).to(arguments.device)
    run = Run(model, folder / "cooled" if arguments.decay else folder)
    run.folder.mkdir(parents=True, exist_ok=True)
    if (run.folder / "state.pt").exists():
        run.load(run.folder / "state.pt")
        return run
    if arguments.decay:
        run.load(folder / "state.pt")
        run.decay_from, run.decay_steps = run.step, arguments.decay
    else:
        model.text_encoder.load_state_dict(torch.load(CACHE / "text_encoder.pt", weights_only=True))
        if arguments.family:
            begin_from(model.unet, arguments.family)
            run.listen_steps = LISTEN_STEPS
    run.average.load_state_dict(model.state_dict())
    return run


def spread_of(run: Run) -> tuple[tuple[float, int], ...]:
    """How a step's times are spread. The last third of the decay has even ones: details want their share."""
    if run.listens:
        return LISTEN_TIMES
    settles = run.decay_from is not None and run.step >= run.decay_from + run.decay_steps * 2 // 3
    return EVEN if settles else TIMES


def validated(run: Run, held_out: Task) -> str:
    return f"held-out {validate(run.average, held_out):.4f} words {measure_words(run.average, held_out)}"


def train(run: Run, part: Task, held_out: Task, until: int, *, batch: int, half: bool) -> None:
    began, first, total, counted = time.time(), run.step, 0.0, 0
    while run.step < until:
        seed = SEED * 1_000_003 + run.step
        chosen = np.random.default_rng(seed).integers(len(part.latents), size=batch)
        draw = part.drawn(chosen, seed, spread_of(run))
        with torch.autocast(part.device.type, torch.bfloat16, enabled=half):
            answer = run.model(draw.noisy, draw.times, draw.tokens)
        loss = part.error(draw, answer.float(), chosen)
        run.update(loss)
        total, counted = total + loss.item(), counted + 1
        is_last = run.step == until
        if run.step % 50 == 0:
            pace = (time.time() - began) / (run.step - first)
            print(f"{run.step} loss {total / counted:.4f} rate {run.rate():.3f} {pace:.3f} s/step", flush=True)
            total, counted = 0.0, 0
        if run.step % VALIDATED_EVERY == 0 or is_last:
            print(run.step, validated(run, held_out), flush=True)
        if run.step % SAVED_EVERY == 0 or is_last:
            run.save()
        if run.step % KEPT_EVERY == 0 or is_last:
            run.keep()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000, help="the step at which to stop")
    parser.add_argument("--family", type=Path, help="the folder of a family to begin from")
    parser.add_argument("--decay", type=int, default=0, help="steps in which the rate is run down")
    parser.add_argument("--half", action="store_true", help="networks in bfloat16, a fifth faster where the CPU has it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=BATCH)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    tokenizer = build_tokenizer()
    run = opened(arguments, tokenizer)
    until = arguments.steps if run.end is None else run.end
    part, held_out = (Task(name, tokenizer, arguments.device) for name in ("train", "varied"))
    train(run, part, held_out, until, batch=arguments.batch, half=arguments.half)


if __name__ == "__main__":
    main()
