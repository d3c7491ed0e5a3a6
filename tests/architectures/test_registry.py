"""Whatever is built is recognised from its weights alone, and a registry is a value."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from easyphoto.architectures.base import Family
from easyphoto.architectures.header import Header
from easyphoto.architectures.registry import FAMILIES, Registry, family_named
from easyphoto.backends.components import Components, encoder_class
from easyphoto.backends.folders import base_model, part_config
from easyphoto.errors import InputError
from easyphoto.training.adapters import add_adapters
from easyphoto.training.lora import kohya_layers
from tests.ldm_layout import ldm_state

Telling = Callable[[Header], "list[Family]"]


@pytest.fixture(scope="module", params=list(FAMILIES))
def built(request: pytest.FixtureRequest) -> Components:
    """A family's networks in their true shapes, without any content."""
    return built_networks(FAMILIES[request.param])


def built_networks(family: Family) -> Components:
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(part_config(family.folder, "unet"))
        vae = AutoencoderKL.from_config(part_config(family.folder, "vae"))
        encoders = tuple(
            encoder_class(said)(CLIPTextConfig(**part_config(family.folder, said.part)))
            for said in family.text_encoders
        )
    return Components(unet, vae, encoders, (None,) * len(encoders), None, family)


def header_of(state: Mapping[str, Any]) -> Header:
    return Header("any.safetensors", {name: tuple(tensor.shape) for name, tensor in state.items()})


def test_a_checkpoint_is_of_the_family_it_was_built_as_and_of_no_other(built: Components) -> None:
    if not built.family.has_checkpoints:
        assert built.family is FAMILIES.default
        return
    header = header_of(ldm_state(built.parts, built.family))

    assert [family for family in FAMILIES.values() if family.is_checkpoint(header)] == [built.family]
    assert FAMILIES.of_checkpoint(header) is built.family


def test_a_folder_is_of_the_family_it_was_built_as_and_of_no_other(built: Components) -> None:
    width, parts = built.unet.config.cross_attention_dim, set(built.parts)

    assert [family for family in FAMILIES.values() if family.is_folder(width, parts)] == [built.family]
    assert FAMILIES.of_folder(width, parts) is built.family


def test_a_lora_is_of_the_family_it_was_trained_on() -> None:
    for family in FAMILIES.values():
        adapted = add_adapters(built_networks(family), rank=1, alpha=1.0, seed=0, text_learns=True)
        shapes = {f"{key}.lora_down.weight": layer.down for key, layer in kohya_layers(adapted)}

        assert FAMILIES.of_lora(Header("any.safetensors", shapes)) is family


def test_a_folder_that_was_copied_is_still_recognised(tmp_path: Path) -> None:
    family = FAMILIES.default
    copy = shutil.copytree(family.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("faces"))

    assert base_model(str(copy)) == (family, copy)


def test_adding_a_family_leaves_the_registry_as_it_was() -> None:
    fourth = replace(FAMILIES["sd15"], id="sd21", short="SD 2.1", words_width=1024)

    more = FAMILIES.adding(fourth)

    assert list(more) == ["miniature", "sd15", "sdxl", "sd21"]
    assert list(FAMILIES) == ["miniature", "sd15", "sdxl"]
    assert more.names_of_files("or") == "SD 1.5, SDXL or SD 2.1"
    header = Header("any.safetensors", {
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 1024),
        "cond_stage_model.transformer.text_model.final_layer_norm.weight": (1024,),
    })  # fmt: skip
    assert more.of_checkpoint(header) is fourth
    assert FAMILIES.of_checkpoint(header) is None


def test_families_that_could_be_taken_for_each_other_are_not_registered_together() -> None:
    told = [(family.words_width, family.text_encoders) for family in FAMILIES.values()]

    assert len({repr(one) for one in told}) == len(told)
    assert len({family.id for family in FAMILIES.values()}) == len(FAMILIES)


def test_an_unknown_family_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"no type of model called 'sd3'.*Known: miniature, sd15, sdxl"):
        family_named("sd3")


def test_nobody_chose_means_what_is_always_at_hand() -> None:
    assert FAMILIES.default.ships
    assert Registry((FAMILIES["sdxl"], FAMILIES["miniature"])).default is FAMILIES["miniature"]
