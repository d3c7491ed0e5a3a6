"""Adding LoRA adapters to the networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from easyphoto.architectures.base import TextEncoder
from easyphoto.training.adapted_networks import adapted_layers, grouped, put_in_place
from easyphoto.training.adapter_weights import AdapterWeights
from easyphoto.training.lora_layers import JoinedLayers


@dataclass(frozen=True, eq=False)
class Adapted:
    """The networks with their adapters. The text encoders are trained only if `text_learns`."""

    unet: Any
    text_encoders: tuple[Any, ...]
    text_learns: bool
    said: tuple[TextEncoder, ...]
    """The family's description of each text encoder."""
    weights: AdapterWeights
    words: JoinedLayers | None = None
    """What makes the words' keys and values for all the UNet's cross-attention layers; None: each makes its own."""

    @property
    def learning(self) -> dict[str, Any]:
        """The trained networks by their names in the diffusers layout."""
        texts = {each.part: encoder for each, encoder in zip(self.said, self.text_encoders, strict=True)}
        return {"unet": self.unet} | (texts if self.text_learns else {})

    def parameters(self) -> Mapping[str, torch.Tensor]:
        """Every trained tensor, float32, by a name that is stable across processes."""
        return self.weights.values

    def guess(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        words: torch.Tensor,
        added: dict[str, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """What the UNet predicts for noisy latents (N, channels, height, width), in their shape and the base's dtype.

        `words` are hidden states (N, tokens, width), and `added` the extra inputs of families that have such.
        """
        keys_values = None if self.words is None else self.words(words)
        found: torch.Tensor = self.unet(
            latents.to(words.dtype),
            timesteps,
            encoder_hidden_states=words,
            added_cond_kwargs=added,
            cross_attention_kwargs={"keys_values": keys_values},
            return_dict=False,
        )[0]
        return found


def add_adapters(components: Any, *, rank: int, alpha: float, seed: int, text_learns: bool) -> Adapted:
    """Freeze the base and add float32 adapters to every linear layer and 1×1 convolution of its transformer blocks.

    While they learn, the networks must be on the device on which they are now.
    """
    unet, encoders, said = components.unet, components.text_encoders, components.family.text_encoders
    for network in components.networks:
        network.requires_grad_(False)
    texts = {each.part: encoder for each, encoder in zip(said, encoders, strict=True)} if text_learns else {}
    learning: dict[str, Any] = {"unet": unet, **texts}
    layers = [layer for name, network in learning.items() for layer in adapted_layers(name, network, rank)]
    groups = [
        group
        for name, network in learning.items()
        for group in grouped(network, [layer for layer in layers if layer.network == name])
    ]
    first = unet.conv_in.weight
    weights = AdapterWeights(layers, groups, scale=alpha / rank, dtype=first.dtype, device=first.device)
    _draw(weights, seed=seed, dtype=first.dtype)
    adapters = list(weights.factors())
    words = {
        name: put_in_place(network, [each for each in adapters if each[0][0].network == name])
        for name, network in learning.items()
    }
    return Adapted(unet, encoders, text_learns, said, weights, words["unet"])


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
