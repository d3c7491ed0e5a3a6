"""Between pictures and the latents the UNet works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from easyphoto.errors import BackendError
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.messages import text


def as_tensor(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """float32 (count, 3, height, width) in 0..1."""
    stacked = np.stack([as_array(picture) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255


def encoded(vae: Any, pictures: Sequence[Image.Image]) -> torch.Tensor:
    """The most likely latents (no draw from their distribution, so that a picture has one latent), float32."""
    weight = next(vae.parameters())
    pixels = (as_tensor(pictures) * 2 - 1).to(weight)
    mode = vae.encode(pixels).latent_dist.mode().float()
    return (mode - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor


def decoded(vae: Any, latents: torch.Tensor) -> list[np.ndarray]:
    """uint8 (height, width, 3) for each."""
    weight = next(vae.parameters())
    scaled = latents / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
    pixels = vae.decode(scaled.to(weight)).sample.float()
    if not torch.isfinite(pixels).all():
        raise BackendError(
            text("The networks returned values that are no numbers."),
            advice=text(
                "16-bit weights can overflow: open the model in float32, or lower the LoRA weights and the CFG."
            ),
        )
    bytes_ = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return list(bytes_.permute(0, 2, 3, 1).cpu().numpy())


def latent_mask(masks: Sequence[np.ndarray], shape: tuple[int, int]) -> torch.Tensor:
    """float32 (count, 1, *shape): 1 for every latent cell under which any pixel is to change, else 0.

    Not the average: half a cell's paint would leave the mask's rim with half the old picture. The soft edge of the
    mask does its work on the pixels, after decoding.
    """
    touched = torch.from_numpy(np.stack(masks) > 0)[:, None].float()
    return functional.adaptive_max_pool2d(touched, shape)


@dataclass(frozen=True, eq=False)
class Preview:
    """A glance at latents without the autoencoder: the linear map that fits one picture and its latents best."""

    colours: torch.Tensor
    """(channels + 1, 3); the last row is added."""
    size: tuple[int, int]

    @classmethod
    def fitted(cls, latents: torch.Tensor, picture: Image.Image) -> Preview:
        small = functional.adaptive_avg_pool2d(as_tensor([picture]), tuple(latents.shape[-2:]))
        return cls(torch.linalg.lstsq(_columns(latents), small[0].flatten(1).T).solution, picture.size)

    def __call__(self, latents: torch.Tensor) -> Image.Image:
        height, width = latents.shape[-2:]
        pixels = (_columns(latents[:1]) @ self.colours).clamp(0, 1).reshape(height, width, 3)
        return as_picture((pixels * 255).numpy().astype(np.uint8)).resize(self.size, Image.Resampling.BILINEAR)


def _columns(latents: torch.Tensor) -> torch.Tensor:
    """(cells, channels + 1) of one picture's latents, ones last."""
    cells = latents[0].float().cpu().flatten(1).T
    return torch.cat([cells, torch.ones(len(cells), 1)], dim=1)
