"""Of which family a LoRA is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from easyphoto.errors import InputError
from easyphoto.persons.lora_family import family_of_lora
from tests.persons.arriving import write_lora


@pytest.mark.parametrize(("width", "family"), [(768, "sd15"), (2048, "sdxl")])
def test_the_width_of_the_words_tells_the_family(tmp_path: Path, width: int, family: str) -> None:
    assert family_of_lora(write_lora(tmp_path / "a.safetensors", width=width)).id == family


def test_the_miniatures_says_so_itself(tmp_path: Path) -> None:
    file = write_lora(tmp_path / "a.safetensors", width=128, ss_base_model_version="easyphoto_miniature")

    assert family_of_lora(file).id == "miniature"


@pytest.mark.parametrize(
    "name",
    [
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight",
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight",
        "lora_unet_input_blocks_1_1_transformer_blocks_0_attn2_to_k.lora_down.weight",
    ],
)
def test_other_spellings_are_read_too(tmp_path: Path, name: str) -> None:
    save_file({name: np.zeros((4, 2048), np.float32)}, tmp_path / "a.safetensors")

    assert family_of_lora(tmp_path / "a.safetensors").id == "sdxl"


def test_who_reads_no_words_is_believed_by_its_own_account(tmp_path: Path) -> None:
    tensors = {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": np.zeros((4, 320), np.float32)}
    save_file(tensors, tmp_path / "a.safetensors", metadata={"modelspec.architecture": "stable-diffusion-v1/lora"})

    assert family_of_lora(tmp_path / "a.safetensors").id == "sd15"


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    sd2 = write_lora(tmp_path / "sd2.safetensors", width=1024)
    save_file({"weight": np.zeros(2, np.float32)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("not a tensor in sight")

    for file, words in (
        (sd2, "text width 1024"),
        (tmp_path / "other.safetensors", "is not a LoRA"),
        (tmp_path / "text.safetensors", "is a text: not a tensor in sight"),
    ):
        with pytest.raises(InputError, match=words):
            family_of_lora(file)
