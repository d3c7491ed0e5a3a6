"""Networks from folders in the diffusers layout: what is read is, bit for bit, what the libraries themselves read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.folders import base_files, weight_files
from easyphoto.backends.ldm_names import old_autoencoder_name
from easyphoto.backends.loading import load_components
from easyphoto.backends.network_folders import load_network, network_filling
from easyphoto.errors import WeightsMissing

CPU = torch.device("cpu")
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3438167534\n"
PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"


def kinds() -> dict[str, Any]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    return {
        "unet": UNet2DConditionModel,
        "vae": AutoencoderKL,
        "text_encoder": CLIPTextModel,
        "text_encoder_2": CLIPTextModelWithProjection,
    }


def theirs(part: str, folder: Path, dtype: torch.dtype, **words: Any) -> Any:
    """As it was loaded before: by the library, in its own dtype, and then cast."""
    return kinds()[part].from_pretrained(folder, local_files_only=True, use_safetensors=True, **words).to(dtype).eval()


def assert_same(ours: Any, other: Any) -> None:
    for mine, its in (
        (ours.state_dict(), other.state_dict()),
        (dict(ours.named_buffers()), dict(other.named_buffers())),
    ):
        assert mine.keys() == its.keys()
        assert [key for key in mine if mine[key].dtype != its[key].dtype or not torch.equal(mine[key], its[key])] == []
    tensors = (*ours.parameters(), *ours.buffers())
    assert {tensor.device.type for tensor in tensors} == {"cpu"}
    assert not any(tensor.requires_grad for tensor in tensors)
    assert not ours.training


def copied(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def rewritten(file: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    save_file(change(load_file(file)), file, {"format": "pt"})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("stored", [torch.float32, torch.float16], ids=str)
def test_every_tensor_is_what_the_libraries_read(tiny_sdxl: Path, tmp_path: Path, stored: Any, dtype: Any):
    for part in kinds():
        folder = copied(tiny_sdxl / part, tmp_path / part)
        for file in weight_files(folder):
            rewritten(file, lambda state: {name: tensor.to(stored) for name, tensor in state.items()})

        ours, other = load_network(kinds()[part], folder, dtype=dtype, device=CPU), theirs(part, folder, dtype)

        assert_same(ours, other)
        assert type(ours) is type(other)
        attention = [str(getattr(each.config, "_attn_implementation", "")) for each in (ours, other)]
        assert attention[0] == attention[1]


def test_configurations_are_those_that_the_libraries_read(tiny_sdxl: Path):
    for part in ("unet", "vae"):
        ours = load_network(kinds()[part], tiny_sdxl / part, dtype=torch.float32, device=CPU).config
        other = theirs(part, tiny_sdxl / part, torch.float32).config
        # The libraries note the folder's path as well.
        without_path = [{key: config[key] for key in config if key != "_name_or_path"} for config in (ours, other)]
        assert without_path[0] == without_path[1]


def test_shards_are_put_together(tiny_base: Path, tmp_path: Path):
    kinds()["unet"].from_pretrained(tiny_base / "unet").save_pretrained(tmp_path / "unet", max_shard_size="100KB")
    assert len(weight_files(tmp_path / "unet")) > 1

    assert_same(
        load_network(kinds()["unet"], tmp_path / "unet", dtype=torch.float32, device=CPU),
        theirs("unet", tiny_base / "unet", torch.float32),
    )


def test_a_16_bit_file_is_taken_where_there_is_no_other(tiny_base: Path, tmp_path: Path):
    folder = copied(tiny_base / "unet", tmp_path / "unet")
    whole = folder / "diffusion_pytorch_model.safetensors"
    other = {name: tensor.half() for name, tensor in load_file(whole).items()}
    save_file(other, folder / "diffusion_pytorch_model.fp16.safetensors", {"format": "pt"})
    assert weight_files(folder) == (whole,)
    whole.unlink()

    ours = load_network(kinds()["unet"], folder, dtype=torch.float32, device=CPU)

    assert_same(ours, theirs("unet", folder, torch.float32, variant="fp16"))


def test_an_autoencoder_with_the_names_of_before_diffusers_015_is_read(tmp_path: Path):
    from diffusers import AutoencoderKL

    autoencoder = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, sample_size=8)
    autoencoder.save_pretrained(tmp_path)
    rewritten(weight_files(tmp_path)[0], lambda state: {old_autoencoder_name(name): state[name] for name in state})
    assert any(".query." in name for name in load_file(weight_files(tmp_path)[0]))

    assert_same(load_network(AutoencoderKL, tmp_path, dtype=torch.float32, device=CPU), autoencoder.eval())


@pytest.mark.parametrize("level", ["with", "without"])
def test_a_text_encoder_is_read_with_the_level_text_model_and_without(tiny_base: Path, tmp_path: Path, level: str):
    folder = copied(tiny_base / "text_encoder", tmp_path / "text_encoder")
    prefix = "text_model." if level == "with" else ""
    rewritten(
        weight_files(folder)[0],
        lambda state: {prefix + name.removeprefix("text_model."): tensor for name, tensor in state.items()},
    )

    ours = load_network(kinds()["text_encoder"], folder, dtype=torch.float32, device=CPU)

    assert_same(ours, theirs("text_encoder", tiny_base / "text_encoder", torch.float32))


def test_numbers_that_are_no_fractions_keep_their_type(tiny_base: Path, tmp_path: Path):
    folder = copied(tiny_base / "text_encoder", tmp_path / "text_encoder")
    positions = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    rewritten(weight_files(folder)[0], lambda state: {**state, **positions})

    ours = load_network(kinds()["text_encoder"], folder, dtype=torch.float16, device=CPU)

    numbers = [buffer for name, buffer in ours.named_buffers() if name.endswith("position_ids")]
    assert [(each.dtype, each[0, :3].tolist()) for each in numbers] == [(torch.int64, [0, 1, 2])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PAGE, "is a web page"),
        (LFS_POINTER, "Git LFS"),
        (b"", "is empty"),
        (b"x" * 100, "is a text"),
    ],
    ids=["web page", "LFS pointer", "empty", "text"],
)
def test_what_is_no_network_is_named_with_its_folder(tiny_base: Path, tmp_path: Path, content: bytes, said: str):
    folder = copied(tiny_base / "unet", tmp_path / "unet")
    weight_files(folder)[0].write_bytes(content)

    with pytest.raises(WeightsMissing, match=rf"unet cannot be loaded: .*({said})"):
        load_network(kinds()["unet"], folder, dtype=torch.float32, device=CPU)


def test_a_tensor_of_another_shape_is_refused(tiny_base: Path, tmp_path: Path):
    for part, name in (("unet", "conv_in.bias"), ("text_encoder", "final_layer_norm.bias")):
        folder = copied(tiny_base / part, tmp_path / part)
        rewritten(
            weight_files(folder)[0],
            lambda state, end=name: {  # type: ignore[misc]
                key: torch.zeros(7) if key.endswith(end) else tensor for key, tensor in state.items()
            },
        )
        with pytest.raises(WeightsMissing, match=rf"{part} cannot be loaded: .*{name} has the shape \(7,\)"):
            load_network(kinds()[part], folder, dtype=torch.float32, device=CPU)


@pytest.mark.parametrize("named", ["../unet/diffusion_pytorch_model.safetensors", "/etc/hostname"])
def test_shards_lie_beside_their_index(tiny_base: Path, tmp_path: Path, named: str):
    folder = copied(tiny_base / "unet", tmp_path / "unet")
    weight_files(folder)[0].unlink()
    index = folder / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"conv_in.bias": named}}))

    with pytest.raises(WeightsMissing, match="names no files"):
        load_network(kinds()["unet"], folder, dtype=torch.float32, device=CPU)


def test_a_configuration_that_cannot_be_read_is_named(tiny_base: Path, tmp_path: Path):
    folder = copied(tiny_base / "unet", tmp_path / "unet")
    (folder / "config.json").write_text("{")

    with pytest.raises(WeightsMissing, match="unet cannot be loaded"):
        network_filling(kinds()["unet"], folder, dtype=torch.float32, device=CPU)


def test_whole_models_are_the_same_in_every_dtype_with_the_autoencoder_wide(tiny_sdxl: Path):
    for dtype in (torch.float32, torch.float16):
        loaded = load_components(SDXL, tiny_sdxl, dtype=dtype, device="cpu")
        for part, network in zip(kinds(), loaded.networks, strict=True):
            assert_same(network, theirs(part, tiny_sdxl / part, torch.float32 if part == "vae" else dtype))


def test_the_files_of_a_base_model_are_known_without_loading_it(tiny_sdxl: Path, tmp_path: Path):
    folder = copied(tiny_sdxl, tmp_path / "base")
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()

    found = [str(file.relative_to(folder)) for file in base_files(SDXL, folder)]

    words = ["text_encoder/model.safetensors", "text_encoder_2/model.safetensors"]
    assert found == ["unet/diffusion_pytorch_model.safetensors", *words]
    assert base_files(MINIATURE, folder / "one.ckpt") == (folder / "one.ckpt",)
