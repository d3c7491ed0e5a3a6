"""The tokens of a face: as diffusers' own loader makes them, and as the original implementations do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from easyphoto.backends.face_tokens import FaceTokens, PictureStates, load_projection
from easyphoto.geometry import unit
from tests.backends import adapter_states as states

CPU = torch.device("cpu")
WORDS = 64
KINDS = {
    "ip-adapter-plus": states.resampler(64, 1280, WORDS, heads=2),
    "ip-adapter-full": states.full(WORDS),
    "faceid": states.faceid(WORDS),
    "faceid-portrait": states.faceid(WORDS, tokens=16),
    "faceid-plus": states.faceid_plus(WORDS),
    "instantid": states.resampler(128, 512, WORDS, heads=2),
    "miniature": states.faceid(128, vector=128),
}
TOKENS = {
    "ip-adapter-plus": 16, "ip-adapter-full": 257, "faceid": 4, "faceid-portrait": 16, "faceid-plus": 4,
    "instantid": 16, "miniature": 4,
}  # fmt: skip


def unet(words: int) -> Any:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(1)
    return UNet2DConditionModel(
        sample_size=8, block_out_channels=(16, 16), norm_num_groups=4, attention_head_dim=2, cross_attention_dim=words,
        layers_per_block=1, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()  # fmt: skip


def words_of(kind: str) -> int:
    return 128 if kind == "miniature" else WORDS


def written(kind: str, target: Path, *, rank: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """Write an adapter of that kind for `unet`; its tensors by flat name."""
    shapes = states.adapter(KINDS[kind], states.layers(unet(words_of(kind)), rank=rank))
    flat = {name: tensor.to(dtype) for name, tensor in states.tensors(shapes, 3).items()}
    if target.suffix == ".bin":
        torch.save(grouped(flat), target)
    else:
        save_file(flat, target)
    return flat


def grouped(flat: dict[str, Any]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in flat.items():
        group, _, rest = name.partition(".")
        groups[group][rest] = tensor
    return groups


def given(kind: str, photos: int = 1, seed: int = 7) -> tuple[np.ndarray, PictureStates]:
    """Raw vectors of the length that recognition networks give, and pictures' states."""
    random = np.random.RandomState(seed)
    vectors = (random.standard_normal((photos, 128 if kind == "miniature" else 512))).astype(np.float32)
    seen = random.standard_normal((photos + 1, 257, 1280)).astype(np.float32)
    return vectors, PictureStates(torch.from_numpy(seen[1:]), torch.from_numpy(seen[:1]))


def tokens_of(file: Path, kind: str, *, photos: int = 1, seed: int = 7, **options: Any) -> FaceTokens:
    vectors, pictures = given(kind, photos, seed)
    return load_projection(file, dtype=torch.float32, device=CPU).tokens(vectors=vectors, pictures=pictures, **options)


def loaded_by_diffusers(kind: str, flat: dict[str, Any]) -> Any:
    network = unet(words_of(kind))
    network._load_ip_adapter_weights([grouped(flat)], low_cpu_mem_usage=False)
    return network


@torch.no_grad()
def diffusers_tokens(kind: str, flat: dict[str, Any], *, face: bool, shortcut: float | None = 1.0) -> torch.Tensor:
    """What diffusers' loader and projection say of one photo, or of none."""
    vectors, pictures = given(kind)
    network = loaded_by_diffusers(kind, flat)
    vector = torch.from_numpy(vectors if kind == "instantid" else unit(vectors)[None]) * float(face)
    seen = pictures.photos if face else pictures.blank
    projection = network.encoder_hid_proj.image_projection_layers[0]
    if kind == "faceid-plus":
        projection.clip_embeds = seen[None]
        projection.shortcut, projection.shortcut_scale = shortcut is not None, shortcut or 1.0
    if kind in ("ip-adapter-plus", "ip-adapter-full"):
        shown = seen[None]
    else:
        shown = vector[None, :, None] if kind == "instantid" else vector[None]
    return network.encoder_hid_proj([shown])[0][:, 0]


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_diffusers_own_loader(kind: str, ending: str, tmp_path: Path) -> None:
    flat = written(kind, tmp_path / f"any.{ending}", rank=4 if kind.startswith("faceid") else 0)

    made = tokens_of(tmp_path / f"any.{ending}", kind)

    assert made.positive.shape == made.negative.shape == (1, TOKENS[kind], words_of(kind))
    assert made.positive == pytest.approx(diffusers_tokens(kind, flat, face=True), abs=1e-5)
    assert made.negative == pytest.approx(diffusers_tokens(kind, flat, face=False), abs=1e-5)
    assert float((made.positive - made.negative).abs().max()) > 0.01
