"""The kohya LoRA file: names, tensors, metadata, hashes.

It is written directly rather than by diffusers' converters: those write alpha = rank, and names that the web UI
silently drops where transformers has flattened CLIP's text encoder. Kohya naming with diffusers' block names is read by
the web UI, by kohya's tools and by diffusers.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyphoto.backends.headers import read_header
from easyphoto.backends.lora_words import KIND_KEY, words_metadata
from easyphoto.backends.shipped_base import BASE_KEY
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.storage.files import cause_of, write_bytes
from easyphoto.workspace.person_record import FACE, OBJECT, SCENE

if TYPE_CHECKING:
    import torch

    from easyphoto.training.adapter_weights import AdaptedLayer
    from easyphoto.training.adapters import Adapted

UNET_PREFIX = "lora_unet_"
_SHOWN = {FACE: "A person's face", SCENE: "A scene", OBJECT: "An object"}
State = dict[str, "torch.Tensor"]


def kohya_state(adapted: Adapted, *, dtype: torch.dtype | None = None) -> State:
    """The live adapters as kohya tensors on the CPU: per module down, up (in `dtype` or float32) and float32 alpha."""
    import torch

    state: State = {}
    for key, layer in kohya_layers(adapted):
        rank = layer.down[0]
        for name, factor in zip(("lora_down", "lora_up"), layer.names, strict=True):
            tensor = adapted.weights.values[factor]
            state[f"{key}.{name}.weight"] = tensor.to("cpu", dtype or tensor.dtype, copy=True)
        state[f"{key}.alpha"] = torch.tensor(float(adapted.weights.scale * rank), dtype=torch.float32)
    return state


def kohya_layers(adapted: Adapted) -> Iterator[tuple[str, AdaptedLayer]]:
    """Kohya name and description of every layer with an adapter."""
    prefixes = {"unet": UNET_PREFIX, **{encoder.part: encoder.lora[0] for encoder in adapted.said}}
    for layer in adapted.weights.layers:
        prefix = prefixes[layer.network]
        # transformers 5.6 removed the level "text_model" from the plain encoder but not from the one with a
        # projection; readers expect it in both.
        flattened = prefix != UNET_PREFIX and not layer.path.startswith("text_model.")
        yield prefix + ("text_model_" if flattened else "") + layer.path.replace(".", "_"), layer


def write_lora(target: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    """Write the LoRA atomically and return the file's SHA-256; equal tensors and metadata give equal bytes."""
    body = tensor_bytes(state)
    whole = {**metadata, "sshs_model_hash": hashlib.sha256(body).hexdigest()}
    content = safetensors_bytes(state, whole, body)
    write_bytes(target, content)
    return hashlib.sha256(content).hexdigest()


def read_lora(source: Path) -> tuple[State, dict[str, str]]:
    """Tensors and metadata of a file. Raises InputError if it is not a readable safetensors file."""
    from safetensors import SafetensorError, safe_open

    read_header(source)
    try:
        with safe_open(source, framework="pt") as opened:
            return {key: opened.get_tensor(key) for key in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(
            text("{source} cannot be read as a LoRA: {cause}.", source=source, cause=cause_of(error)),
            advice=text("Train again, or restore it."),
        ) from error


# The header is written here, because the library keeps metadata in a hash map: equal content would give different bytes
# in every process, and the same seed could not give the same file.
_TYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "uint8": "U8"}


def _ordered(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Tensor names, widest dtype first, then by name, as the library orders them; every tensor stays aligned."""
    return sorted(state, key=lambda name: (-state[name].element_size(), name))


def tensor_bytes(state: Mapping[str, torch.Tensor]) -> bytes:
    """The tensors' bytes in the order of a safetensors file."""
    import torch

    parts = (state[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8) for name in _ordered(state))
    return b"".join(part.numpy().tobytes() for part in parts)


def safetensors_bytes(
    state: Mapping[str, torch.Tensor], metadata: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """The content of a safetensors file, deterministic for equal input; `body` is `tensor_bytes(state)` if known."""
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    place = 0
    for name in _ordered(state):
        tensor = state[name]
        end = place + tensor.numel() * tensor.element_size()
        kind = _TYPES[str(tensor.dtype).removeprefix("torch.")]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + (tensor_bytes(state) if body is None else body)


@dataclass(frozen=True)
class LoraFacts:
    """The content of a LoRA's metadata. It has no dates, so that the same seed gives the same file."""

    name: str
    trigger: str
    base_version: str
    architecture: str
    base_name: str
    resolution: int
    rank: int
    alpha: float
    photos: int
    steps: int
    batch: int
    unet_lr: float
    text_lr: float
    seed: int
    min_snr_gamma: float
    prediction_type: str
    concept: str = FACE
    base_weights: str = ""
    """As of `TrainRun`."""


def lora_metadata(facts: LoraFacts) -> dict[str, str]:
    """The metadata as strings: `ss_*` for the web UI's version filter and editor, `modelspec.*` for other programs."""
    from easyphoto import __version__

    tags = {word.strip(): facts.photos for word in facts.trigger.split(",") if word.strip()}
    values: dict[str, Any] = {
        "ss_base_model_version": facts.base_version,
        "ss_v2": False,
        "ss_network_module": "networks.lora",
        "ss_network_dim": facts.rank,
        "ss_network_alpha": facts.alpha,
        "ss_network_args": json.dumps({}),
        "ss_output_name": facts.name,
        "ss_tag_frequency": json.dumps({facts.name: tags}),
        "ss_sd_model_name": facts.base_name,
        "ss_resolution": f"({facts.resolution}, {facts.resolution})",
        "ss_clip_skip": None,
        "ss_num_train_images": facts.photos,
        "ss_batch_size_per_device": facts.batch,
        "ss_steps": facts.steps,
        "ss_learning_rate": facts.unet_lr,
        "ss_unet_lr": facts.unet_lr,
        "ss_text_encoder_lr": facts.text_lr,
        "ss_optimizer": "torch.optim.AdamW",
        "ss_seed": facts.seed,
        "ss_min_snr_gamma": facts.min_snr_gamma or None,
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": facts.architecture,
        "modelspec.implementation": "diffusers",
        "modelspec.title": facts.name,
        "modelspec.resolution": f"{facts.resolution}x{facts.resolution}",
        "modelspec.description": f"{_SHOWN[facts.concept]}, learned by EasyPhoto {__version__}.",
        "modelspec.trigger_phrase": facts.trigger,
        "modelspec.prediction_type": {"v_prediction": "v"}.get(facts.prediction_type, facts.prediction_type),
    }
    if facts.concept != FACE:
        values |= {**words_metadata(facts.trigger), KIND_KEY: facts.concept}
    if facts.base_weights:
        values[BASE_KEY] = facts.base_weights
    return {key: str(value) for key, value in values.items()}
