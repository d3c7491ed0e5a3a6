"""Single-file ControlNets: in LDM's layout, with diffusers' names, or as a Control-LoRA on top of the UNet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from easyphoto.backends import ldm_names
from easyphoto.backends.folders import part_config
from easyphoto.backends.ldm_names import Place
from easyphoto.backends.single_file import unet_places
from easyphoto.backends.tensor_files import Places, filled, open_tensors, without_memory
from easyphoto.errors import MissingCapability
from easyphoto.messages import text

Tensors = Mapping[str, torch.Tensor]
CONTROL_LORA = "lora_controlnet"
"""An empty tensor that marks a Control-LoRA."""
UP, DOWN = ".up", ".down"
_DEPTH = re.compile(r"down_blocks\.(\d+)\.attentions\.0\.transformer_blocks\.(\d+)\.")


def load_control_file(file: Path, configs: Path, *, unet: Any | None, dtype: torch.dtype, device: torch.device) -> Any:
    """A ControlNet from one file. `unet` is the base model's; a Control-LoRA holds only the difference to it.

    Raises MissingCapability if the file is not a ControlNet, WeightsMissing or InputError if it does not fit.
    """
    from diffusers import ControlNetModel

    config = part_config(configs, "controlnet")
    with open_tensors(file) as tensors:
        is_named_ours = "controlnet_cond_embedding.conv_in.weight" in tensors
        fitted = _fitted(config, tensors) if is_named_ours else config
        network = without_memory(lambda: ControlNetModel.from_config(fitted))
        if CONTROL_LORA in tensors:
            tensors = _materialised(network, tensors, unet, file.name)
        places = _same_names if is_named_ours or CONTROL_LORA in tensors else _ldm_places(network, tensors, file)
        return filled(
            network, tensors, places, what=text("The ControlNet {name}", name=file.name), dtype=dtype, device=device
        )


def _same_names(key: str) -> tuple[Place, ...]:
    return (Place(key),)


def _ldm_places(network: Any, tensors: Tensors, file: Path) -> Places:
    for prefix in (ldm_names.CONTROL_PREFIX, ""):
        if f"{prefix}input_hint_block.0.weight" in tensors:
            return unet_places(network, prefix)
    raise MissingCapability(
        text("{name} is not a ControlNet that EasyPhoto can read.", name=file.name),
        advice=text("Use the file that `easyphoto weights list` names for this control."),
    )


def _fitted(config: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The family's configuration with the file's depths: smaller ControlNets leave transformer blocks out."""
    depths = [0] * len(config["block_out_channels"])
    for match in filter(None, map(_DEPTH.match, names)):
        depths[int(match[1])] = max(depths[int(match[1])], int(match[2]) + 1)
    has_attention = any(name.startswith("mid_block.attentions.") for name in names)
    return {
        **config,
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "transformer_layers_per_block": [max(1, depth) for depth in depths],
        "mid_block_type": "UNetMidBlock2DCrossAttn" if has_attention else "UNetMidBlock2D",
    }


def _materialised(network: Any, tensors: Tensors, unet: Any | None, name: str) -> dict[str, torch.Tensor]:
    """The tensors of the whole ControlNet that a Control-LoRA stands for: its own tensor if it has one, the UNet's
    weight plus the product of its factors if it has those, else the UNet's weight.

    The factors of `x.weight` are `x.up` and `x.down`, without a scale, as Stability's ControlLoraSave writes them.
    """
    if unet is None:
        raise MissingCapability(
            text("{name} is a Control-LoRA, which needs the base model's UNet.", name=name),
            advice=text("Use a full ControlNet."),
        )
    base = {key.replace(".base_layer.", "."): value for key, value in unet.state_dict().items()}
    keys, layers = network.state_dict(), network.config.layers_per_block
    whole: dict[str, torch.Tensor] = {CONTROL_LORA: torch.empty(0)}
    for key in keys:
        original = ldm_names.unet_name(key, keys, layers)
        module = original.removesuffix(".weight")
        if original in tensors:
            whole[key] = tensors[original]
        elif module + UP in tensors and module + DOWN in tensors and key in base:
            whole[key] = _sum(base[key], tensors[module + UP], tensors[module + DOWN])
        elif key in base:
            whole[key] = base[key]
    return whole


def _sum(weight: torch.Tensor, up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    product = up.to(weight.device).float().flatten(1) @ down.to(weight.device).float().flatten(1)
    return weight.float() + product.reshape(weight.shape)
