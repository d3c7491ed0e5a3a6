"""Finding ControlNets, loading them on first use, and summing their residuals."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Control
from easyphoto.backends.components import quiet_libraries
from easyphoto.backends.folders import configs_folder, controlnet_folder
from easyphoto.backends.latents import as_tensor
from easyphoto.backends.network_folders import load_network
from easyphoto.errors import MissingCapability
from easyphoto.messages import Text, text
from easyphoto.model_cache import Lease, bytes_of_networks, file_key, no_models
from easyphoto.weights.catalog import CATALOG, WeightFile
from easyphoto.weights.store import WeightStore

Residuals = tuple[list[torch.Tensor], torch.Tensor]
AddedConditions = dict[str, torch.Tensor] | None


@dataclass(frozen=True, eq=False)
class ControlNetwork:
    """A ControlNet with the embedding of its control image taken out.

    The embedding runs at full resolution on the same image in every step, so it is computed once per picture.
    """

    network: Any
    embedding: nn.Module

    def to(self, device: torch.device) -> None:
        self.network.to(device)
        self.embedding.to(device)


@dataclass(frozen=True, eq=False)
class ActiveControl:
    """One control of a batch of pictures, ready to run in every step."""

    kind: str
    network: Any
    seen: torch.Tensor
    """The embedded control images, (batch, channels, latent height, latent width)."""
    weight: float
    start: float
    end: float
    words: torch.Tensor | None = None
    """(N, tokens, width): what it sees in place of the prompt's words, in their rows. InstantID's sees face tokens."""
    masks: torch.Tensor | None = None
    """float32 (batch, height, width) in 0..1, on the device: where it acts; None: everywhere."""
    lies: torch.device | None = None
    """Where the network is between its calls, for which it comes to the device; None: it is there."""

    def is_on(self, progress: float) -> bool:
        """Whether the control acts in a step; `progress` is the step's middle as a fraction of all steps."""
        return self.start <= progress < self.end

    def residuals(
        self, latents: torch.Tensor, timestep: torch.Tensor, words: torch.Tensor, *, added: AddedConditions = None
    ) -> Residuals:
        """The control's residuals for the UNet's skip connections and its middle block, scaled by its weight.

        `latents` is (N, channels, height, width), `words` (N, tokens, width), where N is the batch size or twice it.
        `added` holds the extra inputs of some families' networks; the others ignore it.
        """
        copies = len(latents) // len(self.seen)
        with self._at_hand(latents.device):
            down, middle = self.network(
                latents,
                timestep,
                encoder_hidden_states=words if self.words is None else self.words,
                controlnet_cond=self.seen.repeat(copies, 1, 1, 1),
                conditioning_scale=self.weight,
                added_cond_kwargs=added,
                return_dict=False,
            )
        return [self._masked(each) for each in down], self._masked(middle)

    @contextmanager
    def _at_hand(self, device: torch.device) -> Iterator[None]:
        if self.lies is None:
            yield
            return
        self.network.to(device)
        try:
            yield
        finally:
            self.network.to(self.lies)

    def _masked(self, residual: torch.Tensor) -> torch.Tensor:
        if self.masks is None:
            return residual
        # Bilinear, as InstantID's own pipeline does it.
        small = functional.interpolate(self.masks[:, None], size=residual.shape[-2:], mode="bilinear").to(residual)
        return residual * small.repeat(len(residual) // len(small), 1, 1, 1)


class ControlNets:
    """The ControlNets beside a base model, else in the weight store. Each is loaded once; two kinds may share one."""

    def __init__(
        self,
        family: Family,
        base: Path | None,
        *,
        dtype: torch.dtype,
        device: torch.device,
        store: WeightStore | None = None,
        unet: Any | None = None,
        models: Lease | None = None,
        base_key: Hashable = None,
    ) -> None:
        """`unet` is the base model's, to which a Control-LoRA is a difference; cache keys name it by `base_key`."""
        self._models, self._base_key = models or no_models(), base_key
        self._family, self._base, self._store, self._unet = family, base, store, unet
        self._dtype, self._device = dtype, device
        self._loaded: dict[Path, ControlNetwork] = {}
        self.visit_from: torch.device | None = None
        """Where networks lie that come to the device one after another, in each step; None: they are there."""

    @property
    def loaded(self) -> tuple[ControlNetwork, ...]:
        return tuple(self._loaded.values())

    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in self._family.controls if self._place(kind) is not None)

    def refused(self) -> dict[str, str]:
        """Control kind without a model here → the reason: its licence is refused, or where to get it."""
        ids = {kind: id for kind, id in self._family.controls.items() if self._place(kind) is None}
        return {kind: self._reason(CATALOG[id]) for kind, id in ids.items() if id in CATALOG}

    def _reason(self, file: WeightFile) -> Text:
        if self._store is not None and not self._store.allows(file.id):
            return text(
                "its model's licence ({licence}) is not allowed by the licence setting {value}",
                licence=file.licence,
                value=self._store.licences.value,
            )
        return text("its model is missing: easyphoto weights get {id}", id=file.id)

    def require(self, kind: str) -> Path:
        """Folder or file of the ControlNet for `kind`. Raises MissingCapability if there is none."""
        place = self._place(kind)
        if place is None:
            raise MissingCapability(
                text("There is no model for the control {kind!r}.", kind=kind),
                advice=text(
                    "Available: {kinds}. Leave it out, or add its model.",
                    kinds=", ".join(self.kinds()) or text("none"),
                ),
            )
        return place

    def are_loaded(self, controls: Sequence[Control]) -> bool:
        """Whether `activate` will load nothing for them."""
        return all(self.require(each.kind) in self._loaded for each in controls if each.weight > 0)

    def activate(self, batch: Sequence[Sequence[Control]]) -> tuple[ActiveControl, ...]:
        """The controls of a batch of pictures with equal kinds, weights and spans; controls of weight 0 are left out.

        Unless they are loaded, call it while no LoRA is merged into the UNet: a Control-LoRA would absorb it for good.
        """
        columns = zip(*batch, strict=True)
        return tuple(self.activated(self.require(column[0].kind), column) for column in columns if column[0].weight > 0)

    def activated(self, place: Path, column: Sequence[Control]) -> ActiveControl:
        """A control with the ControlNet in that folder or file, as each picture of a batch has it."""
        first, control = column[0], self._network(place)
        images = as_tensor([each.image for each in column]).to(self._device, self._dtype)
        seen = control.embedding(images)
        return ActiveControl(
            first.kind, control.network, seen, first.weight, first.start, first.end, lies=self.visit_from
        )

    def to(self, device: torch.device) -> None:
        self._device = device
        for control in self._loaded.values():
            control.to(device)

    def _place(self, kind: str) -> Path | None:
        beside = controlnet_folder(self._family, kind, self._base) if self._base else None
        id = self._family.controls.get(kind)
        if beside is not None or self._store is None or id is None or id not in CATALOG:
            return beside
        return self._store.find(id)

    def _network(self, place: Path) -> ControlNetwork:
        if place not in self._loaded:
            key = ("controlnet", file_key(place), str(self._dtype), str(self._device), self._base_key)
            self._loaded[place] = self._models.borrow(
                key,
                lambda: self._opened(place),
                size=lambda control: bytes_of_networks((control.network, control.embedding)),
            )
        return self._loaded[place]

    def _opened(self, place: Path) -> ControlNetwork:
        with quiet_libraries():
            network = self._read(place)
        embedding = network.controlnet_cond_embedding
        network.controlnet_cond_embedding = nn.Identity()
        return ControlNetwork(network, embedding)

    def _read(self, place: Path) -> Any:
        if place.is_dir():
            from diffusers import ControlNetModel

            return load_network(ControlNetModel, place, dtype=self._dtype, device=self._device)
        from easyphoto.backends.control_files import load_control_file

        configs = configs_folder(self._family, self._base or place)
        return load_control_file(place, configs, unet=self._unet, dtype=self._dtype, device=self._device)


def summed_residuals(
    controls: Sequence[ActiveControl],
    latents: torch.Tensor,
    *,
    timestep: torch.Tensor,
    words: torch.Tensor,
    progress: float,
    added: AddedConditions = None,
) -> Residuals | None:
    """The sum of the active controls' residuals for the UNet's skip connections and middle block; None if none is
    active.

    `latents` is (N, channels, height, width), `words` (N, tokens, width); `progress` is as in `ActiveControl.is_on`.
    """
    total: Residuals | None = None
    for control in controls:
        if not control.is_on(progress):
            continue
        down, middle = control.residuals(latents, timestep, words, added=added)
        if total is None:
            total = down, middle
        else:
            total = [one + other for one, other in zip(total[0], down, strict=True)], total[1] + middle
    return total
