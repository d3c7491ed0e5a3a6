"""Which layers learn, and putting adapters on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

UNET_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


@dataclass(frozen=True, eq=False)
class Adapted:
    """The networks with their adapters. `text_encoder` learns only where `text_learns`."""

    unet: Any
    text_encoder: Any
    text_learns: bool

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Every trained tensor by a name that is the same in every process."""
        found = {f"unet.{name}": each for name, each in self.unet.named_parameters() if each.requires_grad}
        if self.text_learns:
            named = self.text_encoder.named_parameters()
            found |= {f"text_encoder.{name}": each for name, each in named if each.requires_grad}
        return found

    @property
    def kohya_text(self) -> Any:
        """What the LoRA file knows as its text encoder; None where that one does not learn."""
        return self.text_encoder if self.text_learns else None


def add_adapters(components: Any, *, rank: int, alpha: float, seed: int, text_learns: bool) -> Adapted:
    """Freeze the base and put adapters on every Linear and 1×1 convolution of its transformer blocks."""
    from peft import LoraConfig

    for network in (components.unet, components.vae, components.text_encoder):
        network.requires_grad_(False)
    # PEFT draws the initial weights from torch's global generator and takes no other.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        components.unet.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(UNET_TARGETS)))
        if text_learns:
            components.text_encoder.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(TEXT_TARGETS)))
    adapted = Adapted(components.unet, components.text_encoder, text_learns)
    for parameter in adapted.parameters().values():
        # On a 16-bit base PEFT makes 16-bit adapters; at these learning rates AdamW's steps vanish in their rounding.
        parameter.data = parameter.data.float()
    return adapted
