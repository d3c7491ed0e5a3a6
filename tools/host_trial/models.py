"""Small models with random weights in the layout that a web UI reads: they paint noise, at a step a second on a CPU."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel

from easyphoto.architectures.sd15 import SD15
from easyphoto.backends import ldm_names
from easyphoto.storage.records import write_json
from tests import ldm_layout

CHECKPOINTS = ("trial-a", "trial-b")
CONTROLS = ("canny", "tile", "openpose")
CHANNELS = 32
"""Of the UNet's first level, instead of 320."""
_UNET = {"block_out_channels": [32, 64, 128, 128], "cross_attention_dim": 768, "attention_head_dim": 8}
_WIDTHS: dict[str, dict[str, Any]] = {
    "unet": _UNET,
    "controlnet": {**_UNET, "conditioning_embedding_out_channels": [16, 32, 96, 256]},
    "vae": {"block_out_channels": [32, 64, 128, 128]},
    "text_encoder": {"intermediate_size": 768},
}
_RANK, _LOUD = 4, 0.05
_START, _END = "<|startoftext|>", "<|endoftext|>"
_SPECIAL = {"unk_token": _END, "bos_token": _START, "eos_token": _END, "pad_token": _END}
_CLIP = "target: ldm.modules.encoders.modules.FrozenCLIPEmbedder"


def write_models(webui: Path, loras: Path) -> None:
    """Two checkpoints and three ControlNets into the web UI's folders, and the LoRAs `anna` and `room` into `loras`."""
    words = write_tokenizer(webui / "models" / "trial-clip")
    folder = webui / "models" / "Stable-diffusion"
    for number, name in enumerate(CHECKPOINTS):
        configs, networks = _checkpoint(webui, folder / f"{name}.safetensors", words, seed=5 + number)
    for number, kind in enumerate(CONTROLS):
        ldm_layout.SEED = 20 + number
        network = ldm_layout.random_network(ControlNetModel, configs / "controlnet")
        file = webui / "models" / "ControlNet" / f"{SD15.controls[kind]}.safetensors"
        ldm_layout.write_tensors(file, ldm_layout.unet_state(network, ldm_names.CONTROL_PREFIX))
    loras.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(("anna", "room")):
        write_lora(loras / f"{name}.safetensors", networks, seed)


def narrow_controlnet(webui: Path) -> None:
    """sd-webui-controlnet supposes the width of SD 1.5, so its checkout is told that of the small networks."""
    file = webui / "extensions" / "sd-webui-controlnet" / "scripts" / "controlnet_model_guess.py"
    source = file.read_text("utf-8")
    file.write_text(source.replace("'model_channels': 320", f"'model_channels': {CHANNELS}", 1), "utf-8")


def write_tokenizer(folder: Path) -> Path:
    """Letters only, with CLIP's numbers for the two marks: nothing is merged to longer tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*letters, *(letter + "</w>" for letter in letters)])}
    vocabulary |= {_START: 49406, _END: 49407}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    config = json.loads((SD15.folder / "text_encoder" / "config.json").read_text("utf-8"))
    config |= {**_WIDTHS["text_encoder"], "model_type": "clip_text_model"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    said = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **_SPECIAL}
    (folder / "tokenizer_config.json").write_text(json.dumps(said), "utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(_SPECIAL), "utf-8")
    return folder


def write_lora(file: Path, networks: dict[str, Any], seed: int) -> None:
    """For every attention of the UNet and of the text encoder, in kohya's names."""
    draw = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    wanted = (("lora_unet", networks["unet"], "attn"), ("lora_te_text_model", networks["text_encoder"], "_proj"))
    for prefix, network, part in wanted:
        for name, layer in network.named_modules():
            if isinstance(layer, torch.nn.Linear) and part in name:
                key = f"{prefix}_{name.removeprefix('text_model.').replace('.', '_')}"
                tensors[f"{key}.lora_down.weight"] = torch.randn(_RANK, layer.in_features, generator=draw) * _LOUD
                tensors[f"{key}.lora_up.weight"] = torch.randn(layer.out_features, _RANK, generator=draw) * _LOUD
                tensors[f"{key}.alpha"] = torch.tensor(float(_RANK))
    save_file(tensors, file, {"ss_base_model_version": SD15.kohya_version, "ss_network_module": "networks.lora"})


def _checkpoint(webui: Path, file: Path, words: Path, *, seed: int) -> tuple[Path, dict[str, Any]]:
    ldm_layout.SEED = seed
    configs = file.with_suffix(".configs")
    shutil.rmtree(configs, ignore_errors=True)
    shutil.copytree(SD15.folder, configs)
    write_json(configs / "easyphoto.json", {"family": SD15.id})
    for part, change in _WIDTHS.items():
        config = configs / part / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), **change}), "utf-8")
    networks = ldm_layout.make_networks(configs)
    ldm_layout.write_tensors(file, ldm_layout.ldm_state(networks, SD15))
    # The web UI's own word about the widths, and about where the tokenizer is.
    said = (webui / "configs" / "v1-inference.yaml").read_text("utf-8")
    said = said.replace("model_channels: 320", f"model_channels: {CHANNELS}").replace("ch: 128", "ch: 32")
    file.with_suffix(".yaml").write_text(
        said.replace(_CLIP, f"{_CLIP}\n      params:\n        version: {words}"), "utf-8"
    )
    return configs, networks
