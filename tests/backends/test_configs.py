"""The configurations that ship: their networks have the published sizes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from easyphoto.architectures.base import models_folder
from easyphoto.backends.tensor_files import without_memory

# Parameters, as the published checkpoints have them.
PARAMETERS = {
    ("sd15", "unet"): 859_520_964,
    ("sd15", "vae"): 83_653_863,
    ("sd15", "text_encoder"): 123_060_480,
    ("sd15", "controlnet"): 361_279_120,
    ("sdxl", "unet"): 2_567_463_684,
    ("sdxl", "vae"): 83_653_863,
    ("sdxl", "text_encoder"): 123_060_480,
    ("sdxl", "text_encoder_2"): 694_659_840,
}


def built(family: str, part: str) -> Any:
    import diffusers
    import transformers

    config = json.loads((models_folder() / "configs" / family / part / "config.json").read_text("utf-8"))
    if "_class_name" in config:
        return getattr(diffusers, config["_class_name"]).from_config(config)
    return getattr(transformers, config["architectures"][0])(transformers.CLIPTextConfig(**config))


@pytest.mark.parametrize(("family", "part"), PARAMETERS, ids=[" ".join(names) for names in PARAMETERS])
def test_a_shipped_configuration_builds_the_published_network(family: str, part: str):
    network = without_memory(lambda: built(family, part))

    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[family, part]


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_a_controlnet_begins_as_a_copy_of_the_unets_first_half(family: str):
    unet, control = (
        without_memory(lambda part=part: built(family, part)).state_dict() for part in ("unet", "controlnet")
    )

    copied = {key for key in unet if not key.startswith(("up_blocks.", "conv_norm_out.", "conv_out."))}
    assert copied == {key for key in control if not key.startswith("controlnet_")}
    assert [key for key in copied if unet[key].shape != control[key].shape] == []


def test_all_configurations_of_a_family_stay_small():
    for family in ("sd15", "sdxl"):
        files = list((models_folder() / "configs" / family).rglob("*.json"))
        assert sum(file.stat().st_size for file in files) < 6_000
