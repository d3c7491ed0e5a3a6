"""Putting adapters into a network: which layers get one, which are computed as one, and the blocks around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from easyphoto.training.activations import GatedGelu, QuickGelu
from easyphoto.training.adapter_weights import AdaptedLayer, Factors, Group
from easyphoto.training.attention import CausalAttention, CrossAttention, SelfAttention
from easyphoto.training.lora_layers import AdaptedLinear, AdaptedPointwise, JoinedLayers
from easyphoto.training.unet_blocks import PictureTransformer, ResidualBlock, TimeProjections, is_plain_residual

UNET_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


def adapted_layers(name: str, network: nn.Module, rank: int) -> list[AdaptedLayer]:
    """The layers that get adapters, in the order of the network's modules."""
    targets = UNET_TARGETS if name == "unet" else TEXT_TARGETS
    found = []
    for path, module in network.named_modules():
        if any(path == target or path.endswith(f".{target}") for target in targets):
            outputs, inputs, *kernel = module.weight.shape
            found.append(AdaptedLayer(name, path, (rank, inputs, *kernel), (outputs, rank, *kernel)))
    return found


def grouped(network: nn.Module, layers: Iterable[AdaptedLayer]) -> list[Group]:
    """The layers in groups that are computed as one: the queries, keys and values of an attention to itself, and the
    keys and values of all the layers that attend to words."""
    by_path = {layer.path: layer for layer in layers}
    together = [tuple(f"{path}.{name}" for name in ("q_proj", "k_proj", "v_proj")) for path in _of_clip(network)]
    together += [tuple(f"{path}.{name}" for name in ("to_q", "to_k", "to_v")) for path in _to_itself(network)]
    together.append(tuple(f"{path}.{name}" for path in _to_words(network) for name in ("to_k", "to_v")))
    groups = [[by_path.pop(path) for path in paths] for paths in together if paths]
    return [*groups, *([layer] for layer in by_path.values())]


def put_in_place(network: Any, adapters: Iterable[tuple[Group, Factors]]) -> JoinedLayers | None:
    """Replace the layers and the blocks around them; returns the keys and values of all layers that attend to words, if
    the network has such."""
    to_itself, to_words, of_clip = _to_itself(network), _to_words(network), _of_clip(network)
    joined: dict[str, JoinedLayers] = {}
    for group, factors in adapters:
        bases: list[Any] = [network.get_submodule(layer.path) for layer in group]
        for place, (layer, base) in enumerate(zip(group, bases, strict=True)):
            kind = AdaptedPointwise if isinstance(base, nn.Conv2d) else AdaptedLinear
            _replace(network, layer.path, kind(base, factors, place if len(group) > 1 else None))
        if len(group) > 1:
            joined[group[0].path] = JoinedLayers(bases, factors)
    for path in to_itself:
        attention: Any = network.get_submodule(path)
        # A module of the network's, so that it moves with it.
        attention.joined = joined[f"{path}.to_q"]
        attention.set_processor(SelfAttention(attention.processor, attention.joined))
    for place, path in enumerate(to_words):
        attention = network.get_submodule(path)
        attention.set_processor(CrossAttention(attention.processor, place))
    for path in of_clip:
        _replace(network, path, CausalAttention(network.get_submodule(path), joined[f"{path}.q_proj"]))
    _replace_blocks(network)
    if not to_words:
        return None
    words = network.words = joined[f"{to_words[0]}.to_k"]
    return words


def _replace_blocks(network: Any) -> None:
    from diffusers.models.activations import GEGLU
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.transformers.transformer_2d import Transformer2DModel
    from transformers.models.clip.modeling_clip import CLIPMLP

    for path, block in _modules(network, Transformer2DModel):
        if block.is_input_continuous:
            _replace(network, path, PictureTransformer(block))
    for path, block in _modules(network, GEGLU):
        _replace(network, path, GatedGelu(block))
    for path, _ in _modules(network, CLIPMLP):
        if network.config.hidden_act == "quick_gelu":
            _replace(network, f"{path}.activation_fn", QuickGelu())
    residuals = _modules(network, ResnetBlock2D)
    if residuals and network.time_embed_act is None and all(is_plain_residual(block) for _, block in residuals):
        network.time_embed_act = TimeProjections([block for _, block in residuals])
        for place, (path, block) in enumerate(residuals):
            _replace(network, path, ResidualBlock(block, place))


def _to_itself(network: nn.Module) -> Sequence[str]:
    """Paths of the UNet's attention layers whose queries, keys and values have the same input."""
    return [path for path, attention in _plain_attentions(network) if not attention.is_cross_attention]


def _to_words(network: nn.Module) -> Sequence[str]:
    """Paths of the UNet's attention layers to words, equally wide ones behind each other."""
    found = [(path, attention) for path, attention in _plain_attentions(network) if attention.is_cross_attention]
    return [path for path, attention in sorted(found, key=lambda each: each[1].inner_dim)]


def _of_clip(network: nn.Module) -> Sequence[str]:
    from transformers.models.clip.modeling_clip import CLIPAttention

    return [path for path, _ in _modules(network, CLIPAttention)]


def _plain_attentions(network: nn.Module) -> list[tuple[str, Any]]:
    """Attention layers of transformer blocks, which do nothing besides attending."""
    from diffusers.models.attention_processor import Attention

    return [
        (path, attention)
        for path, attention in _modules(network, Attention)
        if attention.group_norm is attention.spatial_norm is attention.norm_q is attention.norm_k is None
        and not (attention.norm_cross or attention.residual_connection or attention.added_kv_proj_dim)
        and attention.rescale_output_factor == 1
    ]


def _modules(network: nn.Module, kind: type) -> list[tuple[str, Any]]:
    return [(path, module) for path, module in network.named_modules() if isinstance(module, kind)]


def _replace(network: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, child = path.rpartition(".")
    setattr(network.get_submodule(parent), child, module)
