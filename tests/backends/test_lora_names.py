"""LoRA files in every spelling that is about, on a tiny SDXL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.components import Components, quiet_libraries
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.loading import load_components
from easyphoto.backends.lora_apply import loras_applied
from easyphoto.backends.lora_names import ldm_name, split_key
from easyphoto.errors import MissingCapability
from easyphoto.training.adapted_networks import UNET_TARGETS

RANK, ALPHA = 2, 1.0
CONVOLUTIONS = ("conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj")
Factors = dict[str, tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture(scope="module")
def components(tiny_sdxl: Path) -> Components:
    torch.set_num_threads(1)
    return load_components(SDXL, tiny_sdxl, dtype=torch.float32, device="cpu")


def factors(network: nn.Module, endings: tuple[str, ...]) -> Factors:
    """Random factors of every layer whose name has one of the endings, kohya's shapes."""
    draw = torch.Generator().manual_seed(4)
    found: Factors = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and name.endswith(endings):
            out, *rest = module.weight.shape
            kernel = (1, 1) if len(rest) == 3 else ()
            down, up = torch.randn(RANK, *rest, generator=draw), torch.randn(out, RANK, *kernel, generator=draw)
            found[name] = down * 0.1, up * 0.1
    return found


def joined(name: str) -> str:
    return name.replace(".", "_")


def text_name(name: str) -> str:
    """With the level `text_model`, which transformers 5 dropped from one of the two classes."""
    return f"text_model.{name.removeprefix('text_model.')}"


def write(
    path: Path, layers: dict[str, tuple[torch.Tensor, torch.Tensor]], *, parts: tuple[str, str, str]
) -> LoraCondition:
    tensors = {}
    for name, (down, up) in layers.items():
        tensors[name + parts[0]], tensors[name + parts[1]] = down, up
        if parts[2]:
            tensors[name + parts[2]] = torch.tensor(ALPHA)
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
    return LoraCondition(path)


KOHYA = (".lora_down.weight", ".lora_up.weight", ".alpha")
PEFT = (".lora_A.weight", ".lora_B.weight", ".alpha")
DIFFUSERS = (".lora.down.weight", ".lora.up.weight", ".alpha")


def spelled(components: Components, spelling: str) -> tuple[Factors, tuple[str, str, str]]:
    """The same factors for the UNet and both encoders, by the names of one spelling."""
    unet = factors(components.unet, (*UNET_TARGETS, *CONVOLUTIONS))
    first = {text_name(name): each for name, each in factors(components.text_encoders[0], ("q_proj", "fc1")).items()}
    second = {text_name(name): each for name, each in factors(components.text_encoders[1], ("q_proj", "fc1")).items()}
    if spelling.startswith("kohya"):
        is_ldm = spelling == "kohya, LDM"
        named = {
            f"lora_unet_{ldm_name(name, unet, 2) if is_ldm else joined(name)}": each for name, each in unet.items()
        }
        named |= {f"lora_te1_{joined(name)}": each for name, each in first.items()}
        named |= {f"lora_te2_{joined(name)}": each for name, each in second.items()}
        return named, PEFT if spelling == "kohya with PEFT's parts" else KOHYA
    named = {f"unet.{name}": each for name, each in unet.items()}
    named |= {f"text_encoder.{name}": each for name, each in first.items()}
    named |= {f"text_encoder_2.{name}": each for name, each in second.items()}
    return named, PEFT if spelling == "PEFT" else DIFFUSERS


@torch.no_grad()
def weights(components: Components) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for network in components.networks for each in network.parameters()])


SPELLINGS = ("kohya", "kohya, LDM", "kohya with PEFT's parts", "PEFT", "diffusers")


def test_every_spelling_changes_the_same_weights_alike(components: Components, tmp_path: Path) -> None:
    before, changed = weights(components), {}
    for spelling in SPELLINGS:
        layers, parts = spelled(components, spelling)
        with loras_applied(components, [write(tmp_path / "a.safetensors", layers, parts=parts)]):
            changed[spelling] = weights(components)

    assert float((changed["kohya"] - before).abs().max()) > 0.001
    for spelling in SPELLINGS:
        assert torch.equal(changed[spelling], changed["kohya"]), spelling
    assert torch.equal(weights(components), before)


@torch.no_grad()
def answer(components: Components) -> torch.Tensor:
    draw = torch.Generator().manual_seed(5)
    added = {"text_embeds": torch.randn(1, 40, generator=draw), "time_ids": torch.tensor([[8, 8, 0, 0, 8, 8]]).float()}
    guess = components.unet(
        torch.randn(1, 4, 8, 8, generator=draw), 500, torch.randn(1, 77, 80, generator=draw), added_cond_kwargs=added
    )
    return guess.sample


@pytest.mark.parametrize("spelling", ["kohya", "kohya, LDM"])
def test_it_is_what_diffusers_makes_of_the_file(
    components: Components, tiny_sdxl: Path, tmp_path: Path, spelling: str
) -> None:
    """Convolutions and all; diffusers has the LDM names from its own table."""
    layers, parts = spelled(components, spelling)
    use = write(tmp_path / "a.safetensors", layers, parts=parts)
    with loras_applied(components, [use]):
        ours = answer(components)

    theirs = answer(in_diffusers(tiny_sdxl, use.path))

    assert float((ours - answer(components)).abs().max()) > 0.01
    assert float((ours - theirs).abs().max()) < 1e-5


def in_diffusers(base: Path, file: Path) -> Components:
    from diffusers import StableDiffusionXLPipeline

    fresh = load_components(SDXL, base, dtype=torch.float32, device="cpu")
    with quiet_libraries():
        pipeline = StableDiffusionXLPipeline(**fresh.parts, add_watermarker=False)
        pipeline.load_lora_weights(str(file.parent), weight_name=file.name)
    return fresh


def test_layers_outside_of_the_blocks_have_names_too(components: Components, tmp_path: Path) -> None:
    """What kohya's tools and few-step LoRAs train besides: conv_in, conv_out, and what is told of time and size."""
    unet = factors(components.unet, ("conv_in", "conv_out", "embedding.linear_1", "embedding.linear_2"))
    expected = {
        "conv_in": "input_blocks_0_0", "conv_out": "out_2", "time_embedding.linear_1": "time_embed_0",
        "time_embedding.linear_2": "time_embed_2", "add_embedding.linear_1": "label_emb_0_0",
        "add_embedding.linear_2": "label_emb_0_2",
    }  # fmt: skip
    plain = write(tmp_path / "a.safetensors", {f"lora_unet_{joined(name)}": unet[name] for name in unet}, parts=KOHYA)
    moved = {f"lora_unet_{expected[name]}": unet[name] for name in unet}
    with loras_applied(components, [plain]):
        wanted = weights(components)

    with loras_applied(components, [write(tmp_path / "b.safetensors", moved, parts=KOHYA)]):
        assert torch.equal(weights(components), wanted)

    assert unet.keys() == expected.keys()


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        ("unet.mid_block.attentions.0.attn1.processor.to_q_lora.down.weight", ("to_q", "down")),
        ("unet.mid_block.attentions.0.attn1.processor.to_out_lora.up.weight", ("to_out.0", "up")),
        ("text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora.up.weight", ("out_proj", "up")),
        ("text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_linear_layer.down.weight", ("fc1", "down")),
        ("base_model.model.unet.conv_in.lora_A.weight", ("conv_in", "down")),
        ("lora_unet_conv_in.dora_scale", ("lora_unet_conv_in", "dora_scale")),
    ],
)
def test_old_spellings_mean_the_layers_of_today(key: str, meaning: tuple[str, str]) -> None:
    module, part = split_key(key)

    assert (module.endswith(meaning[0]), part) == (True, meaning[1])
    assert "processor" not in module


@pytest.mark.parametrize(
    ("ours", "kohyas"),
    [
        ("down_blocks.1.attentions.0.proj_in", "input_blocks_4_1_proj_in"),
        ("down_blocks.2.attentions.1.proj_in", "input_blocks_8_1_proj_in"),
        ("down_blocks.0.downsamplers.0.conv", "input_blocks_3_0_op"),
        ("mid_block.attentions.0.proj_out", "middle_block_1_proj_out"),
        ("mid_block.resnets.1.conv1", "middle_block_2_in_layers_2"),
        ("up_blocks.0.attentions.2.proj_in", "output_blocks_2_1_proj_in"),
        ("up_blocks.1.upsamplers.0.conv", "output_blocks_5_2_conv"),
        ("up_blocks.2.resnets.2.conv_shortcut", "output_blocks_8_0_skip_connection"),
    ],
)
def test_the_names_of_the_real_sdxl_are_those_that_kohya_writes(ours: str, kohyas: str) -> None:
    layers = [ours, "up_blocks.1.attentions.0.proj_in"]

    assert ldm_name(ours, layers, 2) == kohyas


def native(path: Path, components: Components, facts: dict[str, Any]) -> LoraCondition:
    layers = factors(components.unet, ("to_q",))
    tensors = {f"unet.{name}.lora_A.weight": down for name, (down, _) in layers.items()}
    tensors |= {f"unet.{name}.lora_B.weight": up for name, (_, up) in layers.items()}
    save_file(tensors, path, {"format": "pt", "lora_adapter_metadata": json.dumps(facts)})
    return LoraCondition(path)


def test_diffusers_own_format_has_its_alpha_in_the_metadata(components: Components, tmp_path: Path) -> None:
    layer = components.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight
    before = layer.clone()
    whole = native(tmp_path / "whole.safetensors", components, {})
    half = native(tmp_path / "half.safetensors", components, {"unet.r": RANK, "unet.lora_alpha": RANK / 2})
    with loras_applied(components, [whole]):
        added = layer - before

    with loras_applied(components, [half]):
        assert torch.allclose(layer - before, added / 2, atol=1e-6)

    uneven = native(tmp_path / "uneven.safetensors", components, {"unet.alpha_pattern": {"to_q": 3}})
    with pytest.raises(MissingCapability, match="alpha_pattern"), loras_applied(components, [uneven]):
        pass
