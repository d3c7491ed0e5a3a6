"""The lanes of a setting: one stays in this process, several have a process each, and all keep to what was named."""

import os

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.devices import MIB, ORDER, VISIBLE, Card, groups_of
from easyphoto.errors import BadSettings, MissingCapability
from easyphoto.jobs.device_lanes import open_service, process_runners
from easyphoto.jobs.lane_process import ProcessRunner
from easyphoto.jobs.runners import HereRunner
from easyphoto.workspace.folders import Workspace
from tests.services import done

CARDS = tuple(Card(number, "NVIDIA A100", 81920 * MIB, 81920 * MIB) for number in range(3))


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Opens a service; afterwards the environment is as it was."""
    for name in (VISIBLE, ORDER):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    services = []

    def opened(devices, cards=()):
        services.append(open_service(EasyPhoto(Workspace(tmp_path / "workspace"), mirrors=()), devices, cards))
        return services[-1]

    yield opened
    for service in services:
        service.close()


def works(service):
    return [lane for lane in service.lanes() if lane.name not in ("look", "fetch")]


@pytest.mark.parametrize(("devices", "cards"), [("auto", CARDS[:1]), ("cuda:0", CARDS[:1]), ("auto", ()), ("cpu", ())])
def test_one_lane_for_everything_is_a_thread_of_this_process_as_ever(opened, devices, cards):
    service = opened(devices, cards)

    assert [type(service.runners[lane.name]) for lane in works(service)] == [HereRunner]
    assert works(service)[0].name == "work"
    assert service.runners["work"].app.devices is None
    assert VISIBLE not in os.environ


@pytest.mark.parametrize(
    ("devices", "visible", "inside"),
    [("cpu", "", "cpu:0"), ("cuda:1", "1", "cuda:0"), ("cuda:2+cuda:1", "2,1", "cuda:0+cuda:1")],
)
def test_one_lane_for_some_devices_keeps_this_process_to_them(opened, devices, visible, inside):
    service = opened(devices, CARDS)

    assert [type(service.runners[lane.name]) for lane in works(service)] == [HereRunner]
    assert os.environ[VISIBLE] == visible
    assert service.runners["work"].app.devices.name == inside


def test_auto_is_a_lane_for_each_card_and_each_has_a_process_of_its_own(opened):
    service = opened("auto", CARDS)

    assert [(lane.name, lane.device, lane.state) for lane in works(service)] == [
        (f"cuda:{number}", "NVIDIA A100, 80 GB", "idle") for number in range(3)
    ]
    assert {type(runner) for runner in service.runners.values()} == {ProcessRunner}
    # What looks at photos computes in this process.
    assert os.environ[VISIBLE] == "0"


def test_cards_of_one_lane_are_told_together(opened):
    service = opened("cuda:0+cuda:1,cuda:2", CARDS)

    assert [lane.device for lane in works(service)] == ["NVIDIA A100, 80 GB + NVIDIA A100, 80 GB", "NVIDIA A100, 80 GB"]


def test_lanes_on_the_processor_share_its_cores_and_its_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("easyphoto.devices.cores", lambda: 8)
    groups = groups_of("cpu:0,cpu:1", ())

    runners = process_runners(EasyPhoto(Workspace(tmp_path), mirrors=()), groups)

    assert [runner.facts().device for runner in runners.values()] == ["processor, 4 threads"] * 2
    assert [runner._environment["OMP_NUM_THREADS"] for runner in runners.values()] == ["4", "4"]
    assert [runner._app.memory_shares for runner in runners.values()] == [2, 2]


def test_a_lane_on_a_card_may_use_every_core(tmp_path):
    runners = process_runners(EasyPhoto(Workspace(tmp_path), mirrors=()), groups_of("cuda:0,cpu", CARDS), CARDS)

    assert "OMP_NUM_THREADS" not in runners["cuda:0"]._environment
    assert runners["cuda:0"]._environment[VISIBLE] == "0"
    assert runners["cpu:0"]._environment[VISIBLE] == ""


def test_a_lane_whose_card_torch_does_not_find_says_so_and_does_not_compute_without_it(opened, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    service = opened("cuda:1", CARDS)

    job = done(service, service.submit(SetupTrainer()))

    assert (job.state.value, job.error["code"]) == ("failed", "MissingCapability")
    assert job.error["message"] == "torch cannot use cuda:0."


@pytest.mark.parametrize(
    ("devices", "error"), [("gpu", BadSettings), ("cuda:0,cuda:0", BadSettings), ("cuda:7", MissingCapability)]
)
def test_devices_that_are_none_are_said_before_anything_is_opened(tmp_path, devices, error):
    with pytest.raises(error):
        open_service(EasyPhoto(Workspace(tmp_path / "workspace"), mirrors=()), devices, CARDS)

    assert not (tmp_path / "workspace").exists()
