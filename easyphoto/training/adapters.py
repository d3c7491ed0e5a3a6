"""Adding LoRA adapters to the networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from easyphoto.architectures.base import TextEncoder
from easyphoto.training.adapter_weights import AdaptedLayer, AdapterWeights
from easyphoto.training.lora_layers import AdaptedLinear, AdaptedPointwise

UNET_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


@dataclass(frozen=True, eq=False)
class Adapted:
    """The networks with their adapters. The text encoders are trained only if `text_learns`."""

    unet: Any
    text_encoders: tuple[Any, ...]
    text_learns: bool
    said: tuple[TextEncoder, ...]
    """The family's description of each text encoder."""
    weights: AdapterWeights

    @property
    def learning(self) -> dict[str, Any]:
        """The trained networks by their names in the diffusers layout."""
        texts = {each.part: encoder for each, encoder in zip(self.said, self.text_encoders, strict=True)}
        return {"unet": self.unet} | (texts if self.text_learns else {})

    def parameters(self) -> Mapping[str, torch.Tensor]:
        """Every trained tensor, float32, by a name that is stable across processes."""
        return self.weights.values


def add_adapters(components: Any, *, rank: int, alpha: float, seed: int, text_learns: bool) -> Adapted:
    """Freeze the base and add float32 adapters to every linear layer and 1×1 convolution of its transformer blocks."""
    unet, encoders, said = components.unet, components.text_encoders, components.family.text_encoders
    for network in components.networks:
        network.requires_grad_(False)
    texts = {each.part: encoder for each, encoder in zip(said, encoders, strict=True)} if text_learns else {}
    learning = {"unet": unet, **texts}
    layers = [layer for name, network in learning.items() for layer in _layers(name, network, rank)]
    first = unet.conv_in.weight
    weights = AdapterWeights([(layer,) for layer in layers], scale=alpha / rank, dtype=first.dtype, device=first.device)
    _draw(weights, seed=seed, dtype=first.dtype)
    for (layer,), factors in weights.factors():
        network = learning[layer.network]
        base = network.get_submodule(layer.path)
        kind = AdaptedPointwise if isinstance(base, nn.Conv2d) else AdaptedLinear
        parent, _, child = layer.path.rpartition(".")
        setattr(network.get_submodule(parent), child, kind(base, factors))
    return Adapted(unet, encoders, text_learns, said, weights)


def _layers(name: str, network: nn.Module, rank: int) -> Iterator[AdaptedLayer]:
    """The layers that get adapters, in the order of the network's modules."""
    targets = UNET_TARGETS if name == "unet" else TEXT_TARGETS
    for path, module in network.named_modules():
        if any(path == target or path.endswith(f".{target}") for target in targets):
            outputs, inputs, *kernel = module.weight.shape
            yield AdaptedLayer(name, path, (rank, inputs, *kernel), (outputs, rank, *kernel))


def _draw(weights: AdapterWeights, *, seed: int, dtype: torch.dtype) -> None:
    """The values that PEFT would draw for the seed: `down` uniform, `up` 0."""
    draw = torch.Generator().manual_seed(seed)
    for layer in weights.layers:
        down, up = layer.names
        # PEFT's layers draw both factors when they are made, and it then draws the first anew.
        for shape in (layer.down, layer.up):
            torch.empty(shape).uniform_(generator=draw)
        # Kaiming's bound for a = √5, as torch computes it.
        bound = math.sqrt(3.0) * (math.sqrt(2.0 / 6) / math.sqrt(layer.down[1]))
        drawn = torch.empty(layer.down).uniform_(-bound, bound, generator=draw)
        # PEFT creates them in the base's dtype.
        weights.values[down].copy_(drawn.to(dtype))
        weights.values[up].zero_()
    weights.refresh()
