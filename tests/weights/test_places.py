"""Files that other programs keep are used where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyphoto.progress import NullProgress
from easyphoto.settings.options import WeightSettings
from easyphoto.weights.catalog import CATALOG, LicenceSet
from easyphoto.weights.places import host_folders
from easyphoto.weights.store import open_store
from tests.weights.shelf import safetensors_bytes


def put(target: Path, content: bytes = b"") -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


HOSTED = {
    "control_v11p_sd15_openpose": "models/ControlNet/control_v11p_sd15_openpose_fp16.safetensors",
    "diffusers_xl_canny_mid": "extensions/sd-webui-controlnet/models/sdxl/diffusers_xl_canny_mid.safetensors",
    "hyper-sd15-8step": "models/Lora/fast/hyper-sd15-8steps-lora.safetensors",
    "lightning-sdxl-8step": "models/Lora/sdxl_lightning_8step_lora.SAFETENSORS",
}


@pytest.mark.parametrize("id", HOSTED)
def test_a_web_uis_file_is_found_in_place_and_never_changed(id: str, tmp_path: Path) -> None:
    content = safetensors_bytes(1000)
    place = put(tmp_path / "webui" / HOSTED[id], content)
    before = place.stat()
    store = open_store(tmp_path / "root", (), WeightSettings(webui=str(tmp_path / "webui"), offline=True))

    assert store.require(id, NullProgress()) == place
    assert store.used(id).file == place.name
    assert place.read_bytes() == content
    assert place.stat().st_mtime_ns == before.st_mtime_ns
    assert [file.name for file in place.parent.iterdir()] == [place.name]


def test_a_pickled_controlnet_of_the_host_stands_for_the_half_precision_one(tmp_path: Path) -> None:
    place = put(tmp_path / "webui/models/ControlNet/control_v11p_sd15_canny.pth", b"\x80\x02a pickle.")
    store = open_store(tmp_path / "root", (), WeightSettings(webui=str(tmp_path / "webui")))

    assert store.find("control_v11p_sd15_canny") == place


def test_the_settings_decide_licences_network_and_folders(tmp_path: Path) -> None:
    put(tmp_path / "webui/models/Lora/a.safetensors")
    settings = WeightSettings(licences="research", offline=True, webui=str(tmp_path / "webui"))

    store = open_store(tmp_path / "root", (tmp_path / "mirror",), settings)

    assert store.licences is LicenceSet.RESEARCH
    assert store.is_offline
    assert store.also == (tmp_path / "webui/models/Lora",)
    assert store.mirrors == (tmp_path / "mirror",)


def test_a_home_has_folders_of_insightface_and_rembg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    put(tmp_path / ".insightface/models/buffalo_l/w600k_r50.onnx")
    put(tmp_path / ".u2net/u2net_human_seg.onnx")

    assert host_folders(None) == (tmp_path / ".insightface/models", tmp_path / ".u2net")


def test_a_file_of_another_length_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "mirror" / CATALOG["gfpgan-1.4"].name, b"\x80short")
    monkeypatch.setattr("easyphoto.weights.ledger.sha256_of", lambda *_: pytest.fail("it was read"))
    store = open_store(tmp_path / "root", (tmp_path / "mirror",), WeightSettings())

    assert store.find("gfpgan-1.4") is None


def test_folders_deeper_than_three_are_other_programs_business(tmp_path: Path) -> None:
    content = safetensors_bytes(10)
    put(tmp_path / "webui/models/Lora/one/two/three/Hyper-SD15-8steps-lora.safetensors", content)
    store = open_store(tmp_path / "root", (), WeightSettings(webui=str(tmp_path / "webui")))

    assert store.find("hyper-sd15-8step") is None
    place = put(tmp_path / "webui/models/Lora/one/two/Hyper-SD15-8steps-lora.safetensors", content)
    assert store.find("hyper-sd15-8step") == place
