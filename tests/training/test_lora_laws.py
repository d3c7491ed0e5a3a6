"""LoRA files to the byte."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from easyphoto import __version__
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.loading import load_components
from easyphoto.errors import InputError
from easyphoto.training.adapters import add_adapters
from easyphoto.training.lora import (
    LoraFacts,
    kohya_state,
    lora_metadata,
    read_lora,
    safetensors_bytes,
)

FACTS = LoraFacts(
    name="lena", trigger="easyphoto_face, , 1person,", base_version="sd_v1", architecture="stable-diffusion-v1/lora",
    base_name="some-base", resolution=512, rank=4, alpha=2.0, photos=5, steps=900, batch=3, unet_lr=1e-4, text_lr=5e-5,
    seed=7, min_snr_gamma=5.0, prediction_type="v_prediction",
)  # fmt: skip


def test_the_metadata_are_these_and_no_others() -> None:
    assert lora_metadata(FACTS) == {
        "ss_base_model_version": "sd_v1",
        "ss_v2": "False",
        "ss_network_module": "networks.lora",
        "ss_network_dim": "4",
        "ss_network_alpha": "2.0",
        "ss_network_args": "{}",
        "ss_output_name": "lena",
        "ss_tag_frequency": '{"lena": {"easyphoto_face": 5, "1person": 5}}',
        "ss_sd_model_name": "some-base",
        "ss_resolution": "(512, 512)",
        "ss_clip_skip": "None",
        "ss_num_train_images": "5",
        "ss_batch_size_per_device": "3",
        "ss_steps": "900",
        "ss_learning_rate": "0.0001",
        "ss_unet_lr": "0.0001",
        "ss_text_encoder_lr": "5e-05",
        "ss_optimizer": "torch.optim.AdamW",
        "ss_seed": "7",
        "ss_min_snr_gamma": "5.0",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": "lena",
        "modelspec.resolution": "512x512",
        "modelspec.description": f"A person's face, learned by EasyPhoto {__version__}.",
        "modelspec.trigger_phrase": "easyphoto_face, , 1person,",
        "modelspec.prediction_type": "v",
    }


def test_the_weights_of_a_base_that_ships_are_told() -> None:
    assert lora_metadata(replace(FACTS, base_weights="ab12"))["easyphoto_base"] == "ab12"


def test_a_training_without_min_snr_says_so() -> None:
    metadata = lora_metadata(replace(FACTS, min_snr_gamma=0.0, prediction_type="epsilon"))

    assert (metadata["ss_min_snr_gamma"], metadata["modelspec.prediction_type"]) == ("None", "epsilon")


def mixed_state() -> dict[str, torch.Tensor]:
    """Names that neither their order nor their types follow."""
    return {
        "b": torch.arange(3, dtype=torch.float16),
        "a": torch.arange(5, dtype=torch.uint8),
        "z": torch.arange(2, dtype=torch.float64),
        "c": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "d": torch.arange(2, dtype=torch.bfloat16),
        "e": torch.tensor([7], dtype=torch.int64),
    }


def test_the_file_is_laid_out_as_the_library_lays_it() -> None:
    from safetensors.torch import load, save

    content = safetensors_bytes(mixed_state(), {"z": "1", "a": "ü"})

    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert content[8 : 8 + length].isascii()
    assert list(header) == ["__metadata__", "e", "z", "c", "b", "d", "a"]
    assert header["__metadata__"] == {"a": "ü", "z": "1"}
    assert header["c"] == {"dtype": "F32", "shape": [2, 3], "data_offsets": [24, 48]}
    one_of_each_width = {name: tensor for name, tensor in mixed_state().items() if name not in "de"}
    ours, theirs = safetensors_bytes(one_of_each_width, {}), save(one_of_each_width)
    bodies = [each[8 + struct.unpack("<Q", each[:8])[0] :] for each in (ours, theirs)]
    assert bodies[0] == bodies[1]
    found = load(content)
    assert all(torch.equal(found[name], tensor) for name, tensor in mixed_state().items())


def test_the_header_has_no_blanks_but_those_that_align_it() -> None:
    for count in range(1, 9):
        content = safetensors_bytes({"t" * count: torch.zeros(1)}, {})

        length = struct.unpack("<Q", content[:8])[0]
        text = content[8 : 8 + length]
        assert length % 8 == 0
        assert len(text) - len(text.rstrip()) < 8
        assert b" " not in text.rstrip()


@pytest.mark.parametrize(("asked", "has"), [(None, torch.float32), (torch.float16, torch.float16)])
def test_adapters_are_written_in_the_type_that_is_asked_for(
    tiny_base: Path, asked: torch.dtype | None, has: torch.dtype
) -> None:
    components = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")
    live = add_adapters(components, rank=4, alpha=2.0, seed=0, text_learns=True)

    state = kohya_state(live, dtype=asked)

    assert {tensor.dtype for name, tensor in state.items() if ".lora_" in name} == {has}
    assert {(tensor.dtype, float(tensor)) for name, tensor in state.items() if name.endswith(".alpha")} == {
        (torch.float32, 2.0)
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_is_named_as_a_lora_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")

    with pytest.raises(InputError, match=r"pipe\.safetensors"):
        read_lora(tmp_path / "pipe.safetensors")


def test_a_file_without_metadata_has_none(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"t": torch.ones(2)}, tmp_path / "plain.safetensors")

    tensors, metadata = read_lora(tmp_path / "plain.safetensors")

    assert (tensors["t"].tolist(), metadata) == ([1, 1], {})
