"""Checkpoints of reduced width in the layout of the real ones: LDM's names, OpenCLIP's joined q, k and v.

The names come from the same table the loader reads by; that the table is right is what diffusers' own converter is
asked for in tests/backends/test_single_file.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from easyphoto.architectures.base import EncoderNames, Family
from easyphoto.storage.records import write_json

SEED = 5
CLIP = {"hidden_size": 16, "intermediate_size": 32, "projection_dim": 16, "num_attention_heads": 2}
OPEN_CLIP = {"hidden_size": 24, "intermediate_size": 32, "projection_dim": 24, "num_attention_heads": 2}
UNETS: Mapping[str, dict[str, Any]] = {
    "sd15": {"block_out_channels": [32, 32, 64, 64], "cross_attention_dim": 16, "attention_head_dim": 4},
    "sdxl": {
        "block_out_channels": [32, 32, 64],
        "cross_attention_dim": 40,
        "attention_head_dim": [2, 2, 4],
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 24 + 6 * 8,
    },
}
WIDTHS: Mapping[str, dict[str, Any]] = {
    "vae": {"block_out_channels": [32, 32, 32, 32]},
    "text_encoder": CLIP,
    "text_encoder_2": OPEN_CLIP,
}
SHALLOW: Mapping[str, dict[str, Any]] = {
    "unet": {"transformer_layers_per_block": [1, 1, 2]},
    "controlnet": {"transformer_layers_per_block": [1, 1, 2]},
    "text_encoder": {"num_hidden_layers": 2},
    "text_encoder_2": {"num_hidden_layers": 3},
}


def write_configs(family: Family, checkpoint: Path, *, shallow: bool = True) -> Path:
    """The shipped configurations with small widths, beside the checkpoint as it wants them."""
    folder = checkpoint.with_suffix(".configs")
    shutil.copytree(family.folder, folder)
    write_json(folder / "easyphoto.json", {"family": family.id})
    hints = {"conditioning_embedding_out_channels": [4, 4, 8, 8]}
    changes = {**WIDTHS, "unet": UNETS[family.id], "controlnet": {**UNETS[family.id], **hints}}
    for part, change in changes.items():
        path = folder / part / "config.json"
        if path.is_file():
            depth = SHALLOW.get(part, {}) if shallow else {}
            config = json.loads(path.read_text("utf-8"))
            known = {key: value for key, value in depth.items() if key in config}
            path.write_text(json.dumps({**config, **change, **known}), "utf-8")
    return folder


def make_networks(configs: Path) -> dict[str, Any]:
    """Networks with random weights for every configuration in the folder, by their part's name."""
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    kinds = {
        "unet": UNet2DConditionModel,
        "vae": AutoencoderKL,
        "text_encoder": CLIPTextModel,
        "text_encoder_2": CLIPTextModelWithProjection,
        "controlnet": ControlNetModel,
    }
    return {part: random_network(kind, configs / part) for part, kind in kinds.items() if (configs / part).is_dir()}


def random_network(kind: Any, folder: Path) -> Any:
    """No tensor is zero or one throughout, as new ControlNets and norms are: nothing would show a mix-up."""
    import torch
    from transformers import CLIPTextConfig

    from easyphoto.backends.ldm_names import Place
    from easyphoto.backends.tensor_files import filled, without_memory

    config = json.loads((folder / "config.json").read_text("utf-8"))
    network = without_memory(
        lambda: kind.from_config(config) if hasattr(kind, "from_config") else kind(CLIPTextConfig(**config))
    )
    generator = torch.Generator().manual_seed(SEED)
    state = {
        name: torch.randn(like.shape, generator=generator) * 0.05 + (like.ndim == 1 and name.endswith("weight"))
        for name, like in network.state_dict().items()
    }
    place = {"dtype": torch.float32, "device": torch.device("cpu")}
    return filled(network, state, lambda key: (Place(key),), what=folder.name, **place)


def ldm_state(networks: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """All tensors but the ControlNet's by their names in a checkpoint."""
    from easyphoto.backends import ldm_names

    levels = len(networks["vae"].config.block_out_channels)
    state = unet_state(networks["unet"], ldm_names.UNET_PREFIX)
    for key, tensor in networks["vae"].state_dict().items():
        name = ldm_names.VAE_PREFIX + ldm_names.autoencoder_name(key, levels)
        # LDM's autoencoder attends with 1×1 convolutions.
        is_matrix = ".attn_1." in name and tensor.ndim == 2
        state[name] = tensor[:, :, None, None] if is_matrix else tensor
    for encoder in family.text_encoders:
        write = open_clip_state if encoder.names is EncoderNames.OPEN_CLIP else clip_state
        state |= write(networks[encoder.part], encoder.prefix or "")
    return state


def clip_state(encoder: Any, prefix: str) -> dict[str, Any]:
    state = encoder.state_dict()
    return {f"{prefix}text_model.{key.removeprefix('text_model.')}": tensor for key, tensor in state.items()}


def open_clip_state(encoder: Any, prefix: str) -> dict[str, Any]:
    import torch

    from easyphoto.backends import ldm_names

    state: dict[str, Any] = {}
    thirds: dict[str, dict[int, Any]] = {}
    for key, tensor in encoder.state_dict().items():
        place = ldm_names.open_clip_place(key)
        name = prefix + place.name
        if place.third is not None:
            thirds.setdefault(name, {})[place.third] = tensor
        else:
            state[name] = tensor.T if place.is_transposed else tensor
    joined = {name: torch.cat([parts[number] for number in range(3)]) for name, parts in thirds.items()}
    return state | joined


def unet_state(network: Any, prefix: str) -> dict[str, Any]:
    """A UNet or a ControlNet by LDM's names."""
    from easyphoto.backends.ldm_names import unet_name

    state = network.state_dict()
    return {prefix + unet_name(key, state, network.config.layers_per_block): value for key, value in state.items()}


def write_tensors(file: Path, state: Mapping[str, Any], **metadata: str) -> Path:
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in state.items()}, file, metadata)
    return file


def write_checkpoint(folder: Path, family: Family, *, shallow: bool = True) -> tuple[Path, dict[str, Any]]:
    """A small checkpoint with its own configurations, and the networks it was written from."""
    file = folder / f"small-{family.id}.safetensors"
    networks = make_networks(write_configs(family, file, shallow=shallow))
    return write_tensors(file, ldm_state(networks, family)), networks
