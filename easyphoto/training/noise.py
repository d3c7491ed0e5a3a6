"""The base model's noise: how much of it a time step has, and what the UNet predicts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, eq=False)
class Noise:
    """The base model's noise schedule and prediction type.

    In its methods latents and noise are (N, channels, height, width), and `timesteps` are int64 (N,).
    """

    alphas: torch.Tensor
    prediction: str

    @classmethod
    def of(cls, scheduler: Any, device: str) -> Noise:
        return cls(scheduler.alphas_cumprod.float().to(device), str(scheduler.config.prediction_type))

    @property
    def timesteps(self) -> int:
        return len(self.alphas)

    def mixed(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """The noisy latents at the time steps, in the shape of `latents`."""
        alpha = self.alphas[timesteps][:, None, None, None]
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """What the UNet should predict for the prediction type, in the shape of `latents`."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return latents
        if self.prediction == "v_prediction":
            alpha = self.alphas[timesteps][:, None, None, None]
            return alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        raise ValueError(f"unknown prediction type {self.prediction!r}")

    def importance(self, timesteps: torch.Tensor, gamma: float) -> torch.Tensor:
        """float32 (N,): Min-SNR weights, which cap the loss of nearly clean pictures (arXiv 2303.09556).

        They are all 1 if gamma is 0.
        """
        if gamma <= 0:
            return torch.ones_like(self.alphas[timesteps])
        alpha = self.alphas[timesteps]
        ratio = alpha / (1 - alpha)
        capped = ratio.clamp(max=gamma)
        return {"epsilon": capped / ratio, "v_prediction": capped / (ratio + 1), "sample": capped}[self.prediction]
