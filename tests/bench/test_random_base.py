"""A base of random weights: true depth, a share of the width, and files that every loader reads."""

from __future__ import annotations

import json

import pytest
import torch

from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.folders import base_model
from easyphoto.backends.loading import load_components
from easyphoto.bench.random_base import narrowed, random_components, write_random_base

SD, XL = FAMILIES.from_files


@pytest.mark.parametrize("family", [SD, XL])
def test_at_its_own_width_a_family_has_the_shapes_of_its_checkpoints(family):
    for part, config in narrowed(family, 1.0).items():
        assert config == json.loads((family.folder / part / "config.json").read_text("utf-8"))


def test_a_narrow_one_keeps_its_depth_and_its_heads():
    configs = narrowed(SD, 0.2)

    assert configs["unet"]["block_out_channels"] == [64, 128, 256, 256]
    assert (configs["unet"]["layers_per_block"], configs["unet"]["attention_head_dim"]) == (2, 8)
    assert (configs["text_encoder"]["hidden_size"], configs["text_encoder"]["num_hidden_layers"]) == (160, 12)
    assert configs["unet"]["cross_attention_dim"] == configs["controlnet"]["cross_attention_dim"] == 160


def test_a_family_that_pools_hears_of_its_narrow_encoders():
    configs = narrowed(XL, 0.1)

    assert configs["unet"]["cross_attention_dim"] == 64 + 128
    assert configs["unet"]["projection_class_embeddings_input_dim"] == 128 + 6 * 256
    assert configs["unet"]["transformer_layers_per_block"] == [1, 2, 10]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_random_base(tmp_path_factory.mktemp("random") / "base", SD, width=0.05, controls=("canny",))


@pytest.fixture(scope="module")
def loaded(written):
    return load_components(*base_model(str(written)), dtype=torch.float32, device="cpu")


def test_what_is_written_is_told_and_loaded_like_any_folder(written, loaded):
    assert base_model(str(written)) == (SD, written)
    assert (written / "controlnet" / "control_v11p_sd15_canny" / "config.json").is_file()
    tokens = loaded.tokenizers[0]("a face", padding="max_length").input_ids
    assert (len(tokens), tokens[0], tokens[-1], len(loaded.tokenizers[0])) == (77, 49406, 49407, 49408)


def test_the_same_networks_are_made_in_memory_and_in_files(loaded):
    made = random_components(SD, width=0.05, dtype=torch.float32, device="cpu")

    for one, other in zip(loaded.networks, made.networks, strict=True):
        assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in one.state_dict().items())


def test_nothing_of_a_network_in_memory_is_left_without_memory():
    made = random_components(SD, width=0.05, dtype=torch.float32, device="cpu")

    buffers = [buffer for network in made.networks for buffer in (*network.parameters(), *network.buffers())]
    assert not any(buffer.is_meta for buffer in buffers)
