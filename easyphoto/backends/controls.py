"""ControlNets: found, loaded when first asked for, and summed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from easyphoto.backends.base import Control
from easyphoto.backends.components import controlnet_folder, load_network, quiet_libraries
from easyphoto.backends.latents import as_tensor
from easyphoto.errors import MissingCapability
from easyphoto.families import Family

Residuals = tuple[list[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class ControlNetwork:
    """A ControlNet with the convolutions that look at the control image taken out.

    They see the same image in every step and run at full resolution, so they are run once a picture.
    """

    network: Any
    embedding: nn.Module

    def to(self, device: torch.device) -> None:
        self.network.to(device)
        self.embedding.to(device)


@dataclass(frozen=True, eq=False)
class ActiveControl:
    """One control of a batch of pictures, ready to be asked in every step."""

    kind: str
    network: Any
    seen: torch.Tensor
    """The embedded control images, (batch, channels, latent height, latent width)."""
    weight: float
    start: float
    end: float

    def is_on(self, progress: float) -> bool:
        """`progress` is the middle of the step, as a fraction of all steps made."""
        return self.start <= progress < self.end

    def residuals(self, latents: torch.Tensor, timestep: torch.Tensor, words: torch.Tensor) -> Residuals:
        copies = len(latents) // len(self.seen)
        down, middle = self.network(
            latents,
            timestep,
            encoder_hidden_states=words,
            controlnet_cond=self.seen.repeat(copies, 1, 1, 1),
            conditioning_scale=self.weight,
            return_dict=False,
        )
        return list(down), middle


class ControlShelf:
    """The ControlNets below a folder; each is loaded once, two kinds may share one."""

    def __init__(self, family: Family, base: Path | None, *, dtype: torch.dtype, device: torch.device) -> None:
        self._family, self._base = family, base
        self._dtype, self._device = dtype, device
        self._loaded: dict[Path, ControlNetwork] = {}

    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in self._family.controls if self._folder(kind) is not None)

    def require(self, kind: str) -> Path:
        """Raises MissingCapability where no model serves that kind."""
        folder = self._folder(kind)
        if folder is None:
            raise MissingCapability(
                f"There is no model for the control {kind!r}.",
                advice=f"At hand: {', '.join(self.kinds()) or 'none'}; leave it out of the passes or add its model.",
            )
        return folder

    def activate(self, batch: Sequence[Sequence[Control]]) -> tuple[ActiveControl, ...]:
        """The controls of pictures that have the same kinds, weights and spans; those of weight 0 are left out."""
        columns = zip(*batch, strict=True)
        return tuple(self._activated(column) for column in columns if column[0].weight > 0)

    def to(self, device: torch.device) -> None:
        self._device = device
        for control in self._loaded.values():
            control.to(device)

    def _activated(self, column: Sequence[Control]) -> ActiveControl:
        first = column[0]
        control = self._network(self.require(first.kind))
        images = as_tensor([each.image for each in column]).to(self._device, self._dtype)
        seen = control.embedding(images)
        return ActiveControl(first.kind, control.network, seen, first.weight, first.start, first.end)

    def _folder(self, kind: str) -> Path | None:
        return controlnet_folder(self._family, kind, self._base) if self._base else None

    def _network(self, folder: Path) -> ControlNetwork:
        if folder not in self._loaded:
            from diffusers import ControlNetModel

            with quiet_libraries():
                network: Any = load_network(ControlNetModel, folder, dtype=self._dtype, device=self._device)
            embedding = network.controlnet_cond_embedding
            network.controlnet_cond_embedding = nn.Identity()
            self._loaded[folder] = ControlNetwork(network, embedding)
        return self._loaded[folder]


def summed_residuals(
    controls: Sequence[ActiveControl],
    latents: torch.Tensor,
    *,
    timestep: torch.Tensor,
    words: torch.Tensor,
    progress: float,
) -> Residuals | None:
    """What all controls that are on add to the UNet's skip connections and middle; None where none is."""
    total: Residuals | None = None
    for control in controls:
        if not control.is_on(progress):
            continue
        down, middle = control.residuals(latents, timestep, words)
        if total is None:
            total = down, middle
        else:
            total = [one + other for one, other in zip(total[0], down, strict=True)], total[1] + middle
    return total
