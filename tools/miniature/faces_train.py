"""What every training script here shares: the step budget, the schedule and the checkpoint to resume from."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from faces_configs import CACHE
from torch import Tensor, nn


@dataclass(frozen=True)
class Budget:
    """A run of `steps` in all, learning rates included, of which this call does what fits into `minutes`."""

    steps: int
    minutes: float
    rate: float
    save_every: int = 100


def budget_arguments(description: str | None, steps: int, rate: float) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=steps, help="length of the whole schedule")
    parser.add_argument("--minutes", type=float, default=600.0, help="stop (and keep the checkpoint) after this long")
    parser.add_argument("--rate", type=float, default=rate)
    return parser


def learning_rate(budget: Budget, step: int) -> float:
    """Short warm-up, then a cosine down to almost nothing."""
    warm = min(1.0, (step + 1) / 100)
    return budget.rate * warm * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / budget.steps))))


def train(
    name: str, module: nn.Module, budget: Budget, loss_of: Callable[[int], tuple[Tensor, dict[str, float]]],
    publish: Callable[[int], None],
) -> None:  # fmt: skip
    """Run or resume. `loss_of(step)` must depend on the step alone, so that a resumed run repeats the straight one."""
    module.train().to(memory_format=torch.channels_last)
    decayed = [parameter for parameter in module.parameters() if parameter.ndim > 1]
    plain = [parameter for parameter in module.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=budget.rate, fused=True)
    path = CACHE / f"{name}.pt"
    step = _resume(path, module, optimizer)
    start, seen = time.time(), dict[str, float]()
    while step < budget.steps and time.time() - start < 60 * budget.minutes:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(budget, step)
        loss, figures = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimizer.step()
        step += 1
        seen = {key: 0.95 * seen.get(key, value) + 0.05 * value for key, value in figures.items()}
        if step % 25 == 0:
            words = " ".join(f"{key} {value:.4f}" for key, value in seen.items())
            print(f"{name} step {step}/{budget.steps} {time.time() - start:.0f} s {words}", flush=True)
        if step % budget.save_every == 0 or step == budget.steps:
            _keep(path, module, optimizer, step)
            publish(step)
            module.train()
    _keep(path, module, optimizer, step)
    publish(step)


def _resume(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    saved = torch.load(path, weights_only=True)
    module.load_state_dict(saved["module"])
    optimizer.load_state_dict(saved["optimizer"])
    return int(saved["step"])


def _keep(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    draft = path.with_suffix(".draft")
    torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, draft)
    draft.rename(path)
