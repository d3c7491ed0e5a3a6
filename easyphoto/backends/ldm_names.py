"""Maps the tensor names of diffusers and transformers to the original layout of checkpoints (LDM's and OpenCLIP's).

Looking up the names that the network needs, rather than renaming what the file holds, shows at once what is missing.
tests/backends/test_single_file.py checks the maps against diffusers' own converters.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from easyphoto.architectures.header import UNET

UNET_PREFIX = UNET
CONTROL_PREFIX = "control_model."
VAE_PREFIX = "first_stage_model."

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_mid_block": "middle_block_out.0",
}
_AUTOENCODER_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
_OPEN_CLIP_ENDS = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
    "text_projection.weight": "text_projection",
}
_OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_THIRDS = ("q_proj", "k_proj", "v_proj")
_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)")
_LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


@dataclass(frozen=True)
class Place:
    """A tensor of a file, or a part of one."""

    name: str
    third: int | None = None
    """0, 1 or 2 if queries, keys and values are stacked in one tensor."""
    is_transposed: bool = False
    half: int | None = None
    """0 or 1 if keys and values are stacked in one tensor."""


def unet_name(key: str, keys: Collection[str], layers: int) -> str:
    """The name in LDM's layout of a tensor of diffusers' UNet or ControlNet; `layers` is its `layers_per_block`.

    LDM numbers diffusers' resnets, attentions and samplers continuously through all blocks. A block has `layers` + 1
    numbers: going down, the downsampler has the last one; going up, the upsampler is part of the last one.
    """
    if match := _BLOCK.fullmatch(key):
        way, block, kind, inner, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        first = (layers + 1) * block
        if kind == "downsamplers":
            return f"input_blocks.{first + layers + 1}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            place = 2 if any(other.startswith(f"up_blocks.{block}.attentions.") for other in keys) else 1
            return f"output_blocks.{first + layers}.{place}.{rest}"
        blocks = f"input_blocks.{1 + first + inner}" if way == "down" else f"output_blocks.{first + inner}"
        return f"{blocks}.0.{_renamed(rest, _RESNET)}" if kind == "resnets" else f"{blocks}.1.{rest}"
    if match := _MIDDLE.fullmatch(key):
        kind, inner, rest = match[1], int(match[2]), match[3]
        return f"middle_block.{2 * inner}.{_renamed(rest, _RESNET)}" if kind == "resnets" else f"middle_block.1.{rest}"
    if key.startswith("controlnet_down_blocks."):
        number, rest = key.split(".", 2)[1:]
        return f"zero_convs.{number}.0.{rest}"
    return _hint_name(key, keys) if key.startswith("controlnet_cond_embedding.") else _renamed(key, _UNET_ENDS)


def _hint_name(key: str, keys: Collection[str]) -> str:
    """LDM's name in the control image's embedding, where the activations between the convolutions are numbered too."""
    between = sum(other.startswith("controlnet_cond_embedding.blocks.") for other in keys) // 2
    part, rest = key.removeprefix("controlnet_cond_embedding.").split(".", 1)
    if part == "blocks":
        number, rest = rest.split(".", 1)
        return f"input_hint_block.{2 * (int(number) + 1)}.{rest}"
    return f"input_hint_block.{0 if part == 'conv_in' else 2 * (between + 1)}.{rest}"


def autoencoder_name(key: str, levels: int) -> str:
    """The name in LDM's layout of a tensor of AutoencoderKL; in the decoder LDM counts the `levels` backwards."""
    side, _, rest = key.partition(".")
    if match := _BLOCK.fullmatch(rest):
        way, block, kind, inner, last = match[1], int(match[2]), match[3], match[4], match[5]
        level = block if way == "down" else levels - 1 - block
        if kind == "resnets":
            return f"{side}.{way}.{level}.block.{inner}.{_renamed(last, {'conv_shortcut': 'nin_shortcut'})}"
        return f"{side}.{way}.{level}.{way}sample.{last}"
    if match := _MIDDLE.fullmatch(rest):
        kind, inner, last = match[1], match[2], match[3]
        if kind == "attentions":
            return f"{side}.mid.attn_1.{_renamed(last, _AUTOENCODER_ATTENTION)}"
        return f"{side}.mid.block_{int(inner) + 1}.{last}"
    return f"{side}.{_renamed(rest, {'conv_norm_out': 'norm_out'})}" if "coder" in side else key


def old_autoencoder_name(key: str) -> str:
    """The name with diffusers' attention layers as before 0.15, which many files still use."""
    head, mark, last = key.partition("mid_block.attentions.0.")
    return f"{head}{mark}{_renamed(last, _OLD_ATTENTION)}" if mark else key


def open_clip_place(key: str) -> Place:
    """The place of a tensor of transformers' CLIP text model in OpenCLIP's layout, where q, k and v are one tensor."""
    key = key.removeprefix("text_model.")
    if key in _OPEN_CLIP_ENDS:
        name = _OPEN_CLIP_ENDS[key]
        return Place(name, is_transposed=name == "text_projection")
    match = _LAYER.fullmatch(key)
    if match is None:
        return Place(key)
    block, part, kind = f"transformer.resblocks.{match[1]}", match[2], match[3]
    projection = part.rpartition(".")[2]
    if projection in _THIRDS:
        return Place(f"{block}.attn.in_proj_{kind}", third=_THIRDS.index(projection))
    return Place(f"{block}.{_OPEN_CLIP_LAYER.get(part, part)}.{kind}")


def _renamed(name: str, table: dict[str, str]) -> str:
    """The name with its module (all but the last part) replaced if the table has it."""
    module, _, kind = name.rpartition(".")
    return f"{table.get(module, module)}.{kind}"
