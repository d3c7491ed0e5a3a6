"""Identity adapters with random weights for a small UNet, a small picture encoder, and two people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from easyphoto.architectures.base import models_folder
from easyphoto.backends.face_condition import (
    FACEID,
    FACEID_PLUS,
    INSTANTID,
    IP_ADAPTER,
    IP_ADAPTER_FULL,
    SQUARE_SIDE,
    FaceCondition,
    FaceInputs,
    FaceModels,
)
from easyphoto.backends.guides import draw_guide
from easyphoto.geometry import unit
from tests.backends import adapter_states as states

VECTOR = 512
POINTS = np.array([[14, 10], [34, 11], [24, 18], [17, 25], [31, 26]], np.float32)
"""Five points of a face in a picture of 48 × 32 pixels."""
ENCODER = {"intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "patch_size": 28}
"""What makes ViT-H small; its width says to which adapters it belongs, and stays."""
SEES_PICTURES, SEES_VECTORS = (IP_ADAPTER, IP_ADAPTER_FULL, FACEID_PLUS), (FACEID, FACEID_PLUS, INSTANTID)


def projection(kind: str, words: int) -> states.Shapes:
    match kind:
        case "ip-adapter":
            return states.resampler(64, states.PICTURE, words)
        case "ip-adapter-full":
            return states.full(words)
        case "faceid":
            return states.faceid(words)
        case "faceid-plus":
            return states.faceid_plus(words)
    return states.resampler(64, VECTOR, words)


def adapter_tensors(kind: str, unet: Any, seed: int = 3) -> dict[str, torch.Tensor]:
    """By the flat names of a .safetensors file."""
    shapes = states.adapter(projection(kind, unet.config.cross_attention_dim), states.layers(unet))
    return states.tensors(shapes, seed)


def write_adapter(kind: str, folder: Path, unet: Any) -> Path:
    file = folder / f"{kind}-v2.safetensors"
    save_file(adapter_tensors(kind, unet), file)
    return file


def write_encoder(folder: Path) -> Path:
    """A picture encoder with the configuration that lies beside it."""
    from transformers import CLIPVisionConfig, CLIPVisionModel

    shipped = json.loads((models_folder() / "configs" / "clip_vit_h" / "config.json").read_text("utf-8"))
    config = {**shipped, **ENCODER}
    file = folder / "encoder.safetensors"
    beside = folder / "encoder.configs" / "clip_vit_h"
    beside.mkdir(parents=True)
    (beside / "config.json").write_text(json.dumps(config), "utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = CLIPVisionModel(
            CLIPVisionConfig(**{key: each for key, each in config.items() if key != "model_type"})
        )
    names = (name if name.startswith("vision_model.") else f"vision_model.{name}" for name in network.state_dict())
    save_file(dict(zip(names, (each.clone() for each in network.state_dict().values()), strict=True)), file)
    return file


def square(seed: int) -> Image.Image:
    coarse = np.random.RandomState(seed).randint(0, 256, (14, 14, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((SQUARE_SIDE, SQUARE_SIDE), Image.Resampling.BICUBIC)


def person(kind: str, seed: int, owner: Path | None = None) -> FaceInputs:
    """Somebody as an adapter of that kind sees them."""
    raw = np.random.RandomState(seed).standard_normal(VECTOR).astype(np.float32)
    vector = None if kind not in SEES_VECTORS else raw if kind == INSTANTID else unit(raw)
    return FaceInputs(vector, squares=(square(seed),) if kind in SEES_PICTURES else (), owner=owner)


def face_condition(
    kind: str, adapter: Path, encoder: Path | None, *, seed: int = 1, control: Path | None = None, **changes: Any
) -> FaceCondition:
    models = FaceModels(adapter, encoder if kind in SEES_PICTURES else None, control)
    return FaceCondition(kind, models, person(kind, seed, changes.pop("owner", None)), **changes)


def faces_for(
    unet: Any, folder: Path, encoder: Path, *, control: Path | None = None
) -> Callable[[str, int], FaceCondition]:
    """(kind, seed) → a condition for the UNet, with InstantID's ControlNet where that is given."""

    def face(kind: str, seed: int) -> FaceCondition:
        changes: dict[str, Any] = {}
        if kind == INSTANTID and control is not None:
            guide = draw_guide("instantid", Image.new("RGB", (48, 32)), POINTS)
            changes = {"control": control, "control_weight": 0.5, "control_image": guide}
        return face_condition(kind, write_adapter(kind, folder, unet), encoder, seed=seed, **changes)

    return face
