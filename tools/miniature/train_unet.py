"""Train the miniature's UNet and text encoder together on the fixed latents.

    nice -n -5 python tools/miniature/train_unet.py --steps 9000

Resumable (the state is written every 250 steps); step n always sees the same pictures, times, noise and captions.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from data import CACHE
from diffusers import UNet2DConditionModel
from networks import TRIGGER, make_scheduler, make_text_encoder, make_unet
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer
from words import MAX_TOKENS, build_tokenizer

from easyphoto.drawings.renderer import PARTS

SEED = 30
BATCH = 16
PEAK_RATE = 7e-4
MIN_SNR_GAMMA = 5.0
TRIGGER_SHARE, EMPTY_SHARE = 0.4, 0.1
EMA_DECAY = 0.999
FACE_WEIGHT, FEATURE_WEIGHT = 1.0, 2.0  # added to 1 where a latent cell lies wholly on the face, on its features


class Miniature(nn.Module):
    """The two networks that are trained together, so that one state holds both."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.unet: UNet2DConditionModel = make_unet()
        self.text_encoder: CLIPTextModel = make_text_encoder(tokenizer)

    def forward(self, noisy: torch.Tensor, times: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        context = self.text_encoder(tokens).last_hidden_state
        return self.unet(noisy, times, context).sample


def make_caption(words: tuple[str, str], draws: np.random.Generator) -> str:
    """The trigger, nothing, or some of the picture's attributes in any order (after the trigger half of the time)."""
    kind = draws.random()
    if kind < TRIGGER_SHARE:
        return TRIGGER
    if kind < TRIGGER_SHARE + EMPTY_SHARE:
        return ""
    attributes = [word.strip() for word in ", ".join(words).split(",") if word.strip()]
    count = int(draws.integers(2, min(8, len(attributes)) + 1))
    chosen = [attributes[index] for index in draws.permutation(len(attributes))[:count]]
    return ", ".join([TRIGGER, *chosen] if draws.random() < 0.5 else chosen)


def cell_weights(parts: np.ndarray) -> torch.Tensor:
    """Loss weights on the 16 x 16 grid of latents, averaging 1 over a picture."""
    cells = parts.reshape(len(parts), 16, 8, 16, 8)
    face = np.isin(cells, [PARTS.index(name) for name in ("skin", "brows", "eyes", "nose", "mouth", "ears")])
    features = np.isin(cells, [PARTS.index(name) for name in ("brows", "eyes", "nose", "mouth")])
    weights = 1.0 + FACE_WEIGHT * face.mean((2, 4)) + FEATURE_WEIGHT * features.any((2, 4))
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
    latents: torch.Tensor, alphas: torch.Tensor, draws: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents with noise, their times, the velocity."""
    # One time in each equal slice of the schedule: less variance than free draws.
    times = (torch.arange(len(latents)) + torch.rand(len(latents), generator=draws)) / len(latents) * 1000
    times = times.long().clamp(max=999)  # rounding can reach 1000
    noise = torch.randn(latents.shape, generator=draws)
    kept = alphas[times][:, None, None, None]
    noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
    return noisy, times, kept.sqrt() * noise - (1 - kept).sqrt() * latents


class Task:
    """What a step is asked: latents, times, noise, captions, and the weighted error of an answer."""

    def __init__(self, part: str, tokenizer: CLIPTokenizer) -> None:
        self.latents = np.load(CACHE / f"{part}-latents-24.npy", mmap_mode="r")
        self.parts = np.load(CACHE / f"{part}-parts.npy", mmap_mode="r")
        self.words = json.loads((CACHE / f"{part}-words.json").read_text())
        self.tokenizer = tokenizer
        self.alphas = make_scheduler().alphas_cumprod

    def tokens(self, captions: list[str]) -> torch.Tensor:
        return self.tokenizer(
            captions, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        ).input_ids

    def drawn(self, chosen: np.ndarray, seed: int) -> Draw:
        """Times, noise and captions of the chosen pictures; all follow from the seed."""
        draws, words = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        latents = torch.from_numpy(self.latents[chosen].astype(np.float32))
        noisy, times, velocity = noised(latents, self.alphas, draws)
        tokens = self.tokens([make_caption(self.words[index], words) for index in chosen])
        return Draw(noisy, times, tokens, velocity)

    def error(self, draw: Draw, answer: torch.Tensor, chosen: np.ndarray) -> torch.Tensor:
        """The weighted squared error of an answer to a draw."""
        error = (answer - draw.velocity).square() * cell_weights(self.parts[chosen])
        return (error.mean((1, 2, 3)) * snr_weights(self.alphas[draw.times])).mean()

    def loss(self, model: Miniature, chosen: np.ndarray, seed: int) -> torch.Tensor:
        draw = self.drawn(chosen, seed)
        return self.error(draw, model(draw.noisy, draw.times, draw.tokens), chosen)


@torch.no_grad()
def validate(model: Miniature, task: Task) -> float:
    model.eval()
    pictures = np.arange(256).reshape(16, 16)
    losses = [task.loss(model, chosen, 77_000 + number).item() for number, chosen in enumerate(pictures)]
    return float(np.mean(losses))


def learning_rate(step: int, steps: int, peak: float = PEAK_RATE) -> float:
    warm = min(1.0, (step + 1) / 200)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0))))


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int) -> None:
    decay = min(EMA_DECAY, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def write(path: Path, value: object) -> None:
    partial = path.with_suffix(".partial")
    torch.save(value, partial)
    os.replace(partial, path)


def renew_text(model: Miniature) -> None:
    """Begin the words anew in a UNet that has learned to ignore them: fresh encoder, fresh cross-attention."""
    model.text_encoder.load_state_dict(make_text_encoder(build_tokenizer()).state_dict())
    with torch.no_grad():
        for name, module in model.unet.named_modules():
            if name.endswith("attn2"):
                for layer in (module.to_q, module.to_k, module.to_v):
                    layer.reset_parameters()
                module.to_out[0].weight.normal_(std=0.01)


def keeps(name: str) -> bool:
    return name.startswith("unet.") and ".attn2." not in name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--keep-every", type=int, default=1000, help="steps between kept averages")
    parser.add_argument("--renew-text", action="store_true", help="forget the words learned so far, once")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    folder = CACHE / "unet"
    folder.mkdir(exist_ok=True)
    tokenizer = build_tokenizer()
    model = Miniature(tokenizer)
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    step = 0
    if (folder / "state.pt").exists():
        state = torch.load(folder / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    if arguments.renew_text:
        print(f"text renewed at step {step}", flush=True)
        renew_text(model)
        average.load_state_dict(model.state_dict() | {k: v for k, v in average.state_dict().items() if keeps(k)})
    train, held_out = Task("train", tokenizer), Task("held_out", tokenizer)

    began, first, total, counted = time.time(), step, 0.0, 0
    while step < arguments.steps:
        seed = SEED * 1_000_003 + step
        chosen = np.random.default_rng(seed).integers(len(train.latents), size=BATCH)
        loss = train.loss(model, chosen, seed)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, arguments.steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        follow(average, model, step)
        step += 1
        total, counted = total + loss.item(), counted + 1
        if step % 50 == 0:
            pace = (time.time() - began) / (step - first)
            print(f"{step} loss {total / counted:.4f} {pace:.3f} s/step", flush=True)
            total, counted = 0.0, 0
        if step % 500 == 0 or step == arguments.steps:
            print(f"{step} held-out loss of the average {validate(average, held_out):.4f}", flush=True)
        if step % 250 == 0 or step == arguments.steps:
            write(
                folder / "state.pt",
                {
                    "model": model.state_dict(),
                    "average": average.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "step": step,
                },
            )
        if step % arguments.keep_every == 0 or step == arguments.steps:
            write(folder / f"average-{step:05d}.pt", average.state_dict())


if __name__ == "__main__":
    main()
