"""ControlNets in one file: three layouts, each as it is published, and what a shelf finds where."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from easyphoto.architectures.registry import FAMILIES
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import Control
from easyphoto.backends.control_files import load_control_file
from easyphoto.backends.controls import ControlNets
from easyphoto.backends.ldm_names import unet_name
from easyphoto.errors import MissingCapability, WeightsMissing
from easyphoto.weights import catalog
from easyphoto.weights.catalog import Commercial, WeightFile
from easyphoto.weights.store import WeightStore
from tests.ldm_layout import make_networks, unet_state, write_configs, write_tensors

RANK = 3


def test_a_control_without_a_model_says_where_to_get_it_or_that_its_licence_is_refused(tmp_path: Path) -> None:
    nets = ControlNets(SD15, None, dtype=torch.float32, device=torch.device("cpu"), store=WeightStore(tmp_path))

    assert nets.kinds() == ()
    assert nets.refused() == {
        "canny": "its model is missing: easyphoto weights get control_v11p_sd15_canny",
        "tile": "its model is missing: easyphoto weights get control_v11f1e_sd15_tile",
        "color": "its model's licence (not stated) is not allowed by the licence setting commercial-safe",
        "openpose": "its model is missing: easyphoto weights get control_v11p_sd15_openpose",
    }
    alone = ControlNets(FAMILIES.default, tmp_path, dtype=torch.float32, device=torch.device("cpu"))
    assert alone.refused() == {}


CANNY = SD15.controls["canny"]


@dataclass(frozen=True)
class Base:
    """A base model's file that need not be there, with its configurations beside it, and its networks."""

    file: Path
    configs: Path
    networks: dict[str, Any]

    @property
    def control(self) -> Any:
        return self.networks["controlnet"]

    def load(self, file: Path, unet: Any | None = None) -> Any:
        return load_control_file(file, self.configs, unet=unet, dtype=torch.float32, device=torch.device("cpu"))


def make_base(folder: Path, family: Any) -> Base:
    file = folder / "base.safetensors"
    configs = write_configs(family, file)
    file.write_bytes(b"")
    return Base(file, configs, make_networks(configs))


@pytest.fixture(scope="module")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return make_base(tmp_path_factory.mktemp("sd15"), SD15)


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return make_base(tmp_path_factory.mktemp("sdxl"), SDXL)


def differing(loaded: nn.Module, source: nn.Module) -> list[str]:
    ours, theirs = loaded.state_dict(), source.state_dict()
    assert ours.keys() == theirs.keys()
    return [key for key in ours if not torch.equal(ours[key], theirs[key])]


def as_pth(file: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save(state, file)
    return file


@pytest.mark.parametrize("prefix", ["control_model.", ""])
@pytest.mark.parametrize(("ending", "write"), [(".safetensors", write_tensors), (".pth", as_pth)])
def test_ldms_layout_loads_bit_for_bit(
    sd15: Base, tmp_path: Path, prefix: str, ending: str, write: Callable[..., Path]
):
    file = write(tmp_path / f"control{ending}", unet_state(sd15.control, prefix))

    assert differing(sd15.load(file), sd15.control) == []


def test_diffusers_reads_the_same_from_ldms_layout(sd15: Base, tmp_path: Path):
    from diffusers import ControlNetModel

    file = write_tensors(tmp_path / "control.safetensors", unet_state(sd15.control, "control_model."))

    theirs = ControlNetModel.from_single_file(
        str(file), config=str(sd15.configs), subfolder="controlnet", local_files_only=True
    )
    assert differing(theirs, sd15.control) == []


def test_diffusers_own_names_load(sdxl: Base, tmp_path: Path):
    file = write_tensors(tmp_path / "control.safetensors", sdxl.control.state_dict())

    assert differing(sdxl.load(file), sdxl.control) == []


def test_a_shallower_network_is_built_as_deep_as_its_file(sdxl: Base, tmp_path: Path):
    from diffusers import ControlNetModel

    config = json.loads((sdxl.configs / "controlnet" / "config.json").read_text("utf-8"))
    config["transformer_layers_per_block"] = [1, 1, 1]
    config["down_block_types"] = ["DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"]
    shallow = ControlNetModel.from_config(config)

    loaded = sdxl.load(write_tensors(tmp_path / "mid.safetensors", shallow.state_dict()))

    assert differing(loaded, shallow) == []


def control_lora(base: Base) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The file's tensors, and the whole network's that they stand for: factors for matrices, biases as they are."""
    generator = torch.Generator().manual_seed(4)
    unet, keys = base.networks["unet"].state_dict(), base.control.state_dict()
    file, whole = {"lora_controlnet": torch.empty(0)}, {}
    for key, value in keys.items():
        name = unet_name(key, keys, base.control.config.layers_per_block)
        if key in unet and value.ndim > 1:
            up = torch.randn(value.shape[0], RANK, *(1,) * (value.ndim - 2), generator=generator)
            down = torch.randn(RANK, *value.shape[1:], generator=generator)
            module = name.removesuffix(".weight")
            file[f"{module}.up"], file[f"{module}.down"] = up, down
            whole[key] = unet[key] + (up.flatten(1) @ down.flatten(1)).reshape(value.shape)
        elif key not in unet or "norm" in key:
            file[name] = whole[key] = value
        else:
            whole[key] = unet[key]
    return file, whole


def test_a_control_lora_is_the_unet_with_its_products_added(sdxl: Base, tmp_path: Path):
    tensors, whole = control_lora(sdxl)
    file = write_tensors(tmp_path / "control.safetensors", tensors)

    loaded = sdxl.load(file, sdxl.networks["unet"]).state_dict()

    assert any(name.endswith(".up") for name in tensors)
    assert loaded.keys() == whole.keys()
    assert [key for key in whole if not torch.allclose(loaded[key], whole[key], atol=1e-6)] == []


def test_a_control_lora_leaves_the_unet_as_it_was(sdxl: Base, tmp_path: Path):
    unet = sdxl.networks["unet"]
    before = {key: value.clone() for key, value in unet.state_dict().items()}
    loaded = sdxl.load(write_tensors(tmp_path / "control.safetensors", control_lora(sdxl)[0]), unet)

    for parameter in loaded.parameters():
        parameter.data.zero_()

    assert all(torch.equal(before[key], value) for key, value in unet.state_dict().items())


def test_a_control_lora_without_its_unet_is_refused(sdxl: Base, tmp_path: Path):
    file = write_tensors(tmp_path / "control.safetensors", control_lora(sdxl)[0])

    with pytest.raises(MissingCapability, match=r"control\.safetensors is a Control-LoRA"):
        sdxl.load(file)


def test_a_control_lora_for_another_depth_is_refused(sdxl: Base, tmp_path: Path):
    tensors = {name: value for name, value in control_lora(sdxl)[0].items() if not name.startswith("zero_convs.3.")}

    with pytest.raises(WeightsMissing, match=r"ControlNet control\.safetensors lacks 2 of"):
        sdxl.load(write_tensors(tmp_path / "control.safetensors", tensors), sdxl.networks["unet"])


def test_something_else_is_refused(sd15: Base, tmp_path: Path):
    file = write_tensors(tmp_path / "other.safetensors", {"weight": torch.zeros(2)})

    with pytest.raises(MissingCapability, match=r"other\.safetensors is not a ControlNet"):
        sd15.load(file)


def shelf_of(base: Base, store: WeightStore | None = None) -> ControlNets:
    return ControlNets(SD15, base.file, dtype=torch.float32, device=torch.device("cpu"), store=store)


def control_of(kind: str) -> Control:
    pixels = np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8)
    return Control(kind, Image.fromarray(pixels))


@pytest.fixture
def own_base(tmp_path: Path, sd15: Base) -> Base:
    """A base of its own, so that what a test puts beside it stays there."""
    file = tmp_path / "base.safetensors"
    write_configs(SD15, file)
    file.write_bytes(b"")
    return Base(file, file.with_suffix(".configs"), sd15.networks)


def test_a_file_beside_the_checkpoint_serves_its_kind(own_base: Base):
    assert shelf_of(own_base).kinds() == ()
    file = own_base.file.parent / "controlnet" / f"{CANNY}.safetensors"
    write_tensors(file, unet_state(own_base.control, "control_model."))
    shelf = shelf_of(own_base)

    assert shelf.kinds() == ("canny",)
    assert shelf.require("canny") == file
    (active,) = shelf.activate([[control_of("canny")]])
    down, middle = active.residuals(torch.randn(1, 4, 8, 8), torch.tensor(10), torch.randn(1, 5, 16))
    assert len(down) == 12
    assert middle.shape == (1, 64, 1, 1)


def test_the_store_serves_what_does_not_lie_beside(own_base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = write_tensors(tmp_path / "store" / "canny.safetensors", unet_state(own_base.control, "control_model."))
    entry = WeightFile(CANNY, "canny.safetensors", (), "OpenRAIL", Commercial.YES, "test", "test")
    monkeypatch.setattr("easyphoto.backends.controls.CATALOG", {**catalog.CATALOG, CANNY: entry})
    monkeypatch.setattr(WeightStore, "find", lambda self, id: file if id == CANNY else None)

    shelf = shelf_of(own_base, WeightStore(tmp_path / "store"))

    assert shelf.require("canny") == file
    assert shelf.kinds() == ("canny",)


def test_what_is_nowhere_is_missing_by_name(own_base: Base, tmp_path: Path):
    with pytest.raises(MissingCapability, match="no model for the control 'openpose'"):
        shelf_of(own_base, WeightStore(tmp_path / "store")).require("openpose")
