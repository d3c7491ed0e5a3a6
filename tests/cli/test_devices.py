"""`--devices`: a verb keeps its process to what is named."""

from __future__ import annotations

import os

import pytest

from easyphoto.cli import devices
from easyphoto.cli.devices import kept_to
from easyphoto.cli.parser import build_parser
from easyphoto.devices import Card, DeviceGroup
from easyphoto.errors import BadSettings, MissingCapability

TWO = (Card(0, "A", 8 << 30, 7 << 30), Card(1, "B", 8 << 30, 7 << 30))
TRAIN, PHOTOGRAPH = ("train", "anna"), ("photograph", "anna", "--template", "beach")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cards, and an environment that is put back."""
    monkeypatch.setattr(devices, "cards", lambda: TWO)
    monkeypatch.setattr("torch.cuda.device_count", lambda: len(os.environ["CUDA_VISIBLE_DEVICES"].split(",")))
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def kept(*typed: str) -> DeviceGroup | None:
    return kept_to(build_parser().parse_args(typed))


@pytest.mark.parametrize("verb", [TRAIN, PHOTOGRAPH, ("ui",), ("templates",)])
def test_where_nothing_is_named_nothing_is_changed(verb: tuple[str, ...]):
    assert kept(*verb) is None
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


@pytest.mark.parametrize("written", ["cuda:1,cuda:0", "cuda:1+cuda:0"])
@pytest.mark.parametrize("verb", [TRAIN, ("resume", "anna")])
def test_all_that_are_named_take_part_in_one_training(verb: tuple[str, ...], written: str):
    group = kept(*verb, "--devices", written)

    assert group is not None
    # As the process counts them, which sees no others.
    assert group.name == "cuda:0+cuda:1"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,0"


def test_another_verb_is_kept_to_one_device():
    group = kept(*PHOTOGRAPH, "--devices", "cuda:1")

    assert group is not None
    assert group.name == "cuda:0"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    with pytest.raises(BadSettings, match=r"photograph computes on one device.*such as --devices cuda:0"):
        kept(*PHOTOGRAPH, "--devices", "cuda:0,cuda:1")


def test_the_processor_is_left_without_cards():
    kept(*PHOTOGRAPH, "--devices", "cpu")

    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_a_card_that_is_not_there_has_a_name(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(MissingCapability, match=r"no cuda:2.*It has cuda:0, cuda:1"):
        kept(*TRAIN, "--devices", "cuda:0,cuda:2")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(MissingCapability, match="torch cannot use cuda:1"):
        kept(*PHOTOGRAPH, "--devices", "cuda:1")
