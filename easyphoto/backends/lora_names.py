"""The names that LoRA files use for layers and their factors: kohya's in two spellings, and diffusers'.

Every spelling of a layer's name maps to the layer's weight, so files that mix spellings are read too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from torch import nn

from easyphoto.architectures.base import TextEncoder
from easyphoto.backends.components import Components
from easyphoto.backends.ldm_names import unet_name

DOWN, UP, ALPHA = "down", "up", "alpha"
Targets = dict[str, nn.Parameter]

_PARTS = (
    (".lora_linear_layer.down.weight", DOWN),
    (".lora_linear_layer.up.weight", UP),
    ("_lora.down.weight", DOWN),
    ("_lora.up.weight", UP),
    (".lora_down.weight", DOWN),
    (".lora_up.weight", UP),
    (".lora.down.weight", DOWN),
    (".lora.up.weight", UP),
    (".lora_A.weight", DOWN),
    (".lora_B.weight", UP),
    (".alpha", ALPHA),
)
# The spelling of diffusers before 0.22: LoRA attention processors, whose names differ from the layers'.
_OLD_LAYERS = {"to_out": "to_out.0"}
_OLD_TEXT_LAYERS = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}


def targets(components: Components) -> Targets:
    """Every weight that a LoRA file may change, under each name that files use for it."""
    found: Targets = {}
    layers = dict(_layers(components.unet))
    for name, weight in layers.items():
        ldm = ldm_name(name, layers, depth=components.unet.config.layers_per_block)
        found |= dict.fromkeys((f"lora_unet_{_joined(name)}", f"lora_unet_{ldm}", f"unet.{name}"), weight)
    for said, encoder in zip(components.family.text_encoders, components.text_encoders, strict=True):
        for name, weight in _layers(encoder):
            found |= dict.fromkeys(_text_names(name, said), weight)
    return found


def ldm_name(name: str, layers: Collection[str], depth: int) -> str:
    """A UNet layer's name in the LDM layout, joined by underscores, as kohya's tools write it for newer families.

    `layers` are the names of all layers, `depth` is `layers_per_block`.
    """
    return _joined(unet_name(f"{name}.weight", layers, depth).removesuffix(".weight"))


def _text_names(name: str, encoder: TextEncoder) -> Iterator[str]:
    # transformers 5.6 dropped the level `text_model` from the modules of one class; files keep it.
    flat = name.removeprefix("text_model.")
    full = flat if flat == "text_projection" else f"text_model.{flat}"
    yield from (prefix + _joined(full) for prefix in encoder.lora)
    yield from (f"{encoder.part}.{each}" for each in (full, flat))


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Linear and convolution layers by their names in the bare network, even if PEFT adapters wrap them."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and ".lora_" not in name:
            yield name.removeprefix("base_model.model.").removesuffix(".base_layer"), module.weight


def _joined(name: str) -> str:
    return name.replace(".", "_")


def split_key(key: str) -> tuple[str, str]:
    """The layer's name and the factor that a file's key stands for; an unknown key is split at its first dot."""
    plain = key.removeprefix("base_model.model.")
    for suffix, part in _PARTS:
        if plain.endswith(suffix):
            module = plain.removesuffix(suffix)
            return (_modern(module) if suffix.startswith("_lora") else module), part
    module, _, rest = plain.partition(".")
    return module, rest


def _modern(module: str) -> str:
    """`….attn1.processor.to_out` → `….attn1.to_out.0`, and in a text encoder `….self_attn.to_q` → `….q_proj`."""
    path, _, layer = module.replace(".processor.", ".").rpartition(".")
    names = _OLD_TEXT_LAYERS if module.startswith("text_encoder") else _OLD_LAYERS
    return f"{path}.{names.get(layer, layer)}"
