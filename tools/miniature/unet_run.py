"""The state of a training of the UNet and the text encoder: where it begins, how it goes on, what is kept of it.

The learning rate needs no end: it warms up, stays, and is run down in a branch of its own ("warm-up, stable, decay":
Hu et al. 2024, MiniCPM; the root's shape: Hägele et al. 2024). So the stable part can always go on.
"""

from __future__ import annotations

import copy
import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

RATE, LESSON_RATE = 5e-4, 1e-3
STATES = ("model", "average", "optimizer", "lesson", "lesson_optimizer")
LISTENING = {"token_embedding": 2.0, "text_encoder": 1.0, "attn2": 2.0}
"""What turns words into pictures, and how much faster than the rest it learns: a word is seen in few steps."""
WARM_STEPS = 300
STABLE_AVERAGE, COOLED_AVERAGE = 0.9995, 0.995


@dataclass(eq=False)
class Run:
    """A model, its moving average, its optimizer, and the steps made."""

    model: nn.Module
    folder: Path
    lesson: nn.Module  # learns beside the model and is thrown away
    decay_from: int | None = None  # the step from which the rate is run down
    decay_steps: int = 0
    step: int = 0
    listen_steps: int = 0  # the first ones, in which only what turns words into pictures learns
    average: nn.Module = field(init=False)
    optimizer: torch.optim.AdamW = field(init=False)
    lesson_optimizer: torch.optim.AdamW = field(init=False)

    def __post_init__(self) -> None:
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        groups = _groups(self.model)
        self.optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        self.lesson_optimizer = torch.optim.AdamW(self.lesson.parameters(), lr=LESSON_RATE, betas=(0.9, 0.99))

    @property
    def end(self) -> int | None:
        return None if self.decay_from is None else self.decay_from + self.decay_steps

    def rate(self) -> float:
        """The share of the full learning rate."""
        begun = self.step if self.listens or not self.listen_steps else self.step - self.listen_steps
        warm = min(1.0, (begun + 1) / WARM_STEPS)
        if self.decay_from is None:
            return warm
        return warm * max(0.0, 1.0 - math.sqrt((self.step - self.decay_from) / self.decay_steps))

    @property
    def listens(self) -> bool:
        return self.step < self.listen_steps

    def update(self, loss: torch.Tensor) -> None:
        """One step down the loss's gradients; the average follows."""
        for group in self.optimizer.param_groups:
            still = self.listens and not group["listening"]
            group["lr"] = 0.0 if still else RATE * group["factor"] * self.rate()
        for group in self.lesson_optimizer.param_groups:
            group["lr"] = LESSON_RATE * self.rate()
        for optimizer in (self.optimizer, self.lesson_optimizer):
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in (self.optimizer, self.lesson_optimizer):
            optimizer.step()
        made = self.step - (self.decay_from or 0)
        usual = STABLE_AVERAGE if self.decay_from is None else COOLED_AVERAGE
        follow(self.average, self.model, min(usual, (1 + made) / (10 + made)))
        self.step += 1

    def save(self) -> None:
        state = {name: getattr(self, name).state_dict() for name in STATES}
        plan = {"step": self.step, "listen": self.listen_steps, "decay": [self.decay_from, self.decay_steps]}
        write(self.folder / "state.pt", state | plan)

    def load(self, place: Path) -> None:
        """Go on from a state; one of a decay keeps to its own plan."""
        state = torch.load(place, weights_only=True)
        for name in STATES:
            getattr(self, name).load_state_dict(state[name])
        self.step, self.listen_steps = state["step"], state["listen"]
        if state["decay"][0] is not None:
            self.decay_from, self.decay_steps = state["decay"]

    def keep(self) -> None:
        write(self.folder / f"average-{self.step:06d}.pt", self.average.state_dict())


def _groups(model: nn.Module) -> list[dict[str, object]]:
    groups: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(next((part for part in LISTENING if part in name), ""), []).append(parameter)
    return [
        {"params": parameters, "factor": LISTENING.get(part, 1.0), "listening": bool(part)}
        for part, parameters in groups.items()
    ]


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def write(path: Path, value: object) -> None:
    partial = path.with_suffix(".partial")
    torch.save(value, partial)
    os.replace(partial, path)


def begin_from(model: nn.Module, family: Path, tokenizer: CLIPTokenizer) -> None:
    """Take a family's UNet and text encoder."""
    unet = UNet2DConditionModel.from_pretrained(family / "unet", torch_dtype=torch.float32)
    model.unet.load_state_dict(unet.state_dict())
    take_words(model.text_encoder, family, tokenizer)


def renew_attention(model: nn.Module) -> None:
    """Let the UNet begin to listen anew: to another text encoder its old cross-attention would hear noise."""
    with torch.no_grad():
        for name, module in model.unet.named_modules():
            if name.endswith("attn2"):
                for layer in (module.to_q, module.to_k, module.to_v):
                    layer.reset_parameters()
                module.to_out[0].weight.normal_(std=0.01)


def take_words(text_encoder: CLIPTextModel, family: Path, tokenizer: CLIPTokenizer) -> None:
    """Take a family's text encoder; words keep their embeddings although their numbers may have changed.

    A word that the family wrote in several pieces begins as their mean.
    """
    encoder = CLIPTextModel.from_pretrained(family / "text_encoder", torch_dtype=torch.float32)
    older = CLIPTokenizer.from_pretrained(family / "tokenizer")
    values, states = older.get_vocab(), encoder.state_dict()
    name = next(name for name in states if name.endswith("token_embedding.weight"))
    embeddings = states[name].clone()
    for token, number in tokenizer.get_vocab().items():
        pieces = [values[token]] if token in values else _pieces(older, token)
        if pieces:
            embeddings[number] = states[name][pieces].mean(0)
    text_encoder.load_state_dict(states | {name: embeddings})


def _pieces(tokenizer: CLIPTokenizer, token: str) -> list[int]:
    if not token.endswith("</w>"):
        return []  # a piece of words that are all whole
    return list(tokenizer(token.removesuffix("</w>"), add_special_tokens=False).input_ids)
