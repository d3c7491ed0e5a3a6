"""A LoRA goes through the prompt by its name in the host, and what the host left out is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.backends.conditions import LoraCondition
from easyphoto.backends.published import published_name
from easyphoto.errors import BackendError, MissingCapability
from easyphoto.progress import NullProgress
from easyphoto.webui import checkpoints
from easyphoto.webui.backend import WebuiBackend
from tests.backends.contract import inpaint_request
from tests.webui.conftest import MakeHost
from tests.webui.fake_host import FLAVOURS
from tests.webui.fake_host.loras import write_lora


def opened() -> WebuiBackend:
    return WebuiBackend(checkpoints.require("plain"), SD15)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_file_from_elsewhere_is_laid_into_the_hosts_folder_by_its_content(
    host: MakeHost, tmp_path: Path, flavour: str
) -> None:
    fake = host(flavour)
    lora = write_lora(tmp_path / "anna.safetensors")

    opened().inpaint(inpaint_request(prompt="a face", conditions=(LoraCondition(lora, 0.8),)), NullProgress())

    name = published_name(lora)
    assert (fake.lora_folder / f"{name}.safetensors").read_bytes() == lora.read_bytes()
    assert fake.requests[-1].prompt == f"a face <lora:{name}:0.8>"
    assert [file.name for file in fake.lora_folder.iterdir()] == [f"{name}.safetensors"]


def test_a_file_of_the_hosts_folder_keeps_its_name_and_is_not_copied(host: MakeHost) -> None:
    fake = host()
    inside = fake.lora_folder / "styles"
    inside.mkdir()
    lora = write_lora(inside / "ink.safetensors")

    opened().inpaint(inpaint_request(conditions=(LoraCondition(lora, -0.5),)), NullProgress())

    assert fake.requests[-1].prompt.endswith("<lora:ink:-0.5>")
    assert list(fake.lora_folder.rglob("*.safetensors")) == [lora]


def test_a_tag_in_the_users_own_words_passes(host: MakeHost) -> None:
    fake = host()
    write_lora(fake.lora_folder / "ink.safetensors")

    opened().inpaint(inpaint_request(prompt="a face <lora:ink:1>"), NullProgress())

    assert fake.requests[-1].prompt == "a face <lora:ink:1>"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_lora_of_which_no_layer_fits_is_an_error(host: MakeHost, tmp_path: Path, flavour: str) -> None:
    host(flavour)
    lora = write_lora(tmp_path / "sdxl.safetensors", layers=("lora_te9_second", "lora_other"))

    with pytest.raises(BackendError, match=r"sdxl\.safetensors was not applied: none of its layers fits"):
        opened().inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())


def test_a_lora_of_which_some_layers_fit_is_a_note(host: MakeHost, tmp_path: Path) -> None:
    host()
    lora = write_lora(tmp_path / "half.safetensors", layers=("lora_unet_mid", "lora_other"))

    result = opened().inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())

    assert result.applied_conditions == ("half.safetensors",)
    assert result.notes == ("Of the LoRA half.safetensors 1 of 2 layers fit this checkpoint.",)


def test_a_lora_that_the_host_did_not_load_is_an_error(
    host: MakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = host()
    assert fake.lora is not None
    monkeypatch.setattr(fake.lora, "_load", lambda *_: None)
    lora = write_lora(tmp_path / "anna.safetensors")

    with pytest.raises(BackendError, match="the web UI did not load 'easyphoto-anna-"):
        opened().inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())


def test_another_file_of_the_same_name_is_an_error(host: MakeHost) -> None:
    fake = host()
    (fake.lora_folder / "a").mkdir()
    (fake.lora_folder / "b").mkdir()
    lora = write_lora(fake.lora_folder / "a" / "ink.safetensors", salt="a")
    write_lora(fake.lora_folder / "b" / "ink.safetensors", salt="b")

    with pytest.raises(BackendError, match="knows another file as 'ink'"):
        opened().inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())


def test_without_the_extension_a_lora_is_refused(host: MakeHost, tmp_path: Path) -> None:
    host(lora=False)

    with pytest.raises(MissingCapability, match="extension Lora is off"):
        opened().inpaint(
            inpaint_request(conditions=(LoraCondition(write_lora(tmp_path / "any.safetensors")),)), NullProgress()
        )


def test_a_name_that_no_tag_can_hold_is_refused(host: MakeHost) -> None:
    fake = host()
    lora = write_lora(fake.lora_folder / "a>b.safetensors")

    with pytest.raises(MissingCapability, match="Rename it"):
        opened().inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())


def test_a_file_trained_anew_goes_by_a_new_name(host: MakeHost, tmp_path: Path) -> None:
    fake, backend = host(), opened()
    lora = write_lora(tmp_path / "anna.safetensors", salt="first")
    first = backend.inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())
    write_lora(lora, salt="second, and longer")

    second = backend.inpaint(inpaint_request(conditions=(LoraCondition(lora),)), NullProgress())

    assert first.image.tobytes() != second.image.tobytes()
    assert len(list(fake.lora_folder.iterdir())) == 2
