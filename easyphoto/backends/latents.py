"""Converting between pictures and latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from easyphoto.errors import BackendError
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.messages import text

LATENT_FACTOR = 8
"""Pixels per latent cell, along each side, in every Stable Diffusion autoencoder."""


def as_tensor(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """RGB pictures of one size as float32 (count, 3, height, width) in 0..1."""
    stacked = np.stack([as_array(picture) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255


def encoded(vae: Any, pictures: Sequence[Image.Image]) -> torch.Tensor:
    """The scaled latents of RGB pictures, float32 (count, channels, height / 8, width / 8).

    They are the mode of the distribution rather than a sample, so a picture has exactly one latent.
    """
    weight = next(vae.parameters())
    pixels = (as_tensor(pictures) * 2 - 1).to(weight)
    mode = vae.encode(pixels).latent_dist.mode().float()
    return (mode - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor


def lay_out(vae: Any, device: torch.device) -> None:
    """Lay an autoencoder's weights out in memory as its convolutions are fastest on the device.

    Channels last for float32 on a processor with oneDNN: by tools/memory_layouts.py it decodes in 0.86 and encodes in
    0.70 of the usual layout's time for the miniature, in 0.83 and 0.93 for SD 1.5 at a quarter of its width, with the
    same bytes. In bfloat16 it is faster too, but results differ by up to 3 %. UNet (0.99 to 1.06) and ControlNets (0.91
    to 1.01) gain nothing that is sure.
    """
    if device.type == "cpu" and next(vae.parameters()).dtype is torch.float32 and torch.backends.mkldnn.is_available():
        vae.to(memory_format=torch.channels_last)


@contextmanager
def in_tiles(vae: Any, side: int | None) -> Iterator[None]:
    """Have the autoencoder take pictures in overlapping tiles of `side` latent cells, by diffusers' own tiling, which
    needs the memory of one tile. None: as it is."""
    names = ("use_tiling", "tile_latent_min_size", "tile_sample_min_size")
    before = [getattr(vae, name) for name in names] if side else []
    if side:
        vae.use_tiling, vae.tile_latent_min_size, vae.tile_sample_min_size = True, side, side * LATENT_FACTOR
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=False):
            setattr(vae, name, value)


def decoded(vae: Any, latents: torch.Tensor) -> list[np.ndarray]:
    """Scaled latents (count, channels, height / 8, width / 8) as one uint8 array (height, width, 3) each.

    Raises BackendError if the decoded pixels are not finite.
    """
    weight = next(vae.parameters())
    scaled = latents / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
    pixels = vae.decode(scaled.to(weight)).sample.float()
    if not torch.isfinite(pixels).all():
        raise BackendError(
            text("The model produced values that are not numbers."),
            advice=text("16-bit numbers can overflow: use fp32, or lower the LoRA weights and the CFG scale."),
        )
    bytes_ = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return list(bytes_.permute(0, 2, 3, 1).cpu().numpy())


def latent_mask(masks: Sequence[np.ndarray], shape: tuple[int, int]) -> torch.Tensor:
    """Masks (height, width) in 0..1 as float32 (count, 1, *shape): 1 for a latent cell under which any pixel is above
    0, else 0.

    The maximum, not the average: with half-painted cells the rim of the mask would keep half the old picture. The
    mask's soft edge is applied to the pixels after decoding.
    """
    touched = torch.from_numpy(np.stack(masks) > 0)[:, None].float()
    return functional.adaptive_max_pool2d(touched, shape)


@dataclass(frozen=True, eq=False)
class Preview:
    """A cheap preview of latents without the autoencoder: the linear map that best fits one picture to its latents.

    Nothing is computed, and nothing read back from the device, before the first preview is asked for.
    """

    latents: torch.Tensor
    """(batch, channels, height, width), the first of which encode `picture`."""
    picture: Image.Image
    """RGB."""

    @cached_property
    def colours(self) -> torch.Tensor:
        """The map, float32 (channels + 1, 3); the last row is the bias."""
        small = functional.adaptive_avg_pool2d(as_tensor([self.picture]), tuple(self.latents.shape[-2:]))
        return torch.linalg.lstsq(_columns(self.latents), small[0].flatten(1).T).solution

    def __call__(self, latents: torch.Tensor) -> Image.Image:
        """An RGB preview of the first picture in latents (batch, channels, height, width), of the size of `picture`."""
        height, width = latents.shape[-2:]
        pixels = (_columns(latents[:1]) @ self.colours).clamp(0, 1).reshape(height, width, 3)
        return as_picture((pixels * 255).numpy().astype(np.uint8)).resize(self.picture.size, Image.Resampling.BILINEAR)


def _columns(latents: torch.Tensor) -> torch.Tensor:
    """The first picture's latents as float32 (cells, channels + 1) on the CPU, with a last column of ones."""
    cells = latents[0].float().cpu().flatten(1).T
    return torch.cat([cells, torch.ones(len(cells), 1)], dim=1)
