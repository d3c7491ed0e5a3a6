"""What the doctor says of cards, of those that torch does not see, and of the extra for clusters."""

import sys
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from easyphoto.cli import device_findings
from easyphoto.cli.device_findings import device_lines
from easyphoto.devices import Card

GIB = 1 << 30
TWO = (Card(0, "NVIDIA A", 24 * GIB, 20 * GIB), Card(1, "NVIDIA B", 8 * GIB, GIB // 2))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """A machine of four cores: machine(cards, seen by torch, torch's CUDA, packages besides)."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setattr(device_findings, "cores", lambda: 4)

    def made(cards: tuple[Card, ...], seen: int, cuda: str | None = "12.8", **packages: str) -> None:
        def version(name: str) -> str:
            if name not in packages:
                raise PackageNotFoundError(name)
            return packages[name]

        torch = SimpleNamespace(
            get_num_threads=lambda: 2,
            cuda=SimpleNamespace(device_count=lambda: seen),
            version=SimpleNamespace(cuda=cuda),
        )
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setattr(device_findings, "cards", lambda: cards)
        monkeypatch.setattr(device_findings, "version", version)

    return made


def problems() -> list[str]:
    return [line for line in device_lines() if line.startswith("!")]


def test_every_card_is_told_with_its_memory_and_what_auto_makes_of_them(machine):
    machine(TWO, 2, ray="2.50.0")

    assert list(device_lines()) == [
        "  graphics card cuda:0: NVIDIA A, 24.0 GiB, 20.0 GiB free",
        "  graphics card cuda:1: NVIDIA B, 8.0 GiB, 0.5 GiB free",
        "  processor cpu: 4 cores",
        "  --devices auto: cuda:0, cuda:1, one job at a time on each",
        "  torch: 2 threads; OMP_WAIT_POLICY=PASSIVE",
        "  ray 2.50.0: --cluster can be used",
    ]


def test_without_a_card_the_processor_is_all_and_nothing_is_a_problem(machine):
    machine((), 0, None)

    assert list(device_lines()) == [
        "  processor cpu: 4 cores",
        "  --devices auto: cpu:0",
        "  torch: 2 threads; OMP_WAIT_POLICY=PASSIVE",
        "  ray is not installed; only --cluster needs it: pip install easyphoto[ray]",
    ]


def test_a_part_of_a_card_whose_memory_nobody_tells_is_told_without(machine):
    machine((Card(0, "MIG-5", 0, 0),), 1)

    assert next(device_lines()) == "  graphics card cuda:0: MIG-5"


def test_cards_beside_a_torch_for_the_processor_are_a_problem(machine):
    machine(TWO, 0, None)

    assert problems() == [
        "! torch sees 0 of the 2 graphics cards: it is a build for the processor alone. Install torch with CUDA into "
        "this Python; beside start.py, delete .venv and run it again"
    ]


def test_a_card_that_the_environment_hides_is_a_problem_that_names_the_variable(machine, monkeypatch):
    machine(TWO, 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,7")

    assert problems() == [
        "! torch sees 1 of the 2 graphics cards: the environment sets CUDA_VISIBLE_DEVICES=0,7. Name cards there that "
        "nvidia-smi lists, or unset it"
    ]


def test_a_driver_that_is_older_than_torch_is_a_problem(machine):
    machine(TWO, 0)

    assert problems() == [
        "! torch sees 0 of the 2 graphics cards: its CUDA 12.8 may be later than the driver. Update the driver, and "
        "start the machine again"
    ]


def test_cards_that_the_drivers_tool_does_not_list_are_told_with_the_setting_that_names_them(machine):
    machine((), 2, None)

    assert problems() == [
        "! torch sees 2 graphics cards, nvidia-smi 0, so that --devices auto does not use them all: write "
        "--devices cuda:0,cuda:1"
    ]
