"""A folder that is no SD 1.5 or SDXL is refused by the name that its configurations give it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.folders import base_model
from easyphoto.errors import InputError, WeightsMissing
from tests.backends.test_strangers import ORDINARY, TAKE


def write(file: Path, **content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({f"_{key[1:]}" if key[0] == "_" else key: value for key, value in content.items()}))
    return file


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as refused:
        base_model(str(folder))
    return str(refused.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(
    "pipeline",
    [
        "FluxPipeline", "Flux2Pipeline", "StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline",
        "PixArtSigmaPipeline", "KolorsPipeline", "KolorsImg2ImgPipeline", "HunyuanDiTPipeline", "HunyuanVideoPipeline",
        "StableCascadeDecoderPipeline", "LTXPipeline", "WanPipeline", "QwenImagePipeline", "ZImagePipeline",
        "StableVideoDiffusionPipeline", "SomethingOfNextYearPipeline", "StableDiffusionUpscalePipeline",
    ],
)  # fmt: skip
def test_a_folder_of_another_pipeline_is_refused_by_its_name(tmp_path: Path, pipeline: str):
    write(tmp_path / "model_index.json", _class_name=pipeline)

    assert refusal(tmp_path) == f"FOLDER is a model for {pipeline}. {TAKE}"


@pytest.mark.parametrize("pipeline", ["StableDiffusionImg2ImgPipeline", "StableDiffusionXLInpaintPipeline"])
def test_a_pipeline_of_another_task_is_not_refused_for_its_name(tmp_path: Path, pipeline: str):
    folder = shutil.copytree(FAMILIES.default.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("faces"))
    write(folder / "model_index.json", _class_name=pipeline)

    assert base_model(str(folder)) == (FAMILIES.default, folder)


@pytest.mark.parametrize(
    ("unet", "said"),
    [
        ({"cross_attention_dim": 1024, "in_channels": 9}, f"an SD 2 model. {TAKE}"),
        ({"cross_attention_dim": 1280}, f"the SDXL refiner. {TAKE}"),
        ({"cross_attention_dim": 2048, "encoder_hid_dim_type": "text_proj"}, f"a Kolors model. {TAKE}"),
        ({"cross_attention_dim": 768, "in_channels": 9}, f"an inpainting model (9 channels). {ORDINARY}"),
        ({"cross_attention_dim": 2048, "in_channels": 8}, f"an image-editing model (pix2pix, 8 channels). {ORDINARY}"),
        (
            {"cross_attention_dim": 2048, "in_channels": 4, "quantization_config": {"load_in_4bit": True}},
            "a quantised model. Use the 16-bit version.",
        ),
    ],
)
def test_a_unet_that_cannot_be_used_is_named_before_anything_is_loaded(tmp_path: Path, unet: Any, said: str):
    write(tmp_path / "model_index.json", _class_name="StableDiffusionPipeline")
    write(tmp_path / "unet" / "config.json", **unet)

    assert refusal(tmp_path) == f"FOLDER is {said}"


def test_a_part_of_a_model_is_named(tmp_path: Path):
    whole = "Give the folder of the whole model, which holds this one."
    for name, kind, said in (
        ("unet", "UNet2DConditionModel", f"a UNet in diffusers' names. {whole}"),
        ("net", "ControlNetModel", f"a ControlNet. {whole}"),
        ("transformer", "FluxTransformer2DModel", f"a single network (FluxTransformer2DModel). {whole}"),
    ):
        write(tmp_path / name / "config.json", _class_name=kind)
        assert refusal(tmp_path / name) == f"FOLDER is {said}"
    write(tmp_path / "lora" / "adapter_config.json")
    assert refusal(tmp_path / "lora") == (
        "FOLDER is a LoRA. A LoRA works on top of a checkpoint: choose a checkpoint as the base."
    )


def test_the_hubs_cache_leads_to_the_model_in_it(tmp_path: Path):
    cache = tmp_path / "models--x--y"
    write(cache / "snapshots" / "abc" / "model_index.json", _class_name="StableDiffusionPipeline")

    assert refusal(cache) == ("FOLDER is a download cache. The model lies in FOLDER/snapshots/abc: give that one.")


def test_a_folder_of_checkpoints_names_them(tmp_path: Path):
    for number in range(7):
        (tmp_path / f"{number}.safetensors").touch()

    assert refusal(tmp_path) == (
        "FOLDER is a folder of files. Give one of its files: 0.safetensors, 1.safetensors, 2.safetensors, "
        "3.safetensors, 4.safetensors, …."
    )


def test_an_empty_folder_says_what_it_lacks(tmp_path: Path):
    with pytest.raises(WeightsMissing, match="is not a complete model folder; missing: unet/diffusion_pytorch_model"):
        base_model(str(tmp_path))
