"""The picture encoder: its pixels and hidden states are those of transformers, offline and from any file of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from easyphoto.architectures.base import models_folder
from easyphoto.backends.picture_encoder import DEVIATION, MEAN, load_picture_encoder, pixels
from easyphoto.backends.tensor_files import without_memory
from easyphoto.errors import InputError, WeightsMissing

SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2}
PLACE: dict[str, Any] = {"dtype": torch.float32, "device": torch.device("cpu")}


def shipped() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((models_folder() / "configs" / "clip_vit_h" / "config.json").read_text("utf-8"))
    return config


def reference(**changes: Any) -> Any:
    """transformers' model with the projection, as the published file was written."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(4)
    config = {key: value for key, value in {**shipped(), **SMALL, **changes}.items() if key != "model_type"}
    return CLIPVisionModelWithProjection(CLIPVisionConfig(**config, projection_dim=16)).eval()


def published(network: Any) -> dict[str, torch.Tensor]:
    """Its tensors under the names of the published file, whatever this transformers calls them."""
    return {
        name if name.startswith(("vision_model.", "visual_projection.")) else f"vision_model.{name}": tensor
        for name, tensor in network.state_dict().items()
    }


def written(file: Path, tensors: Mapping[str, torch.Tensor], **changes: Any) -> Path:
    folder = file.with_suffix(".configs") / "clip_vit_h"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**shipped(), **SMALL, **changes}), "utf-8")
    if file.suffix == ".safetensors":
        save_file({name: tensor.clone() for name, tensor in tensors.items()}, file)
    else:
        torch.save(dict(tensors), file)
    return file


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    noise = np.random.RandomState(seed).randint(0, 256, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


@torch.no_grad()
def expected_states(network: Any, pictures: list[Image.Image]) -> torch.Tensor:
    shown = torch.from_numpy(np.stack([pixels(picture) for picture in pictures]))
    states: torch.Tensor = network(shown, output_hidden_states=True).hidden_states[-2]
    return states


@pytest.mark.parametrize("size", [(224, 224), (500, 300), (300, 517), (97, 131), (1024, 768)], ids=str)
def test_pixels_are_those_of_transformers_own_processor(size: tuple[int, int]) -> None:
    import transformers

    # Without torchvision the newest transformers has the PIL one under a name of its own.
    kind = getattr(transformers, "CLIPImageProcessorPil", None) or transformers.CLIPImageProcessor
    picture = photo(*size)

    ours = pixels(picture)

    theirs = np.asarray(kind()(images=picture, return_tensors="np")["pixel_values"][0])
    differ = np.abs(ours - theirs) * np.asarray(DEVIATION)[:, None, None]
    assert float(differ.max()) <= 1 / 255
    assert ours.dtype == np.float32


def test_a_picture_of_the_mean_colour_is_nearly_the_all_zero_input() -> None:
    grey = Image.new("RGB", (224, 224), tuple(round(255 * value) for value in MEAN))

    assert float(np.abs(pixels(grey)).max()) < 0.008


def test_transparency_and_grey_are_taken_as_colours() -> None:
    assert pixels(Image.new("L", (300, 300), 128)) == pytest.approx(pixels(Image.new("RGB", (300, 300), (128,) * 3)))
    assert pixels(Image.new("RGBA", (300, 300), (9, 8, 7, 255))) == pytest.approx(
        pixels(Image.new("RGB", (300, 300), (9, 8, 7)))
    )


@pytest.mark.parametrize("ending", ["safetensors", "bin", "pth"])
def test_states_are_the_second_to_last_of_transformers_and_of_nothing(ending: str, tmp_path: Path) -> None:
    network, pictures = reference(), [photo(300, 300), photo(240, 400, 1)]
    file = written(tmp_path / f"encoder.{ending}", published(network))

    states = load_picture_encoder(file, **PLACE).states(pictures)

    assert states.photos.shape == (2, 257, 32)
    assert states.photos == pytest.approx(expected_states(network, pictures), abs=1e-5)
    with torch.no_grad():
        blank = network(torch.zeros(1, 3, 224, 224), output_hidden_states=True).hidden_states[-2]
    assert states.blank == pytest.approx(blank, abs=1e-5)


def test_a_file_with_the_vision_tensors_alone_or_with_the_text_half_is_taken(tmp_path: Path) -> None:
    network, pictures = reference(), [photo(300, 300)]
    whole = published(network)
    alone = {name: tensor for name, tensor in whole.items() if name.startswith("vision_model.")}
    bare = {name.removeprefix("vision_model."): tensor for name, tensor in alone.items()}
    both = {**whole, "text_model.final_layer_norm.weight": torch.ones(8), "logit_scale": torch.ones(())}
    both["vision_model.embeddings.position_ids"] = torch.arange(257)[None]

    for number, tensors in enumerate((alone, bare, both)):
        file = written(tmp_path / f"{number}.safetensors", tensors)
        states = load_picture_encoder(file, **PLACE).states(pictures)
        assert states.photos == pytest.approx(expected_states(network, pictures), abs=1e-5)


def test_open_clips_names_are_read_too(tmp_path: Path) -> None:
    """Its layout: queries, keys and values in one tensor, the parts named as in its VisionTransformer."""
    network, pictures = reference(), [photo(300, 300)]
    file = written(tmp_path / "open_clip.safetensors", open_clip(published(network)))

    states = load_picture_encoder(file, **PLACE).states(pictures)

    assert states.photos == pytest.approx(expected_states(network, pictures), abs=1e-5)


def open_clip(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    said = {name.removeprefix("vision_model."): tensor for name, tensor in tensors.items()}
    found = {
        "class_embedding": said["embeddings.class_embedding"],
        "conv1.weight": said["embeddings.patch_embedding.weight"],
        "positional_embedding": said["embeddings.position_embedding.weight"],
        "proj": said["visual_projection.weight"].T.contiguous(),
    }
    parts = {
        "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
        "self_attn.out_proj": "attn.out_proj",
    }  # fmt: skip
    for end in ("weight", "bias"):
        found[f"ln_pre.{end}"] = said[f"pre_layrnorm.{end}"]
        found[f"ln_post.{end}"] = said[f"post_layernorm.{end}"]
        for number in range(SMALL["num_hidden_layers"]):
            theirs, block = f"encoder.layers.{number}", f"transformer.resblocks.{number}"
            thirds = [said[f"{theirs}.self_attn.{part}_proj.{end}"] for part in "qkv"]
            found[f"{block}.attn.in_proj_{end}"] = torch.cat(thirds)
            found |= {f"{block}.{name}.{end}": said[f"{theirs}.{part}.{end}"] for part, name in parts.items()}
    return {f"visual.{name}": tensor for name, tensor in found.items()}


def test_the_shipped_configuration_is_the_published_network() -> None:
    """632,076,800 numbers with the projection of (1024, 1280), as the published file's 2,528,373,448 bytes say."""
    from transformers import CLIPVisionConfig, CLIPVisionModel

    config = {key: value for key, value in shipped().items() if key != "model_type"}
    network = without_memory(lambda: CLIPVisionModel(CLIPVisionConfig(**config)))

    numbers = sum(parameter.numel() for parameter in network.parameters())
    assert numbers + 1024 * 1280 == 632_076_800
    assert 0 < 2_528_373_448 - 4 * 632_076_800 < 100_000
    assert config["hidden_act"] == "gelu"


@pytest.mark.parametrize(
    ("width", "name"), [(1024, "CLIP ViT-L/14"), (1664, "CLIP ViT-bigG/14"), (768, "CLIP ViT-B"), (640, "of width 640")]
)
def test_another_encoder_is_refused_by_name(width: int, name: str, tmp_path: Path) -> None:
    save_file(
        {"vision_model.embeddings.patch_embedding.weight": torch.zeros(width, 3, 1, 1)}, tmp_path / "model.safetensors"
    )

    with pytest.raises(InputError, match=rf"model\.safetensors is the image encoder {name}, but CLIP ViT-H/14"):
        load_picture_encoder(tmp_path / "model.safetensors", **PLACE)


def test_what_is_no_encoder_or_not_whole_is_named(tmp_path: Path) -> None:
    save_file({"text_model.final_layer_norm.weight": torch.zeros(4)}, tmp_path / "text.safetensors")
    some = dict(list(published(reference()).items())[:9])
    pruned = written(tmp_path / "pruned.safetensors", some)

    with pytest.raises(InputError, match=r"text\.safetensors contains no image encoder"):
        load_picture_encoder(tmp_path / "text.safetensors", **PLACE)
    with pytest.raises(WeightsMissing, match=r"The image encoder in pruned\.safetensors lacks"):
        load_picture_encoder(pruned, **PLACE)
