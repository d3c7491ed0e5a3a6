"""CLIP ViT-H/14, through which identity adapters see pictures of a face: loaded offline, with our own preparation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from easyphoto.architectures.base import models_folder
from easyphoto.architectures.header import Header
from easyphoto.backends.folders import CONFIGS_ENDING, part_config
from easyphoto.backends.ldm_names import Place, open_clip_place
from easyphoto.backends.tensor_files import filled, header_in, open_tensors, without_memory
from easyphoto.errors import InputError
from easyphoto.messages import text

SIDE = 224
"""Side in pixels of the square that it sees."""
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
_CONFIG = "clip_vit_h"
_OPEN_CLIP = "visual."
_OPEN_CLIP_ENDS = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "pre_layrnorm.weight": "ln_pre.weight",
    "pre_layrnorm.bias": "ln_pre.bias",
    "post_layernorm.weight": "ln_post.weight",
    "post_layernorm.bias": "ln_post.bias",
}
_FIRST = ("vision_model.embeddings.patch_embedding.weight", "embeddings.patch_embedding.weight", "visual.conv1.weight")
_OTHERS = {768: "CLIP ViT-B", 1024: "CLIP ViT-L/14", 1664: "CLIP ViT-bigG/14"}
_TAKE = text("Download it: easyphoto weights get clip-vit-h")


@dataclass(frozen=True, eq=False)
class PictureStates:
    """What the encoder sees: hidden states of the photos, and of nothing."""

    photos: torch.Tensor
    """(photos, positions, width)."""
    blank: torch.Tensor
    """(1, positions, width), of an all-zero input: a picture of the mean colour."""


@dataclass(frozen=True, eq=False)
class PictureEncoder:
    """The encoder in memory."""

    network: Any

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    @torch.no_grad()
    def states(self, pictures: Sequence[Image.Image]) -> PictureStates:
        """The second to last hidden states of RGB pictures, in the dtype and on the device of the network.

        Adapters take these because the last layer was trained for its one pooled token only.
        """
        like = next(self.network.parameters())
        photos = torch.from_numpy(np.stack([pixels(picture) for picture in pictures]))
        seen = torch.cat([photos, torch.zeros_like(photos[:1])]).to(like)
        hidden = self.network(seen, output_hidden_states=True).hidden_states[-2]
        return PictureStates(hidden[:-1], hidden[-1:])


def pixels(picture: Image.Image) -> np.ndarray:
    """(3, 224, 224) float32 of a picture, as CLIP takes it: the middle square, whose side was resized to 224."""
    short = min(picture.size)
    width, height = (int(SIDE * side / short) for side in picture.size)
    resized = picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    square = np.asarray(resized.crop((left, top, left + SIDE, top + SIDE)), np.float32) / np.float32(255)
    return np.ascontiguousarray(
        ((square - np.asarray(MEAN, np.float32)) / np.asarray(DEVIATION, np.float32)).transpose(2, 0, 1)
    )


def load_picture_encoder(
    file: Path, *, dtype: torch.dtype, device: torch.device, tensors: Mapping[str, torch.Tensor] | None = None
) -> PictureEncoder:
    """The encoder of a file in transformers' names (with or without the text half) or in OpenCLIP's.

    It needs transformers alone, so that it runs in a web UI's own process, where there is no diffusers.
    `tensors` are those of the file, where the caller has read them in its own way.
    Raises InputError for another network, WeightsMissing for missing tensors.
    """
    config = _config(file)
    with open_tensors(file) if tensors is None else nullcontext(tensors) as opened:
        header = header_in(file, opened)
        _require(header, config)
        network = filled(
            without_memory(lambda: _built(config)),
            opened,
            _open_clip_places if header.has(_OPEN_CLIP) else _places,
            what=text("The image encoder in {name}", name=file.name),
            dtype=dtype,
            device=device,
        )
    return PictureEncoder(network)


def _config(file: Path) -> dict[str, Any]:
    """The configuration that ships; an encoder of another size brings its own, as checkpoints do."""
    own = file.with_suffix(CONFIGS_ENDING)
    return part_config(own if own.is_dir() else models_folder() / "configs", _CONFIG)


def _built(config: dict[str, Any]) -> Any:
    # Without the projection of the pooled token, which nothing here reads and some files lack.
    from transformers import CLIPVisionConfig, CLIPVisionModel

    network = CLIPVisionModel(CLIPVisionConfig(**{key: each for key, each in config.items() if key != "model_type"}))
    for module in network.modules():
        if "position_ids" in dict(module.named_buffers(recurse=False)):
            # transformers before 4.31 expects this buffer in files, which do not all have it.
            module.register_buffer("position_ids", module.position_ids, persistent=False)
    return network


def _places(key: str) -> tuple[Place, ...]:
    # transformers 5 dropped the level `vision_model` from this class; files keep it.
    bare = key.removeprefix("vision_model.")
    return Place(f"vision_model.{bare}"), Place(bare)


def _open_clip_places(key: str) -> tuple[Place, ...]:
    bare = key.removeprefix("vision_model.")
    if bare in _OPEN_CLIP_ENDS:
        return (Place(_OPEN_CLIP + _OPEN_CLIP_ENDS[bare]),)
    place = open_clip_place(bare)
    return (Place(_OPEN_CLIP + place.name, third=place.third),)


def _require(header: Header, config: dict[str, Any]) -> None:
    """Raise InputError where the file holds no picture encoder, or one of another width."""
    width = next((header.size(name, 0) for name in _FIRST if name in header.shapes), None)
    if width is None:
        raise InputError(text("{name} contains no image encoder.", name=header.name), advice=_TAKE)
    if width != config["hidden_size"]:
        raise InputError(
            text(
                "{name} is the image encoder {encoder}, but CLIP ViT-H/14 is needed.",
                name=header.name,
                encoder=_OTHERS.get(width, text("of width {width}", width=width)),
            ),
            advice=_TAKE,
        )
