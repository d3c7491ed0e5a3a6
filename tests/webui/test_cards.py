"""Which devices a web UI leaves to trainings: those that are named, and never its own."""

import sys
from types import SimpleNamespace

import pytest

from easyphoto.devices import Card, Device
from easyphoto.errors import BadSettings, MissingCapability
from easyphoto.webui.cards import devices_in_use, host_cards, spare_groups

NAMES = ("NVIDIA A", "NVIDIA B", "NVIDIA C")


@pytest.fixture
def web_ui(host, monkeypatch):
    """web_ui(its device, its number of cards, further devices by their attribute)."""
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def made(device: object, count: int, **devices: object) -> None:
        host()
        cuda = SimpleNamespace(
            is_available=lambda: count > 0,
            device_count=lambda: count,
            get_device_properties=lambda number: SimpleNamespace(name=NAMES[number], total_memory=8 << 30),
        )
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        for name, value in {"device": device, **devices}.items():
            monkeypatch.setattr(sys.modules["modules.devices"], name, value, raising=False)

    return made


def names(written: str) -> list[str]:
    return [group.name for group in spare_groups(written)]


@pytest.mark.parametrize("written", ["auto", " auto ", "", " "])
def test_nothing_is_taken_that_nobody_named(web_ui, written):
    web_ui("cuda", 3)

    assert spare_groups(written) == ()


def test_named_cards_are_lanes_and_a_plus_joins_them(web_ui):
    web_ui("cuda", 3)

    assert names("cuda:1") == ["cuda:1"]
    assert names("cuda:2, cuda:1") == ["cuda:2", "cuda:1"]
    assert names("cuda:1+cuda:2") == ["cuda:1+cuda:2"]


@pytest.mark.parametrize(
    ("device", "more", "written"),
    [
        ("cuda", {}, "cuda:0"),
        ("cuda:0", {}, "cuda:1,cuda:0"),
        ("cuda:1", {}, "cuda:1"),
        ("cuda:1", {}, "cuda:0+cuda:1"),
        ("cuda", {"device_esrgan": "cuda:2"}, "cuda:2"),
        ("cpu", {}, "cpu"),
    ],
)
def test_the_web_uis_own_device_is_refused_by_name(web_ui, device, more, written):
    web_ui(device, 3, **more)

    with pytest.raises(BadSettings, match=r"is what the web UI itself computes on.*Name other cards, or auto"):
        spare_groups(written)


def test_a_web_ui_that_was_started_on_another_card_leaves_the_first(web_ui):
    web_ui("cuda:1", 2)

    assert devices_in_use() == {Device("cuda", 1)}
    assert names("cuda:0") == ["cuda:0"]


def test_a_web_ui_with_a_card_leaves_the_processor(web_ui):
    web_ui("cuda", 1, device_gfpgan="cpu")

    assert names("cpu") == ["cpu:0"]


@pytest.mark.parametrize(
    ("count", "said"), [(2, r"no cuda:5\. It sees cuda:0, cuda:1\."), (0, r"no cuda:5\. It sees no graphics card\.")]
)
def test_a_card_that_the_web_ui_does_not_see_is_named_with_those_that_it_sees(web_ui, count, said):
    web_ui("cuda" if count else "cpu", count)

    with pytest.raises(MissingCapability, match=said):
        spare_groups("cuda:5")


def test_what_names_no_device_is_refused(web_ui):
    web_ui("cuda", 2)

    with pytest.raises(BadSettings, match="devices cannot be 'the other one'"):
        spare_groups("the other one")


def test_cards_are_counted_as_the_web_ui_counts_them(web_ui, monkeypatch):
    web_ui("cuda", 2)
    (other,) = spare_groups("cuda:1")

    # The driver's order is another one, and is not asked for.
    assert host_cards() == (Card(0, "NVIDIA A", 8 << 30, 0), Card(1, "NVIDIA B", 8 << 30, 0))
    assert other.environment() == {"CUDA_DEVICE_ORDER": "FASTEST_FIRST", "CUDA_VISIBLE_DEVICES": "1"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,7")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert other.environment() == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "7"}


def test_a_web_ui_whose_torch_is_not_loaded_yet_has_no_cards(web_ui, monkeypatch):
    web_ui("cpu", 0)
    monkeypatch.delitem(sys.modules, "torch")

    assert host_cards() == ()
