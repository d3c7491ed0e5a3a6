"""Which devices there are, and which of them a process is left with."""

import os
from pathlib import Path

import pytest

from easyphoto.devices import Card, Device, DeviceGroup, cards, groups_of
from easyphoto.errors import BadSettings, MissingCapability

TWO = (Card(0, "A", 8 << 30, 7 << 30), Card(1, "B", 8 << 30, 7 << 30))


def names(written: str, known: tuple[Card, ...] = TWO) -> list[str]:
    return [group.name for group in groups_of(written, known)]


def test_a_comma_separates_lanes_and_a_plus_joins_the_cards_of_one():
    assert names("auto") == ["cuda:0", "cuda:1"]
    assert names("auto", ()) == ["cpu:0"]
    assert names("cpu") == ["cpu:0"]
    assert names("cpu:0, cpu:1") == ["cpu:0", "cpu:1"]
    assert names("cuda:0+cuda:1,cpu") == ["cuda:0+cuda:1", "cpu:0"]


@pytest.mark.parametrize("written", ["", "gpu", "cuda:x", "cuda:0,cuda:0", "cuda:0+cpu", "cuda:0,,cuda:1", "cuda:-1"])
def test_what_names_no_device_is_refused(written: str):
    with pytest.raises(BadSettings, match="devices cannot be"):
        groups_of(written, TWO)


def test_a_card_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(MissingCapability, match=r"no cuda:2.* cuda:0, cuda:1"):
        groups_of("cuda:2", TWO)


def test_a_process_is_left_with_its_own_cards_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    both = DeviceGroup((Device("cuda", 1), Device("cuda", 0)))

    assert both.environment() == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1,0"}
    assert DeviceGroup((Device("cpu", 1),)).environment(threads=1) == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    }  # fmt: skip

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-7")
    assert both.environment()["CUDA_VISIBLE_DEVICES"] == "GPU-7,5"


def test_the_drivers_cards_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf 'NVIDIA A, 24564, 24000\\nNVIDIA B, 8192, 100\\nNVIDIA C, 8192, 8000\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    mib = 1 << 20

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert cards()[1] == Card(1, "NVIDIA B", 8192 * mib, 100 * mib)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0,-1,1")
    assert cards() == (Card(0, "NVIDIA C", 8192 * mib, 8000 * mib), Card(1, "NVIDIA A", 24564 * mib, 24000 * mib))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,7,0")
    assert [card.name for card in cards()] == ["NVIDIA B"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cards() == ()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert cards() == ()


def test_a_card_that_the_environment_hides_is_named(monkeypatch: pytest.MonkeyPatch):
    for hidden in ("0", "", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        with pytest.raises(MissingCapability, match="torch cannot use cuda:1"):
            DeviceGroup((Device("cuda", 1),)).environment()
