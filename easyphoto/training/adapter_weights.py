"""The values of the adapters: float32 masters in one tensor per network, and working copies in the base's dtype.

The masters have to be float32: in 16 bits AdamW's steps at these learning rates round to nothing. The networks compute
with the working copies, which one copy per network and step brings up to date, instead of casting every factor in every
layer. On a float32 base the masters are their own working copies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

DOWN, UP = 0, 1


@dataclass(frozen=True)
class AdaptedLayer:
    """A layer with an adapter: up · down · scale, (outputs, rank) · (rank, inputs), is added to its weight."""

    network: str
    """"unet", "text_encoder" or "text_encoder_2"."""
    path: str
    """The layer's name in its network."""
    down: tuple[int, ...]
    """(rank, inputs), for a 1×1 convolution (rank, inputs, 1, 1)."""
    up: tuple[int, ...]
    """(outputs, rank), for a 1×1 convolution (outputs, rank, 1, 1)."""

    @property
    def names(self) -> tuple[str, str]:
        """The names of the two factors, which are PEFT's: runs that began with its adapters are resumed too."""
        stem = f"{self.network}.{self.path}"
        return f"{stem}.lora_A.default.weight", f"{stem}.lora_B.default.weight"


@dataclass(frozen=True, eq=False)
class Factors:
    """The working copies of one layer's factors, or of several layers' that have the same input: autograd's leaves."""

    down: torch.Tensor
    """(layers · rank, inputs)."""
    ups: tuple[torch.Tensor, ...]
    """Each (layers, outputs, rank), for successive layers with equally many outputs."""
    scale: float
    """alpha / rank."""

    @property
    def leaves(self) -> tuple[torch.Tensor, ...]:
        return self.down, *self.ups

    @property
    def outputs(self) -> list[int]:
        """Each layer's number of outputs."""
        return [stack.shape[1] for stack in self.ups for _ in range(len(stack))]

    def of(self, place: int) -> Factors:
        """The factors of one of the layers."""
        rank, first = self.ups[0].shape[2], 0
        # Not split into single layers, which are hundreds where all keys and values for words are computed as one.
        for stack in self.ups:
            if place < first + len(stack):
                break
            first += len(stack)
        up = stack[place - first : place - first + 1]
        return Factors(self.down[place * rank : (place + 1) * rank], (up,), self.scale)


Group = Sequence[AdaptedLayer]
"""Layers with the same input; those with equally many outputs follow each other."""


class AdapterWeights:
    """The adapters' values and gradients.

    `values` and `gradients` are float32 views of the flat tensors, by the factors' names and in their shapes. A change
    of the values takes effect with the next `refresh`.
    """

    def __init__(
        self,
        layers: Sequence[AdaptedLayer],
        groups: Sequence[Group],
        *,
        scale: float,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        """All values are 0. `groups` hold the `layers` in an order of their own; `dtype` is the base's."""
        self.scale = scale
        self.layers = tuple(layers)
        self._groups = {name: [group for group in groups if group[0].network == name] for name in _networks(groups)}
        sizes = {name: sum(map(_size, its_groups)) for name, its_groups in self._groups.items()}
        self.flat: Mapping[str, torch.Tensor] = _zeros(sizes, torch.float32, device)
        """Network → float32 (values,), the masters."""
        self.grads: Mapping[str, torch.Tensor] = _zeros(sizes, torch.float32, device)
        """Network → float32 (values,), in the masters' order."""
        self._copies = self.flat if dtype == torch.float32 else _zeros(sizes, dtype, device)
        self._arrived = self.grads if dtype == torch.float32 else _zeros(sizes, dtype, device)
        self.values: Mapping[str, torch.Tensor] = self._all_views(self.flat)
        self.gradients: Mapping[str, torch.Tensor] = self._all_views(self.grads)
        self._leaves = {name: self._leaves_of(name) for name in self._groups}
        self._places = {name: list(self._pieces(name, self._arrived[name])) for name in self._groups}

    @property
    def bytes(self) -> int:
        """Bytes of the values and gradients. A layer's own gradient, until it is gathered, takes the place of
        activations."""
        held = {id(each): each for each in (self.flat, self.grads, self._copies, self._arrived)}
        return sum(tensor.nbytes for each in held.values() for tensor in each.values())

    def views(self, network: str, flat: torch.Tensor) -> dict[str, torch.Tensor]:
        """A flat tensor in the masters' order, such as an optimizer's moments, as views by the factors' names."""
        found: dict[str, torch.Tensor] = {}
        pieces = self._pieces(network, flat)
        for group in self._groups[network]:
            for which, layers in _stacks(group):
                parts = next(pieces).view(len(layers), -1)
                for layer, part in zip(layers, parts, strict=True):
                    found[layer.names[which]] = part.view((layer.down, layer.up)[which])
        return {name: found[name] for layer in self.layers if layer.network == network for name in layer.names}

    def factors(self) -> Iterator[tuple[Group, Factors]]:
        """Each group's working copies."""
        for name, groups in self._groups.items():
            leaves = iter(self._leaves[name])
            for group in groups:
                down, *ups = (next(leaves) for _ in _stacks(group))
                yield group, Factors(down, tuple(ups), self.scale)

    @torch.no_grad()
    def refresh(self, networks: Sequence[str] | None = None) -> None:
        """Bring the working copies up to date with the masters, all or those of some networks."""
        for name in self.flat if networks is None else networks:
            if self._copies is not self.flat:
                self._copies[name].copy_(self.flat[name])

    @torch.no_grad()
    def gather(self) -> None:
        """Add the gradients of a backward pass to `grads`, and drop them from the leaves."""
        for name, leaves in self._leaves.items():
            pairs = zip(self._places[name], leaves, strict=True)
            learned = [(place, leaf.grad) for place, leaf in pairs if leaf.grad is not None]
            if learned:
                self._add(name, [place for place, _ in learned], [gradient for _, gradient in learned])
            for leaf in leaves:
                leaf.grad = None

    def _add(self, network: str, places: list[torch.Tensor], found: list[torch.Tensor]) -> None:
        if self._arrived is self.grads:
            torch._foreach_add_(places, found)
            return
        if len(found) < len(self._leaves[network]):
            self._arrived[network].zero_()
        # Of lists with two dtypes, CUDA would add one tensor at a time.
        torch._foreach_copy_(places, found)
        self.grads[network].add_(self._arrived[network])

    @torch.no_grad()
    def clear(self) -> None:
        """Set all gradients to 0, and drop those that were not gathered."""
        for name, leaves in self._leaves.items():
            self.grads[name].zero_()
            for leaf in leaves:
                leaf.grad = None

    def _all_views(self, flat: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: view for network in self._groups for name, view in self.views(network, flat[network]).items()}

    def _leaves_of(self, network: str) -> list[torch.Tensor]:
        return [piece.detach().requires_grad_() for piece in self._pieces(network, self._copies[network])]

    def _pieces(self, network: str, flat: torch.Tensor) -> Iterator[torch.Tensor]:
        """Views of a flat tensor in the shapes of the leaves."""
        place = 0
        for group in self._groups[network]:
            for which, layers in _stacks(group):
                shape = _shape(which, layers)
                size = math.prod(shape)
                yield flat[place : place + size].view(shape)
                place += size


def _networks(groups: Sequence[Group]) -> list[str]:
    return list(dict.fromkeys(group[0].network for group in groups))


def _stacks(group: Group) -> list[tuple[int, Group]]:
    """The tensors of a group, in their order: the factor, 0 down or 1 up, and the layers whose factors it holds."""
    return [(DOWN, group), *((UP, list(layers)) for _, layers in groupby(group, lambda layer: layer.up))]


def _shape(which: int, layers: Group) -> tuple[int, ...]:
    (rank, inputs, *_), (outputs, *_) = layers[0].down, layers[0].up
    return (len(layers) * rank, inputs) if which == DOWN else (len(layers), outputs, rank)


def _size(group: Group) -> int:
    return sum(math.prod(_shape(which, layers)) for which, layers in _stacks(group))


def _zeros(sizes: Mapping[str, int], dtype: torch.dtype, device: torch.device | str) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(size, dtype=dtype, device=device) for name, size in sizes.items()}
