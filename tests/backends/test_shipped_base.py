"""The base model that ships: its name in records, and the weights that a LoRA was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyphoto.architectures.registry import family_named
from easyphoto.backends.shipped_base import base_fingerprint, has_weights, recorded_base

MINIATURE, SD15 = family_named("miniature"), family_named("sd15")
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""The SHA-256 of "abc"."""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    names = ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model", "controlnet/canny/x")
    for name, content in zip(names, (b"a", b"b", b"c", b"d"), strict=True):
        file = tmp_path / "base" / f"{name}.safetensors"
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    return tmp_path / "base"


def test_the_model_that_ships_is_recorded_by_its_name_wherever_the_installation_is() -> None:
    assert recorded_base(str(MINIATURE.folder)) == "miniature"
    assert recorded_base("/moved/away/easyphoto/models/miniature") == "miniature"
    assert recorded_base(r"C:\moved\away\models\miniature") == "miniature"
    assert recorded_base("miniature") == "miniature"


def test_another_installation_that_is_still_there_keeps_its_path(tmp_path: Path) -> None:
    other = tmp_path / "models" / "miniature"
    other.mkdir(parents=True)

    assert recorded_base(str(other)) == str(other)


@pytest.mark.parametrize("base", ["/checkpoints/v1-5-pruned.safetensors", "/gone/miniature", "sd15", "/models/sd15"])
def test_what_does_not_ship_is_recorded_as_it_is(base: str) -> None:
    assert recorded_base(base) == base


def test_a_fingerprint_is_that_of_what_a_lora_changes_and_of_nothing_else(base: Path) -> None:
    assert base_fingerprint(MINIATURE, base) == ABC
    (base / "controlnet" / "canny" / "x.safetensors").write_bytes(b"another")
    assert base_fingerprint(MINIATURE, base) == ABC
    (base / "text_encoder" / "model.safetensors").write_bytes(b"another")
    assert base_fingerprint(MINIATURE, base) != ABC


def test_gigabytes_are_not_read_for_it(base: Path) -> None:
    assert base_fingerprint(SD15, base) == ""


def test_what_was_recorded_is_compared_and_what_was_not_is_taken_for_the_first_weights_that_shipped(base: Path) -> None:
    assert has_weights(MINIATURE, base, ABC)
    assert not has_weights(MINIATURE, base, "0" * 64)
    assert has_weights(MINIATURE, base, "")  # of one's own: nothing is known
    shipped = base_fingerprint(MINIATURE, MINIATURE.folder)
    assert has_weights(MINIATURE, MINIATURE.folder, "") == (shipped == MINIATURE.first_weights)
    assert has_weights(SD15, base, "0" * 64)


def test_of_a_base_that_is_gone_nothing_is_said_here(tmp_path: Path) -> None:
    assert has_weights(MINIATURE, tmp_path / "gone", "0" * 64)
