"""Adding LoRA adapters to the networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from easyphoto.architectures.base import TextEncoder

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

    @property
    def learning(self) -> dict[str, Any]:
        """The trained networks by their names in the diffusers layout."""
        texts = {each.part: encoder for each, encoder in zip(self.said, self.text_encoders, strict=True)}
        return {"unet": self.unet} | (texts if self.text_learns else {})

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Every trained tensor, by a name that is stable across processes."""
        return {
            f"{network}.{name}": each
            for network, module in self.learning.items()
            for name, each in module.named_parameters()
            if each.requires_grad
        }


def add_adapters(components: Any, *, rank: int, alpha: float, seed: int, text_learns: bool) -> Adapted:
    """Freeze the base and add float32 adapters to every linear layer and 1×1 convolution of its transformer blocks."""
    from peft import LoraConfig

    for network in components.networks:
        network.requires_grad_(False)
    adapted = Adapted(components.unet, components.text_encoders, text_learns, components.family.text_encoders)
    # PEFT draws the initial weights from torch's global generator and takes no other.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, network in adapted.learning.items():
            targets = UNET_TARGETS if name == "unet" else TEXT_TARGETS
            network.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets)))
    for parameter in adapted.parameters().values():
        # On a 16-bit base PEFT creates 16-bit adapters, in which AdamW's steps at these learning rates round to
        # nothing.
        parameter.data = parameter.data.float()
    return adapted
