"""One step of learning, and everything that must survive between two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from easyphoto.errors import Diverged
from easyphoto.settings import TrainSettings
from easyphoto.training.adapters import Adapted
from easyphoto.training.data import Cached, Plan

WARM_UP = 20
FINAL_SHARE = 0.1
CLIP = 1.0
BAD_STEPS = 25


@dataclass(frozen=True, eq=False)
class Noise:
    """The base model's noise schedule, and what its prediction means."""

    alphas: torch.Tensor
    prediction: str

    @classmethod
    def of(cls, scheduler: Any, device: str) -> Noise:
        return cls(scheduler.alphas_cumprod.float().to(device), str(scheduler.config.prediction_type))

    @property
    def timesteps(self) -> int:
        return len(self.alphas)

    def mixed(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        alpha = self.alphas[timesteps][:, None, None, None]
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return latents
        if self.prediction == "v_prediction":
            alpha = self.alphas[timesteps][:, None, None, None]
            return alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        raise ValueError(f"unknown prediction type {self.prediction!r}")

    def importance(self, timesteps: torch.Tensor, gamma: float) -> torch.Tensor:
        """Min-SNR: caps the weight of nearly clean pictures (arXiv 2303.09556); all ones where gamma is 0."""
        if gamma <= 0:
            return torch.ones_like(self.alphas[timesteps])
        alpha = self.alphas[timesteps]
        ratio = alpha / (1 - alpha)
        capped = ratio.clamp(max=gamma)
        return {"epsilon": capped / ratio, "v_prediction": capped / (ratio + 1), "sample": capped}[self.prediction]


def rate(step: int, steps: int) -> float:
    """Share of the learning rate at a step: a short rise, then a cosine down to a tenth."""
    warm_up = min(WARM_UP, max(1, steps // 10))
    if step < warm_up:
        return (step + 1) / warm_up
    along = (step - warm_up) / max(1, steps - warm_up)
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * along))


class Learner:
    """The adapters, their optimizer and how far they are."""

    def __init__(
        self,
        adapted: Adapted,
        cached: Cached,
        *,
        noise: Noise,
        plan: Plan,
        settings: TrainSettings,
        rates: tuple[float, float],
        device: str,
    ) -> None:
        """`rates` are the highest learning rates of the UNet's and of the text encoder's adapters."""
        self.adapted, self.cached, self.noise, self.plan = adapted, cached, noise, plan
        self.settings, self.device = settings, device
        self.steps = len(plan.indices)
        self.step = 0
        self.losses: list[float] = []
        self.bad_steps = 0
        self._parameters = adapted.parameters()
        text = [each for name, each in self._parameters.items() if name.startswith("text_encoder.")]
        unet = [each for name, each in self._parameters.items() if name.startswith("unet.")]
        self._rates = rates[: 2 if text else 1]
        self.optimizer = torch.optim.AdamW([{"params": group} for group in (unet, text) if group], foreach=True)

    @property
    def is_done(self) -> bool:
        return self.step >= self.steps

    @property
    def learning_rate(self) -> float:
        return self._rates[0] * rate(min(self.step, self.steps - 1), self.steps)

    def advance(self) -> float:
        """Do one step and return its loss. Raises Diverged after too many losses that are no number."""
        for group, base in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = base * rate(self.step, self.steps)
        loss = self.loss()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(list(self._parameters.values()), CLIP)
        value = float(loss.detach())
        if math.isfinite(value) and bool(torch.isfinite(norm)):
            self.optimizer.step()
        else:
            self._skip()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.losses.append(value)
        return value

    def _skip(self) -> None:
        self.bad_steps += 1
        if self.bad_steps >= BAD_STEPS:
            raise Diverged(
                f"The loss was no number in {self.bad_steps} steps.",
                advice="Lower the learning rate; if it goes on, look for a damaged base model.",
            )

    def loss(self) -> torch.Tensor:
        """Of the present step; the same for the same step, whatever happened before."""
        indices, timesteps = self.plan.indices[self.step], self.plan.timesteps[self.step].to(self.device)
        rows = indices.to(self.device)
        draw = torch.Generator().manual_seed(int(self.plan.noise_seeds[self.step]))
        latents = self.cached.mean[rows]
        if self.cached.deviation is not None:
            latents = latents + self.cached.deviation[rows] * torch.randn(latents.shape, generator=draw).to(self.device)
        noise = torch.randn(latents.shape, generator=draw).to(self.device)
        with self._precision():
            words = self._words(indices)
            noisy = self.noise.mixed(latents, noise, timesteps)
            guess = self.adapted.unet(noisy, timesteps, encoder_hidden_states=words, return_dict=False)[0]
        error = (guess.float() - self.noise.target(latents, noise, timesteps)) ** 2
        each = (error * self.cached.weights[rows]).mean(dim=(1, 2, 3))
        return (each * self.noise.importance(timesteps, self.settings.min_snr_gamma)).mean()

    def _words(self, indices: torch.Tensor) -> torch.Tensor:
        """Each distinct caption is encoded once, then handed to every picture that has it."""
        distinct, place = torch.unique(self.cached.captions[indices], return_inverse=True)
        return self.adapted.text_encoder(self.cached.tokens[distinct.to(self.device)])[0][place.to(self.device)]

    def _precision(self) -> AbstractContextManager[Any]:
        """16-bit arithmetic under fp32 adapters where the base is 16-bit."""
        dtype = self.adapted.unet.conv_in.weight.dtype
        if dtype == torch.float32:
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=dtype)

    def state(self) -> dict[str, torch.Tensor]:
        """Everything a later process needs to go on, bit for bit."""
        found: dict[str, torch.Tensor] = {"step": torch.tensor(self.step), "bad_steps": torch.tensor(self.bad_steps)}
        found["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        # The steps have generators of their own; this one is kept for a base model with dropout.
        found["random"] = torch.get_rng_state()
        for name, parameter in self._parameters.items():
            found[f"value.{name}"] = parameter.detach()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"{key}.{name}"] = torch.as_tensor(value)
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        self.step, self.bad_steps = int(state["step"]), int(state["bad_steps"])
        self.losses = state["losses"].tolist()
        torch.set_rng_state(state["random"])
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(state[f"value.{name}"])
                if f"exp_avg.{name}" in state:
                    keys = ("step", "exp_avg", "exp_avg_sq")
                    self.optimizer.state[parameter] = {key: self._placed(key, state[f"{key}.{name}"]) for key in keys}

    def _placed(self, key: str, value: torch.Tensor) -> torch.Tensor:
        # AdamW counts its steps on the CPU, whatever the device.
        return value.clone() if key == "step" else value.to(self.device).clone()
