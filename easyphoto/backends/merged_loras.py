"""LoRAs merged into a base's weights, and the base's own weights, kept to restore them exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from easyphoto.backends.memory import unreserved_memory

LEAST_FREE = 4
"""How many times the size of the base's kept weights must be free on the GPU for them to stay between two pictures:
the autoencoder needs the room (SDXL's 8 GB at 1024 pixels)."""


@dataclass(frozen=True, eq=False)
class LoraDelta:
    """What one LoRA adds to one weight: scale × up · down, float32 in the weight's shape."""

    weight: nn.Parameter
    up: torch.Tensor
    down: torch.Tensor
    scale: float

    def delta(self) -> torch.Tensor:
        """float32, in the shape and on the device of the weight."""
        device = self.weight.device
        product = self.up.to(device).float().flatten(1) @ self.down.to(device).float().flatten(1)
        return self.scale * product.reshape(self.weight.shape)


class MergedLoras:
    """The LoRAs that are merged into the weights of one base's networks; each can be switched on and off.

    They may stay merged between pictures that want the same ones. The base's weights are kept, because subtracting
    would not restore them exactly.
    """

    controls: tuple[()] = ()
    """LoRAs bring no ControlNets."""

    def __init__(self) -> None:
        self._key: Hashable = ()
        self._changes: Sequence[Sequence[LoraDelta]] = ()
        self._kept: dict[nn.Parameter, torch.Tensor] = {}
        self._on: tuple[int, ...] = ()
        self.aside = False
        """Whether the base's weights are kept in main memory, where the device has no room for them."""

    @property
    def bytes(self) -> int:
        """Memory of the base's weights that are kept."""
        return sum(each.numel() * each.element_size() for each in self._kept.values())

    @property
    def may_stay(self) -> bool:
        """Whether there is room for the base's weights until the next picture."""
        device = next((kept.device for kept in self._kept.values()), None)
        if device is None or device.type != "cuda":
            return True
        return unreserved_memory(device) >= LEAST_FREE * self.bytes

    def choose(self, key: Hashable, read: Callable[[], Sequence[Sequence[LoraDelta]]]) -> None:
        """Take the LoRAs known by `key`, all switched on; `read` gives their deltas, and is not called if they are the
        ones that are merged already. Raises what it raises, before any weight changes."""
        if key != self._key:
            self._changes = read()
            # The others are still merged, whatever numbers they had.
            self._key, self._on = key, (-1,)
        self.switch(range(len(self._changes)))

    def switch(self, on: Collection[int]) -> None:
        """Switch on the LoRAs with these numbers and switch off the others."""
        on = tuple(sorted(on))
        if on == self._on:
            return
        by_weight: dict[nn.Parameter, list[LoraDelta]] = defaultdict(list)
        for change in (change for number in on for change in self._changes[number] if change.scale):
            by_weight[change.weight].append(change)
        # Set before the weights change, so that an interrupted switch is not mistaken for a finished one.
        self._on = (-1,)
        with torch.no_grad():
            for weight, its_changes in by_weight.items():
                old = self._base_of(weight).to(weight.device).float()
                weight.copy_(old + sum(change.delta() for change in its_changes))
            for weight in self._kept.keys() - by_weight.keys():
                weight.copy_(self._kept[weight])
        self._on = on

    def _base_of(self, weight: nn.Parameter) -> torch.Tensor:
        """The weight without LoRAs, kept from now on."""
        if weight not in self._kept:
            self._kept[weight] = weight.detach().to("cpu", copy=True) if self.aside else weight.detach().clone()
        return self._kept[weight]

    def take_off(self) -> None:
        """Restore every weight bit for bit, and forget the LoRAs."""
        self.switch(())
        self._key, self._changes, self._kept = (), (), {}
