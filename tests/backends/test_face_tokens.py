"""The tokens of a face: as diffusers' own loader makes them, and as the original implementations do."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from easyphoto.backends.face_tokens import FaceTokens, load_layers, load_projection
from easyphoto.backends.picture_encoder import PictureStates
from easyphoto.errors import InputError, WeightsMissing
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


@cache
def layers_of(words: int, rank: int) -> states.Shapes:
    return states.layers(unet(words), rank=rank)


def words_of(kind: str) -> int:
    return 128 if kind == "miniature" else WORDS


def written(kind: str, target: Path, *, rank: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """Write an adapter of that kind for `unet`; its tensors by flat name."""
    shapes = states.adapter(KINDS[kind], layers_of(words_of(kind), rank))
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


def test_the_name_of_the_file_plays_no_part(tmp_path: Path) -> None:
    written("instantid", tmp_path / "ip-adapter-faceid_sd15.safetensors")

    assert tokens_of(tmp_path / "ip-adapter-faceid_sd15.safetensors", "instantid").positive.shape == (1, 16, WORDS)


@pytest.mark.parametrize("shortcut", [None, 0.0, 0.5, 1.0], ids=["first version", "0", "0.5", "1"])
def test_faceid_plus_adds_the_vectors_own_tokens_from_its_second_version_on(
    shortcut: float | None, tmp_path: Path
) -> None:
    name = "faceid-plus_sd15.safetensors" if shortcut is None else "faceid-plusv2_sd15.safetensors"
    flat = written("faceid-plus", tmp_path / name)

    made = tokens_of(tmp_path / name, "faceid-plus", **({} if shortcut is None else {"shortcut": shortcut}))

    projection = loaded_by_diffusers("faceid-plus", flat).encoder_hid_proj.image_projection_layers[0]
    vectors, pictures = given("faceid-plus")
    projection.clip_embeds = pictures.photos[None]
    projection.shortcut = shortcut is not None
    projection.shortcut_scale = shortcut
    with torch.no_grad():
        expected = projection(torch.from_numpy(unit(vectors))[None])
    assert made.positive == pytest.approx(expected, abs=1e-5)


def test_vectors_may_come_raw_and_only_instantid_sees_their_length(tmp_path: Path) -> None:
    """The wrong one gives no error, only a weaker or a burnt face: so what is asked for is always the raw one."""
    for kind in ("faceid", "faceid-plus", "faceid-portrait", "miniature", "instantid"):
        written(kind, tmp_path / "adapter.safetensors")
        vectors, pictures = given(kind)
        projection = load_projection(tmp_path / "adapter.safetensors", dtype=torch.float32, device=CPU)

        once = projection.tokens(vectors=vectors, pictures=pictures).positive
        longer = projection.tokens(vectors=20 * vectors, pictures=pictures).positive

        assert (once == pytest.approx(longer, abs=1e-5)) == (kind != "instantid"), kind


def test_several_photos_are_one_face_as_each_kind_combines_them(tmp_path: Path) -> None:
    """Expected: the mean of the tokens of each picture; of vectors, the tokens of the mean."""
    for kind in KINDS:
        written(kind, tmp_path / "adapter.safetensors")
        vectors, pictures = given(kind, photos=3)
        # Lengths differ a lot, so that means of raw and of unit vectors do.
        vectors = vectors * np.asarray([[1], [4], [0.2]], np.float32)
        projection = load_projection(tmp_path / "adapter.safetensors", dtype=torch.float32, device=CPU)

        def alone(
            vector: np.ndarray, number: int, projection: Any = projection, seen: PictureStates = pictures
        ) -> torch.Tensor:
            states = PictureStates(seen.photos[number : number + 1], seen.blank)
            return projection.tokens(vectors=vector, pictures=states).positive  # type: ignore[no-any-return]

        made = projection.tokens(vectors=vectors, pictures=pictures)

        mean = vectors.mean(axis=0)
        if kind != "instantid":
            mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
        expected = torch.cat([alone(mean, number) for number in range(3)]).mean(dim=0, keepdim=True)
        assert made.positive == pytest.approx(expected, abs=1e-5), kind
        assert made.positive.shape == (1, TOKENS[kind], words_of(kind))


def test_tokens_of_nobody_do_not_depend_on_the_face(tmp_path: Path) -> None:
    for kind in KINDS:
        written(kind, tmp_path / "adapter.safetensors")
        projection = load_projection(tmp_path / "adapter.safetensors", dtype=torch.float32, device=CPU)
        one, other = given(kind, photos=2), given(kind, photos=1, seed=11)
        blank = one[1].blank

        first = projection.tokens(vectors=one[0], pictures=one[1])
        second = projection.tokens(vectors=other[0], pictures=PictureStates(other[1].photos, blank))

        assert torch.equal(first.negative, second.negative), kind
        assert not torch.equal(first.positive, second.positive), kind


def test_what_is_not_given_or_of_another_width_is_named(tmp_path: Path) -> None:
    written("faceid-plus", tmp_path / "adapter.safetensors")
    projection = load_projection(tmp_path / "adapter.safetensors", dtype=torch.float32, device=CPU)
    vectors, pictures = given("faceid-plus")

    with pytest.raises(InputError, match=r"adapter\.safetensors needs 512 numbers for a face, and got 128"):
        projection.tokens(vectors=vectors[:, :128], pictures=pictures)
    with pytest.raises(InputError, match="needs 512 numbers for a face, and got none"):
        projection.tokens(pictures=pictures)
    with pytest.raises(InputError, match=r"of width 1280, and got one of none.*weights get clip-vit-h"):
        projection.tokens(vectors=vectors)
    narrow = PictureStates(pictures.photos[..., :1024], pictures.blank[..., :1024])
    with pytest.raises(InputError, match="image encoder of width 1280, and got one of 1024"):
        projection.tokens(vectors=vectors, pictures=narrow)


def test_a_file_without_some_of_its_tensors_is_named(tmp_path: Path) -> None:
    flat = written("instantid", tmp_path / "whole.safetensors")
    save_file({k: v for k, v in flat.items() if "layers.2" not in k}, tmp_path / "pruned.safetensors")
    save_file({k: v for k, v in flat.items() if "3.to_v_ip" not in k}, tmp_path / "halved.safetensors")

    with pytest.raises(WeightsMissing, match=r"The projection in pruned\.safetensors lacks"):
        load_projection(tmp_path / "pruned.safetensors", dtype=torch.float32, device=CPU)
    with pytest.raises(
        WeightsMissing, match=r"tensor ip_adapter\.3\.to_v_ip\.weight is missing in halved\.safetensors"
    ):
        load_layers(tmp_path / "halved.safetensors", dtype=torch.float32, device=CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_keys_and_values_are_those_that_diffusers_puts_on_each_layer(kind: str, tmp_path: Path) -> None:
    flat = written(kind, tmp_path / "adapter.bin", rank=4 if kind.startswith("faceid") else 0)

    layers = load_layers(tmp_path / "adapter.bin", dtype=torch.float32, device=CPU)

    processors = list(loaded_by_diffusers(kind, flat).attn_processors.values())
    assert set(layers.weights) == {number for number, each in enumerate(processors) if hasattr(each, "to_k_ip")}
    assert tuple(layers.weights) == layers.layout.layers
    for number, (key, value) in layers.weights.items():
        assert torch.equal(key, processors[number].to_k_ip[0].weight)
        assert torch.equal(value, processors[number].to_v_ip[0].weight)
    assert layers.bytes == sum(4 * each.numel() for pair in layers.weights.values() for each in pair)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_file_serves_any_precision(dtype: torch.dtype, tmp_path: Path) -> None:
    written("faceid", tmp_path / "adapter.safetensors", dtype=torch.float16)
    vectors, _ = given("faceid")

    exact = tokens_of(tmp_path / "adapter.safetensors", "faceid").positive
    coarse = load_projection(tmp_path / "adapter.safetensors", dtype=dtype, device=CPU).tokens(vectors=vectors)

    assert coarse.positive.dtype == coarse.negative.dtype == dtype
    assert coarse.positive.float() == pytest.approx(exact, abs=0.02)
    assert load_layers(tmp_path / "adapter.safetensors", dtype=dtype, device=CPU).weights[1][0].dtype == dtype
