"""Estimating the device memory of a training, and planning its steps so that they fit.

A batch may pass through the networks in parts (gradient accumulation), and activations may be recomputed in the
backward pass instead of kept (gradient checkpointing). Both save memory and give the same step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from easyphoto.architectures.base import Family
from easyphoto.backends.latents import LATENT_FACTOR
from easyphoto.backends.memory import free_memory
from easyphoto.errors import OutOfMemory
from easyphoto.messages import text
from easyphoto.settings.training import TrainSettings
from easyphoto.training.adapters import Adapted
from easyphoto.training.events import MemoryPlanned
from easyphoto.training.ranks import Ranks, SingleRank, StepOutcome

BYTES_OF_MOMENTS = 4 + 4
"""Per parameter of an adapter: AdamW's two moments, float32."""
KEPT_FREE = 0.1
"""Share of the free memory left unplanned, because allocators round up and kernels need workspace."""
GB = 1e9


@dataclass(frozen=True)
class MemoryPlan:
    """How a batch passes through the networks: `at_a_time` pictures, with or without gradient checkpointing."""

    at_a_time: int
    checkpointing: bool
    offload: bool = False
    """Whether networks that the steps do not need are kept in system memory."""

    def below(self, settings: TrainSettings, *, can_offload: bool = False) -> MemoryPlan | None:
        """The next plan that needs less memory and that the settings allow; None if there is none."""
        if can_offload and not self.offload:
            return replace(self, offload=True)
        if not self.checkpointing and settings.checkpointing != "off":
            return replace(self, checkpointing=True)
        if self.at_a_time > 1:
            return replace(self, at_a_time=self.at_a_time // 2)
        return None

    def words(self, batch: int, devices: int = 1) -> str:
        """`batch` is that of all devices."""
        share = -(-batch // devices)
        parts = -(-share // self.at_a_time)
        on_each = f"{share} on each" if batch % devices == 0 else f"up to {share} on each"
        divided = f"batch {batch}" + (f" on {devices} devices, {on_each}" if devices > 1 else "")
        divided += f" as {parts}×{self.at_a_time}" if parts > 1 else ""
        aside = ", idle networks off the device" if self.offload else ""
        return f"{divided}, checkpointing {'on' if self.checkpointing else 'off'}{aside}"


@dataclass(eq=False)
class OffloadedNetworks:
    """Networks needed only for caching and validation: the autoencoder, and frozen text encoders."""

    networks: tuple[Any, ...] = ()
    device: str = "cpu"
    is_away: bool = False

    @property
    def bytes(self) -> int:
        """Bytes that offloading frees: 0 if the device is the CPU."""
        return 0 if torch.device(self.device).type == "cpu" else bytes_of(self.networks)

    def send_away(self) -> None:
        self.is_away = True
        for network in self.networks:
            network.to("cpu")

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """A context in which the networks are on the device."""
        if not self.is_away:
            yield
            return
        for network in self.networks:
            network.to(self.device)
        try:
            yield
        finally:
            self.send_away()


def bytes_of(networks: Iterable[Any]) -> int:
    """Bytes of the networks' parameters."""
    return sum(each.nbytes for network in networks for each in network.parameters())


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that one training needs, by purpose."""

    weights: int
    adapters: int
    activations: int

    @property
    def whole(self) -> int:
        return self.weights + self.adapters + self.activations


def first_memory_plan(settings: TrainSettings, batch: int | None = None) -> MemoryPlan:
    """The plan the settings ask for; `batch` is a device's share where several share one."""
    batch = batch or settings.batch
    return MemoryPlan(min(settings.micro_batch or batch, batch), settings.checkpointing == "on")


def memory_plans(settings: TrainSettings, batch: int, *, can_offload: bool) -> tuple[MemoryPlan, ...]:
    """The plans that the settings allow for a batch, from the one they ask for down to that of the least memory."""
    plans = [first_memory_plan(settings, batch)]
    while (smaller := plans[-1].below(settings, can_offload=can_offload)) is not None:
        plans.append(smaller)
    return tuple(plans)


def plan_training(
    adapted: Adapted,
    components: Any,
    settings: TrainSettings,
    *,
    device: str,
    idle: OffloadedNetworks,
    ranks: Ranks | None = None,
) -> tuple[MemoryPlan, MemoryPlanned]:
    """The first plan that fits the memory of every rank's device, and its event.

    If the device does not tell how much is free, the plan the settings ask for is tried. Raises OutOfMemory if no plan
    fits.
    """
    ranks = ranks or SingleRank()
    family: Family = components.family
    weights, free = bytes_of(components.networks) + adapted.weights.bytes, _free_memory(device, ranks)
    share = ranks.share(settings.batch)
    plans = memory_plans(settings, share.stop - share.start, can_offload=idle.bytes > 0)
    needs = [estimate(adapted, weights - idle.bytes * plan.offload, family, plan) for plan in plans]
    # The weights are already on the device, so the free memory comes on top of them.
    room = None if free is None else weights + free * (1 - KEPT_FREE)
    fitting = next((rung for rung, need in enumerate(needs) if room is None or need.whole <= room), None)
    if fitting is None:
        words = plans[-1].words(settings.batch, ranks.count)
        raise _too_large(family, needs[-1], words, there=weights + (free or 0))
    rung = min(ranks.agreed(StepOutcome(fitting)).rung, len(plans) - 1)
    there = None if free is None else weights + free
    words = plans[rung].words(settings.batch, ranks.count)
    return plans[rung], _plan(needs[rung], plans[rung], family, words=words, there=there, adapted=adapted)


def _free_memory(device: str, ranks: Ranks) -> int | None:
    """Bytes that this rank may take; on processors all ranks share the machine's."""
    free = free_memory(device)
    return free if free is None or torch.device(device).type != "cpu" else free // ranks.count


def _too_large(family: Family, need: MemoryEstimate, words: str, *, there: int) -> OutOfMemory:
    return OutOfMemory(
        text(
            "Training {label} at {resolution} px needs about {whole:.1f} GB of memory even with "
            "{words}; there are {weights:.1f} GB.",
            label=family.label,
            resolution=family.resolution,
            whole=need.whole / GB,
            words=words,
            weights=there / GB,
        ),
        advice=text(
            "Choose a smaller resolution or rank, close other programs that use the device, or train a smaller model."
        ),
    )


def estimate(adapted: Adapted, weights: int, family: Family, footing: MemoryPlan) -> MemoryEstimate:
    """The memory that a plan needs; `weights` are the bytes of the networks on the device, adapters included."""
    trained = sum(each.numel() for each in adapted.parameters().values())
    sixteen_bit = adapted.unet.conv_in.weight.element_size() == 2
    cells = footing.at_a_time * (family.resolution // LATENT_FACTOR) ** 2
    activations = cells * family.activations.bytes_per_cell(
        sixteen_bit=sixteen_bit, checkpointing=footing.checkpointing
    )
    # The adapters' values and gradients are part of `weights`.
    return MemoryEstimate(weights, trained * BYTES_OF_MOMENTS, activations)


def checkpoint_networks(adapted: Adapted) -> None:
    """Enable gradient checkpointing in the trained networks, which works only in training mode.

    Networks with dropout are left out, because training mode would activate it.
    """
    for network in (adapted.unet, *(adapted.text_encoders if adapted.text_learns else ())):
        if _has_dropout(network):
            continue
        if network is adapted.unet:
            network.enable_gradient_checkpointing()
        else:
            # transformers 5 renamed the switch, and 6 drops the old name.
            renamed = getattr(network, "activation_checkpointing_enable", None)
            # Reentrant checkpointing gives no gradients if the block's input needs none, as after embeddings.
            (renamed or network.gradient_checkpointing_enable)({"use_reentrant": False})
        network.train()


def _has_dropout(network: Any) -> bool:
    layers = any(isinstance(each, torch.nn.Dropout) and each.p > 0 for each in network.modules())
    return layers or getattr(network.config, "attention_dropout", 0.0) > 0


def _plan(
    need: MemoryEstimate, footing: MemoryPlan, family: Family, *, words: str, there: int | None, adapted: Adapted
) -> MemoryPlanned:
    of = "" if there is None else f" of {there / GB:.1f}"
    how = f"{family.label} at {family.resolution} px, {words}"
    return MemoryPlanned(
        text=f"{how}: about {need.whole / GB:.1f}{of} GB",
        at_a_time=footing.at_a_time,
        checkpointing=footing.checkpointing,
        offload=footing.offload,
        precision=str(adapted.unet.conv_in.weight.dtype).removeprefix("torch."),
        need_mb=need.whole // 2**20,
        free_mb=None if there is None else there // 2**20,
    )
