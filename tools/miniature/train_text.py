"""Teach the text encoder what words look like, before the UNet listens to it.

    nice python tools/miniature/train_text.py --family models/miniature --steps 1500

Captions in, the picture's coarse latents out (text_lesson.py). A step costs a third of one of the UNet's, and the
encoder's tokens carry colours and places in a form that attention can fetch when the UNet begins to listen.
Resumable; step n always sees the same captions.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from captions import full_caption
from data import CACHE
from networks import make_text_encoder
from text_lesson import Coarse, Lesson
from torch import nn
from train_unet import Task
from transformers import CLIPTextModel
from unet_run import take_words, write
from words import build_tokenizer

SEED, BATCH, RATE, WARM_STEPS = 33, 128, 1e-3, 100


class Listener(nn.Module):
    """The encoder, and the lesson's cells that attend to its tokens."""

    def __init__(self, encoder: CLIPTextModel, channels: int) -> None:
        super().__init__()
        self.text_encoder = encoder
        self.lesson = Lesson(channels)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, cells, channels) from (batch, 32) tokens."""
        told: torch.Tensor = self.lesson(self.text_encoder(tokens).last_hidden_state)
        return told


@torch.no_grad()
def explained(model: Listener, task: Task, truth: Coarse) -> float:
    """The share of the coarse latents' variance between pictures that full captions tell."""
    chosen = np.arange(len(task.said))
    seen = truth.of(chosen, task=task)
    captions = [full_caption(said) for said in task.said]
    parts = [model(task.tokens(captions[start : start + 128])) for start in range(0, len(captions), 128)]
    told = torch.cat(parts)
    return 1 - float((seen - told).square().sum() / (seen - seen.mean(0)).square().sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--family", type=Path, help="the folder of a family whose encoder to begin from")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    tokenizer = build_tokenizer()
    encoder = make_text_encoder(tokenizer)
    if arguments.family:
        take_words(encoder, arguments.family, tokenizer)
    train, held_out = Task("train", tokenizer), Task("varied", tokenizer)
    truth = Coarse(train)
    model = Listener(encoder, train.latents.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    step, place = 0, CACHE / "text.pt"
    if place.exists():
        state = torch.load(place, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    began, total = time.time(), 0.0
    while step < arguments.steps:
        draws = np.random.default_rng(SEED * 1_000_003 + step)
        chosen = draws.integers(len(train.latents), size=BATCH)
        error = model(train.caption_tokens(chosen, draws)) - truth.of(chosen)
        for group in optimizer.param_groups:
            left = 1 - step / arguments.steps
            group["lr"] = RATE * min(1.0, (step + 1) / WARM_STEPS, 0.05 + 1.6 * left)
        optimizer.zero_grad(set_to_none=True)
        loss = error.square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, total = step + 1, total + loss.item()
        if step % 100 == 0 or step == arguments.steps:
            pace, told = (time.time() - began) / 100, explained(model, held_out, truth)
            print(f"{step} loss {total / 100:.4f} explained {told:.4f} {pace:.3f} s/step", flush=True)
            began, total = time.time(), 0.0
            write(place, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step})
    write(CACHE / "text_encoder.pt", model.text_encoder.state_dict())


if __name__ == "__main__":
    main()
