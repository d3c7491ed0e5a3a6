"""A service whose two lanes are machines of a cluster in this process, with the stand-ins of the services' tests."""

import os

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.cluster import runner as runner_module
from easyphoto.cluster.node import FOLDER_VARIABLE
from easyphoto.cluster.runner import ActorRunner
from easyphoto.commands.train import TrainPerson
from easyphoto.jobs.lanes import Lane, LaneKind
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.workspace.upgrades import open_workspace
from tests.cluster.near import NearCluster
from tests.commands.doubles import OnePersonEngine, stand_in
from tests.services import GatedTrainer, done, five_photos


@pytest.fixture(autouse=True)
def umask():
    """A machine's process keeps its files to its user, and here it is this one."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture
def trainer():
    trainer = GatedTrainer()
    trainer.gate.set()
    return trainer


@pytest.fixture
def nodes(tmp_path, monkeypatch):
    """The folder of the machines' scratch workspaces."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "nodes"))
    return tmp_path / "nodes"


@pytest.fixture
def workspace(tmp_path):
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def cluster(workspace, nodes):
    return NearCluster(workspace)


@pytest.fixture
def start(tmp_path, monkeypatch, workspace, cluster, trainer):
    """Start a server on the workspace; a second one is the next after the first was lost."""
    stand_in(monkeypatch, OnePersonEngine(), trainer, tmp_path / "base")
    monkeypatch.setattr(runner_module, "SECONDS_BETWEEN_STARTS", 0.0)
    started = []

    def service_of(lanes=("node-1", "node-2")):
        app = EasyPhoto(workspace, mirrors=())
        runners = {name: ActorRunner(app, cluster, name, is_first=not number) for number, name in enumerate(lanes)}
        queue = JobQueue(workspace, [Lane(LaneKind.WORK, name) for name in lanes], keeps_commands=True)
        service = Service(app, queue, runners=runners)
        started.append(service)
        return service

    yield service_of
    trainer.gate.set()
    for service in started:
        service.queue.close()
    cluster.close()


@pytest.fixture
def service(start):
    return start(("node-1",))


@pytest.fixture
def anna(service, cluster):
    job = done(service, service.submit(TrainPerson("anna", five_photos(service))))
    assert job.error is None
    cluster.attempts.clear()
    return "anna"
