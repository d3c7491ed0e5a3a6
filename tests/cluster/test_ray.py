"""A real Ray cluster of this machine: two actors of one thread do the miniature's work, and parts of it are killed."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.cluster.node import FOLDER_VARIABLE
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.jobs.device_lanes import open_service
from easyphoto.jobs.records import State
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.workspace.folders import folders_in
from easyphoto.workspace.shipped import shipped_templates
from tests.services import done
from tests.trained import QUICK, copy_of_trained

pytest.importorskip("ray", reason="the cluster's tests need Ray: pip install easyphoto[ray]")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
SECONDS = 180.0
LONG = TrainSettings(steps=5000, validations=1, validation_steps=3)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    return tmp_path_factory.mktemp("nodes") / "nodes"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return copy_of_trained(tmp_path_factory, tmp_path_factory.mktemp("cluster") / "workspace")


@pytest.fixture(scope="module")
def photos(workspace):
    return photo_files(workspace.person_folder("anna") / "photos")


@pytest.fixture(scope="module")
def service(workspace, nodes):
    from easyphoto.cluster.opening import clustered_service

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(nodes))
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
        service = clustered_service(EasyPhoto(workspace), "auto", 2)
        yield service
        service.close()
    # Nothing of it lives on, and nothing of anybody is left on its machine.
    until = time.monotonic() + 20
    while left := [command_of(pid) for pid in descendants(os.getpid()) if "ray" in command_of(pid)]:
        assert time.monotonic() < until, left
        time.sleep(0.2)
    assert not list(nodes.rglob("person.json"))


def photograph(service, seed):
    (template, *_) = (each.file for each in shipped_templates() if each.faces == 1)
    return service.submit(PhotographPersons(("anna",), (template,), settings=InferenceSettings(seed=seed)))


def running(service, job):
    """Wait until the job works on its machine."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        facts = {each.name: each for each in service.lanes()}
        now = service.queue.get(job.id)
        if now.lane in facts and facts[now.lane].node and now.total:
            return
        assert not now.state.is_over, now
        time.sleep(0.05)
    raise AssertionError("it does not begin")


def descendants(pid):
    children = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children.setdefault(int(entry.read_text().rpartition(")")[2].split()[1]), []).append(int(entry.parent.name))
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            yield child
            waiting.append(child)


def command_of(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def kill(words):
    found = [pid for pid in descendants(os.getpid()) if words in command_of(pid)]
    assert found, words
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def pixels(service, job):
    (made,) = job.result["pictures"]
    return np.asarray(Image.open(service.queue.file(job.id, made["file"])).convert("RGB"))


def test_two_machines_paint_what_the_local_queue_paints(service, workspace, tmp_path_factory):
    jobs = [done(service, job, SECONDS) for job in [photograph(service, seed) for seed in (1, 2)]]
    local = open_service(
        EasyPhoto(copy_of_trained(tmp_path_factory, tmp_path_factory.mktemp("local") / "workspace")), "cpu", ()
    )
    import torch

    # As many as an actor has: sums of other parts differ in their last bits.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        wanted = [done(local, photograph(local, seed), SECONDS) for seed in (1, 2)]
        assert {job.lane for job in jobs} == {"actor:0", "actor:1"}
        for job, want in zip(jobs, wanted, strict=True):
            assert np.array_equal(pixels(service, job), pixels(local, want))
    finally:
        torch.set_num_threads(threads)
        local.close()


@pytest.mark.parametrize("words", ["ray::Node", "/gcs_server", "easyphoto.cluster.link"])
def test_whatever_is_killed_the_job_is_done_once(service, workspace, words):
    before = len(folders_in(workspace.results))
    job = photograph(service, 7)
    running(service, job)

    kill(words)
    jobs = [done(service, each, SECONDS) for each in (job, photograph(service, 8))]

    assert [(job.state, job.error) for job in jobs] == [(State.DONE, None)] * 2
    assert len(folders_in(workspace.results)) == before + 2
    for job in jobs:
        numbers = [event.number for event in service.queue.events(job.id)]
        assert numbers == list(range(1, len(numbers) + 1))
    # Without its head a cluster works on for some seconds, in which a portrait may be done.
    assert words == "/gcs_server" or any("begins again" in str(note) for note in jobs[0].notes)


def test_a_training_is_cancelled_on_its_machine_and_goes_on_there(service, workspace, photos):
    from easyphoto.commands.resume import ResumeTraining

    job = service.submit(TrainPerson("ben", photos, settings=LONG))
    until = time.monotonic() + SECONDS
    while not any(event.type == "train" for event in service.queue.events(job.id)):
        assert time.monotonic() < until
        time.sleep(0.1)
    service.queue.cancel(job.id)
    job = done(service, job, SECONDS)
    assert job.state is State.CANCELLED

    again = service.submit(ResumeTraining(job.run))
    until = time.monotonic() + SECONDS
    while not any("resumed_at" in str(event.values) for event in service.queue.events(again.id)):
        assert time.monotonic() < until
        assert not service.queue.get(again.id).state.is_over, service.queue.get(again.id)
        time.sleep(0.1)
    service.queue.cancel(again.id)

    assert done(service, again, SECONDS).run == job.run


def test_who_is_deleted_is_gone_from_the_machines(service, workspace, photos, nodes):
    job = done(service, service.submit(TrainPerson("carla", photos, settings=QUICK)), SECONDS)
    assert job.state is State.DONE
    assert list(nodes.glob("*/persons/carla/lora.safetensors"))

    found = service.delete(DeletePerson("carla"))

    assert found.left == ()
    assert not [path for path in nodes.rglob("*") if path.name == "carla"]
