"""What the web UI says of itself, and what it lends: checkpoints, folders, Python."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.published import published_name
from easyphoto.errors import DiskFailure, MissingCapability, WeightsMissing
from easyphoto.settings.options import WeightSettings
from easyphoto.webui import facts as facts_module
from easyphoto.webui import host as host_module
from easyphoto.webui.backend import WebuiBackend
from easyphoto.webui.host import WebuiHost
from easyphoto.weights.store import WeightStore
from tests.webui.conftest import MakeHost
from tests.webui.fake_host.loras import write_lora

SETTINGS = WeightSettings()


@pytest.mark.parametrize(
    ("kind", "says", "name"),
    [
        ("a1111", "a1111", "AUTOMATIC1111 1.10.1"),
        ("forge", "forge", "Forge 2.0.1"),
        ("reforge", "reforge", "reForge 2.0.1"),
    ],
)
def test_the_host_is_named(host: MakeHost, kind: str, says: str, name: str) -> None:
    host(kind)

    facts = WebuiHost().facts()

    assert (facts.kind, facts.name) == (says, name)
    assert facts.sends == ("img2img", "inpaint", "extras")


def test_facts_list_what_a_tab_offers_the_chosen_checkpoint_first(
    host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host()
    monkeypatch.setattr(facts_module, "is_there", lambda name: False)

    facts = WebuiHost().facts()

    assert facts.checkpoints == ("plain.safetensors", "other.safetensors")
    assert facts.restorers == ("GFPGAN",)
    assert facts.upscalers == ("Lanczos", "R-ESRGAN 4x+")
    assert facts.warnings == ()


def test_the_miniature_is_offered_where_it_can_be_painted_with(host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host()
    monkeypatch.setattr(facts_module, "is_there", lambda name: name == "diffusers")

    assert WebuiHost().facts().checkpoints[-1] == MINIATURE.id


def test_what_is_missing_is_a_warning_with_what_to_do(host: MakeHost) -> None:
    fake = host(controlnet=False, lora=False)
    fake.checkpoints.listed.clear()

    control, lora, checkpoint = WebuiHost().facts().warnings

    assert "Install the extension sd-webui-controlnet" in control
    assert "Enable it" in lora
    assert "models/Stable-diffusion" in checkpoint


def test_controlnet_without_our_models_is_a_warning(host: MakeHost) -> None:
    fake = host()
    fake.models.listed.clear()

    (warning,) = WebuiHost().facts().warnings

    assert "control_v11p_sd15_canny" in warning


@pytest.mark.parametrize(
    ("said", "language"), [("None", "en"), ("zh_CN", "zh_CN"), ("zh-Hans (Stable)", "zh_CN"), ("de_DE", "en")]
)
def test_the_language_is_the_hosts(host: MakeHost, said: str, language: str) -> None:
    host().options.data["localization"] = said

    assert WebuiHost().facts().language == language


@pytest.mark.parametrize("form", ["other", "other.safetensors", "other.safetensors [abababab]", "path"])
def test_a_base_goes_by_every_name_that_somebody_has_for_it(host: MakeHost, form: str) -> None:
    fake = host()
    file = fake.checkpoint_folder / "other.safetensors"

    found = WebuiHost().base_model(str(file) if form == "path" else form, SETTINGS)

    assert found == (SD15, file)


def test_a_familys_name_is_its_first_checkpoint(host: MakeHost) -> None:
    fake = host()
    large = fake.add_checkpoint("large", "sdxl")

    assert WebuiHost().base_model("sdxl", SETTINGS) == (SDXL, large)
    assert WebuiHost().base_model("sd15", SETTINGS)[1].name == "plain.safetensors"


def test_the_miniature_is_ours_everywhere(host: MakeHost) -> None:
    host()

    assert WebuiHost().base_model("miniature", SETTINGS)[0] is MINIATURE


def test_an_unknown_base_is_said(host: MakeHost) -> None:
    host()

    with pytest.raises(WeightsMissing, match="nobody-has"):
        WebuiHost().base_model("a-model-nobody-has", SETTINGS)


@pytest.mark.parametrize("form", ["late", "path"])
def test_a_checkpoint_that_came_meanwhile_can_be_painted_with(host: MakeHost, tmp_path: Path, form: str) -> None:
    fake = host()
    file = fake.checkpoint_folder / "late.safetensors"
    file.write_bytes(b"late")
    (fake.checkpoint_folder / "late.configs").mkdir()
    (fake.checkpoint_folder / "late.configs" / "easyphoto.json").write_text('{"format": 1, "family": "sd15"}')

    base = str(file) if form == "path" else form
    backend = WebuiHost().open_backend(base, SD15, WeightStore(tmp_path), SETTINGS)

    assert "late.safetensors" in backend.capabilities().checkpoints


def test_the_backend_paints_with_the_base_and_refuses_one_of_another_family(host: MakeHost, tmp_path: Path) -> None:
    fake, store = host(), WeightStore(tmp_path)
    fake.add_checkpoint("large", "sdxl")

    assert isinstance(WebuiHost().open_backend("other", SD15, store, SETTINGS), WebuiBackend)
    with pytest.raises(MissingCapability, match="the person was trained with Stable Diffusion"):
        WebuiHost().open_backend("large", SD15, store, SETTINGS)
    with pytest.raises(MissingCapability, match="nobody-has"):
        WebuiHost().open_backend("a-model-nobody-has", SD15, store, SETTINGS)


def test_the_miniature_without_diffusers_is_refused_with_advice(
    host: MakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host()
    monkeypatch.setattr(host_module, "is_there", lambda name: False)

    with pytest.raises(MissingCapability, match="Choose a checkpoint of the web UI"):
        WebuiHost().open_backend("miniature", MINIATURE, WeightStore(tmp_path), SETTINGS)


def test_a_lora_is_published_by_its_content_and_withdrawn_again(host: MakeHost, tmp_path: Path) -> None:
    fake = host()
    lora = write_lora(tmp_path / "anna.safetensors")

    target = WebuiHost().publish(lora)

    assert target == fake.lora_folder / f"{published_name(lora)}.safetensors"
    assert published_name(lora) in fake.lora.module.available_networks
    assert WebuiHost().withdraw(lora) == target
    assert WebuiHost().withdraw(lora) is None
    assert fake.lora.module.available_networks == {}


def test_a_lora_that_the_web_ui_has_open_is_said_and_not_a_bare_error(
    host: MakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host()
    lora = write_lora(tmp_path / "anna.safetensors")
    WebuiHost().publish(lora)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError("in use")))

    with pytest.raises(DiskFailure, match="in use"):
        WebuiHost().withdraw(lora)


def test_the_weight_settings_can_be_given_the_web_uis_folder(host: MakeHost) -> None:
    fake = host()

    assert WebuiHost().webui_folder() == fake.folder


def test_a_checkpoint_of_no_note_is_told_by_its_tensors(host: MakeHost) -> None:
    fake = host()
    header = {
        "cond_stage_model.transformer.text_model.final_layer_norm.bias": [768],
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 768],
        "model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3],
    }
    text = json.dumps(
        {name: {"dtype": "F32", "shape": [0, *shape], "data_offsets": [0, 0]} for name, shape in header.items()}
    ).encode()
    file = fake.checkpoint_folder / "unknown.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text)

    assert WebuiHost().base_model("unknown", SETTINGS) == (SD15, file)


@pytest.mark.parametrize(
    ("flags", "is_local"),
    [
        ({}, True),
        ({"server_name": "127.0.0.1"}, True),
        ({"server_name": "192.168.1.2"}, False),
        ({"listen": True}, False),
        ({"share": True}, False),
        ({"ngrok": "token"}, False),
        ({"cloudflared": True}, False),
        ({"subpath": "sd"}, False),
        ({"gradio_auth": "anna:secret"}, False),
        ({"gradio_auth_path": "accounts.txt"}, False),
    ],
)
def test_paths_of_the_machine_are_asked_for_only_where_nobody_else_reaches_the_page(
    host: MakeHost, flags: dict[str, object], is_local: bool
) -> None:
    host()
    vars(sys.modules["modules.shared"].cmd_opts).update(flags)

    assert WebuiHost().facts().is_local == is_local
