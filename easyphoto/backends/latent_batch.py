"""What a batch of pictures starts from: latents, noise, the part to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from easyphoto.backends.base import Fill, GenerateRequest, InpaintRequest, Request
from easyphoto.backends.latents import LATENT_FACTOR, Preview, latent_mask
from easyphoto.backends.sampling import Repaint, drawn_noise
from easyphoto.geometry import Size


@dataclass(frozen=True, eq=False)
class LatentBatch:
    """The latents and noise a batch of pictures starts from, both float32 (batch, channels, height, width).

    Its generators are used up by the steps, so that a second try needs a new one.
    """

    latents: torch.Tensor
    noise: torch.Tensor
    generators: tuple[torch.Generator, ...]
    repaint: Repaint | None
    strength: float
    preview: Preview | None

    @property
    def size(self) -> Size:
        """Size of the picture in pixels."""
        height, width = self.latents.shape[-2:]
        return Size(width * LATENT_FACTOR, height * LATENT_FACTOR)


def painted_over(batch: Sequence[InpaintRequest], old: torch.Tensor) -> LatentBatch:
    """Of requests with equal batch keys; `old` are the latents of their pictures."""
    mask = latent_mask([request.mask for request in batch], old.shape[-2:]).to(old.device)
    generators = _generators(batch)
    noise = _noise(old.shape, generators, old.device)
    start = old
    if batch[0].fill is Fill.NOISE:
        start = torch.lerp(old, _noise(old.shape, generators, old.device), mask)
    preview = Preview(old, batch[0].image)
    return LatentBatch(start, noise, generators, Repaint(old, mask), batch[0].denoise, preview)


def blank(request: GenerateRequest, channels: int, device: torch.device) -> LatentBatch:
    """Of a picture that is drawn from a prompt alone; latents have so many channels."""
    shape = (1, channels, request.size.height // LATENT_FACTOR, request.size.width // LATENT_FACTOR)
    generators = _generators([request])
    noise = _noise(shape, generators, device)
    return LatentBatch(torch.zeros_like(noise), noise, generators, None, 1.0, None)


def _generators(batch: Sequence[Request]) -> tuple[torch.Generator, ...]:
    # Always on the CPU, so that a seed gives the same noise on every device.
    return tuple(torch.Generator("cpu").manual_seed(request.seed) for request in batch)


def _noise(shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device) -> torch.Tensor:
    return drawn_noise(shape[1:], generators).to(device)
