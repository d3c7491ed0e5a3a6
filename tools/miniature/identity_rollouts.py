"""Templates on their way to becoming the person: the states that a repainting pass really visits.

A step's guess moves its template one stage on, so states that follow from the adapter's own guesses cost no pass of
their own. Noise in the person's own picture would teach less: it still shows who it is, a template shows a stranger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from guides import draw_points
from identity_data import Pairs
from networks import SIZE
from train_control import stack

from easyphoto.backends.base import Sampler
from easyphoto.backends.sampling import make_schedule

SAMPLER_STEPS, STRIDE = 20, 2  # first-order steps over every second level stand for the product's second-order ones
FIRST_LEVELS = (3, 5, 5, 5, 7)  # 5 is denoising strength 0.75


@dataclass(frozen=True, eq=False)
class Stages:
    """The levels of the product's sampler, for single steps from any of them."""

    times: torch.Tensor
    signal: torch.Tensor
    noise: torch.Tensor

    @property
    def last(self) -> int:
        """The finished picture's level."""
        return len(self.times)

    def after(self, level: torch.Tensor) -> torch.Tensor:
        return (level + STRIDE).clamp(max=self.last)

    def scales(self, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.signal[level][:, None, None, None], self.noise[level][:, None, None, None]


def open_stages(config: Any) -> Stages:
    device = torch.device("cpu")
    schedule = make_schedule(config, Sampler.DPMPP_2M_KARRAS, steps=SAMPLER_STEPS, strength=1.0, device=device)
    return Stages(schedule.scheduler.timesteps, schedule.signal, schedule.noise)


@dataclass(frozen=True, eq=False)
class Rollouts:
    """A batch of templates, each at its level."""

    rows: np.ndarray
    level: torch.Tensor
    latents: torch.Tensor
    start_noise: torch.Tensor
    template: torch.Tensor
    mask: torch.Tensor
    guides: torch.Tensor

    def only(self, chosen: torch.Tensor) -> Rollouts:
        values = {name: value[chosen] for name, value in vars(self).items() if name != "rows"}
        return Rollouts(rows=self.rows[chosen.numpy()], **values)

    def moved(self, stages: Stages, guess: torch.Tensor) -> Rollouts:
        """One sampling step on; outside the mask the template comes back, as in the product's passes."""
        following = stages.after(self.level)
        signal, noise = stages.scales(self.level)
        next_signal, next_noise = stages.scales(following)
        latents = next_signal * guess + next_noise * (self.latents - signal * guess) / noise
        kept = next_signal * self.template + next_noise * self.start_noise
        return replace(self, level=following, latents=self.mask * latents + (1 - self.mask) * kept)


def begin(pairs: Pairs, stages: Stages, count: int, draws: np.random.Generator) -> Rollouts:
    rows = draws.integers(len(pairs), size=count)
    level = torch.from_numpy(draws.choice(FIRST_LEVELS, size=count))
    template = torch.from_numpy(pairs.template_latents[rows]).float()
    noise = torch.from_numpy(draws.standard_normal(template.shape, dtype=np.float32))
    signal, scale = stages.scales(level)
    return Rollouts(
        rows=rows,
        level=level,
        latents=signal * template + scale * noise,
        start_noise=noise,
        template=template,
        mask=torch.from_numpy(pairs.masks[rows]),
        guides=stack([draw_points(points, SIZE) for points in pairs.template_points[rows]]),
    )


def refilled(rollouts: Rollouts, pairs: Pairs, stages: Stages, draws: np.random.Generator) -> Rollouts:
    """New templates in place of the finished ones."""
    done = rollouts.level >= stages.last
    if not done.any():
        return rollouts
    fresh, kept = begin(pairs, stages, int(done.sum()), draws), rollouts.only(torch.nonzero(~done).flatten())
    values = {name: torch.cat([value, getattr(fresh, name)]) for name, value in vars(kept).items() if name != "rows"}
    return Rollouts(rows=np.concatenate([kept.rows, fresh.rows]), **values)
