"""The state of a training of the UNet: where it begins, how it goes on, what is kept of it.

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

RATE = 5e-4
STATES = ("model", "average", "optimizer")
LISTENING, LISTENING_FACTOR = "attn2", 2.0
"""What turns words into pictures, and how much faster than the rest it learns: a word is seen in few steps."""
WARM_STEPS = 300
STABLE_AVERAGE, COOLED_AVERAGE = 0.9995, 0.995


@dataclass(eq=False)
class Run:
    """A model, its moving average, its optimizer, and the steps made."""

    model: nn.Module
    folder: Path
    decay_from: int | None = None  # the step from which the rate is run down
    decay_steps: int = 0
    step: int = 0
    listen_steps: int = 0  # the first ones, in which only what turns words into pictures learns
    average: nn.Module = field(init=False)
    optimizer: torch.optim.AdamW = field(init=False)

    def __post_init__(self) -> None:
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        groups = _groups(self.model)
        self.optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)

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
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
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
        state = torch.load(place, weights_only=True, map_location=next(self.model.parameters()).device)
        for name in STATES:
            getattr(self, name).load_state_dict(state[name])
        self.step, self.listen_steps = state["step"], state["listen"]
        if state["decay"][0] is not None:
            self.decay_from, self.decay_steps = state["decay"]

    def keep(self) -> None:
        write(self.folder / f"average-{self.step:06d}.pt", self.average.state_dict())


def _groups(model: nn.Module) -> list[dict[str, object]]:
    learning = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
    return [
        {
            "params": [each for name, each in learning if (LISTENING in name) == listening],
            "factor": LISTENING_FACTOR if listening else 1.0,
            "listening": listening,
        }
        for listening in (False, True)
    ]


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def write(path: Path, value: object) -> None:
    partial = path.with_suffix(".partial")
    torch.save(value, partial)
    os.replace(partial, path)


def begin_from(unet: UNet2DConditionModel, family: Path) -> None:
    """Take a family's UNet, but let it begin to listen anew: in another encoder's words it would hear noise."""
    unet.load_state_dict(UNet2DConditionModel.from_pretrained(family / "unet", torch_dtype=torch.float32).state_dict())
    with torch.no_grad():
        for name, module in unet.named_modules():
            if name.endswith("attn2"):
                for layer in (module.to_q, module.to_k, module.to_v):
                    layer.reset_parameters()
                module.to_out[0].weight.normal_(std=0.01)
