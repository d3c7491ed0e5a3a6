"""Teach the text encoder what words look like, before the UNet listens to it.

    nice python tools/miniature/train_text.py --steps 1500

Captions in, their meanings out (text_lesson.py); 5 minutes on one core. The UNet is then trained beside the frozen
encoder. Resumable; step n always sees the same captions.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from captions import PERSON, picked, said_as
from data import CACHE
from networks import make_text_encoder
from text_lesson import Lesson, Meanings
from torch import nn
from train_unet import Task
from transformers import CLIPTextModel
from unet_run import write
from words import build_tokenizer

SEED, BATCH, RATE, ENCODER_FACTOR = 33, 128, 2e-3, 0.25
READING_STEPS, WARM_STEPS = 60, 60
"""First the lesson alone learns to read the random encoder, whose words all differ."""
PAIRS = (
    ("red background", "green background"), ("red hair", "blue hair"), ("red sweater", "green sweater"),
    ("white sweater", "black sweater"), ("child", "old"), ("smiling", "serious"), ("smiling", "open mouth"),
    ("glasses", "adult"), ("sunglasses", "adult"), ("beard shadow", "adult"), ("pale skin", "dark skin"),
    ("ink drawing", "soft painting"), ("wide shot", "close up"), ("city background", "lights background"),
)  # fmt: skip


class Listener(nn.Module):
    """The encoder, and the lesson's queries that attend to its tokens."""

    def __init__(self, encoder: CLIPTextModel, channels: int) -> None:
        super().__init__()
        self.text_encoder = encoder
        self.lesson = Lesson(channels)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, queries, channels + 1) from (batch, 32) tokens."""
        told: torch.Tensor = self.lesson(self.text_encoder(tokens).last_hidden_state)
        return told


@torch.no_grad()
def told_apart(model: Listener, task: Task, meanings: Meanings) -> str:
    """For pairs of words how much of their difference is told: 1 is all, 0 makes no difference."""
    found = []
    for pair in PAIRS:
        one, other = (model(task.tokens([f"{words}, {PERSON}"]))[0] for words in pair)
        meant = meanings.of([[pair[0]]])[0] - meanings.of([[pair[1]]])[0]
        share = float(((one - other) * meant).sum() / meant.square().sum())
        found.append(f"{pair[0]}/{pair[1]} {share:.2f}")
    return ", ".join(found)


def step_rate(step: int, steps: int, begins: int = 0) -> float:
    return RATE * max(0.0, min(1.0, (step + 1 - begins) / WARM_STEPS, 0.02 + 2.0 * (1 - step / steps)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    tokenizer = build_tokenizer()
    task = Task("train", tokenizer)
    meanings = Meanings(task)
    model = Listener(make_text_encoder(tokenizer), task.latents.shape[1])
    groups = [{"params": list(part.parameters())} for part in (model.text_encoder, model.lesson)]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    step, place = 0, CACHE / "text.pt"
    if place.exists():
        state = torch.load(place, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    began, total = time.time(), 0.0
    while step < arguments.steps:
        draws = np.random.default_rng(SEED * 1_000_003 + step)
        captions = [picked(task.said[index], draws) for index in draws.integers(len(task.said), size=BATCH)]
        texts = [said_as(phrases, draws) for phrases in captions]
        with torch.autocast("cpu", torch.bfloat16):
            answer = model(task.tokens(texts))
        loss = meanings.error(answer.float(), captions)
        encoder, lesson = optimizer.param_groups
        encoder["lr"] = ENCODER_FACTOR * step_rate(step, arguments.steps, READING_STEPS)
        lesson["lr"] = step_rate(step, arguments.steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, total = step + 1, total + loss.item()
        if step % 100 == 0 or step == arguments.steps:
            pace = (time.time() - began) / 100
            print(f"{step} error {total / 100:.4f} {pace:.3f} s/step", flush=True)
            print(told_apart(model, task, meanings), flush=True)
            began, total = time.time(), 0.0
            write(place, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step})
    write(CACHE / "text_encoder.pt", model.text_encoder.state_dict())


if __name__ == "__main__":
    main()
