"""Two lanes on two processors' worth of threads: real work side by side, and the same results as in one lane."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import demo_template, draw_photos
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.train import TrainPerson
from easyphoto.devices import groups_of
from easyphoto.jobs.device_lanes import lanes_of, process_runners
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.locks import is_held
from easyphoto.training.run import RunFolder
from tests.services import done
from tests.trained import QUICK, copy_of_trained

pytestmark = [
    pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.skipif(sys.platform == "win32", reason="asks for signals"),
]  # fmt: skip
SECONDS = 600.0
GROUPS = groups_of("cpu:0,cpu:1", ())


@dataclass(frozen=True)
class Studio:
    service: Service
    photos: tuple[Path, ...]

    def train(self) -> Job:
        return self.service.submit(TrainPerson("ben", self.photos, settings=QUICK))

    def portrait(self, person: str, seed: int) -> Job:
        settings = InferenceSettings(first_steps=2, seed=seed)
        return self.service.submit(PhotographPersons((person,), (demo_template(),), settings=settings))

    def done(self, job: Job) -> Job:
        ended = done(self.service, job, SECONDS)
        assert ended.state is State.DONE, ended.error
        return ended

    def result(self, job: Job) -> str:
        """What a finished job made, as a digest: a LoRA's bytes, a portrait's pixels."""
        ended = self.done(job)
        assert ended.result is not None
        if "lora" in ended.result:
            workspace = self.service.app.workspace
            return digest((workspace.person_folder("ben") / ended.result["lora"]).read_bytes())
        with Image.open(self.service.queue.file(job.id, ended.result["pictures"][0]["file"])) as picture:
            return digest(picture.convert("RGB").tobytes())

    def until_it_trains(self, job: Job) -> Job:
        """Wait for the first step."""
        until, after = time.monotonic() + SECONDS, 0
        while True:
            assert time.monotonic() < until
            for event in self.service.queue.wait(job.id, after, 1.0):
                after = event.number
                if event.type == "train" and '"step": 1,' in event.values["line"]:
                    return self.service.queue.get(job.id)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return photo_files(draw_photos(tmp_path_factory.mktemp("photos"), 1))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, photos: tuple[Path, ...]) -> dict[str, str]:
    """What one lane in this process makes of the same commands, with one thread."""
    import torch

    workspace = copy_of_trained(tmp_path_factory, tmp_path_factory.mktemp("one") / "workspace")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        studio = Studio(Service(EasyPhoto(workspace), JobQueue(workspace)), photos)
        try:
            jobs = {"ben": studio.train(), "anna 1": studio.portrait("anna", 1), "anna 2": studio.portrait("anna", 2)}
            made = {name: studio.result(job) for name, job in jobs.items()}
            return {**made, "ben 1": studio.result(studio.portrait("ben", 1))}
        finally:
            studio.service.close()
            torch.set_num_threads(threads)


@pytest.fixture
def two(tmp_path_factory: pytest.TempPathFactory, photos: tuple[Path, ...], tmp_path: Path) -> Iterator[Studio]:
    workspace = copy_of_trained(tmp_path_factory, tmp_path / "workspace")
    app = EasyPhoto(workspace)
    runners = process_runners(app, GROUPS)
    for runner in runners.values():
        runner._environment["OMP_NUM_THREADS"] = "1"
    studio = Studio(Service(app, JobQueue(workspace, lanes_of(GROUPS)), runners=runners), photos)
    yield studio
    studio.service.close()


def test_a_training_and_portraits_run_side_by_side_and_are_the_same_as_in_one_lane(
    one: dict[str, str], two: Studio
) -> None:
    training = two.train()
    portraits = [two.portrait("anna", seed) for seed in (1, 2)]
    made = {"ben": two.result(training), **{f"anna {n}": two.result(job) for n, job in enumerate(portraits, 1)}}
    made["ben 1"] = two.result(two.portrait("ben", 1))

    assert made == one
    trained, first, second = (two.done(job) for job in (training, *portraits))
    assert (trained.lane, first.lane, second.lane) == ("cpu:0", "cpu:1", "cpu:1")
    assert max(str(trained.started), str(first.started)) < min(str(trained.ended), str(first.ended))


def test_a_training_that_is_cancelled_in_one_lane_is_resumed_in_the_other_and_gives_the_same_lora(
    one: dict[str, str], two: Studio
) -> None:
    begun = two.until_it_trains(two.train())
    two.service.queue.cancel(begun.id)
    cancelled = done(two.service, begun, SECONDS)
    assert (cancelled.state, cancelled.lane) == (State.CANCELLED, "cpu:0")

    portrait = two.portrait("anna", 1)
    resumed = two.service.submit(ResumeTraining(str(cancelled.run)))

    assert two.result(resumed) == one["ben"]
    assert two.result(portrait) == one["anna 1"]
    assert (two.done(portrait).lane, two.done(resumed).lane) == ("cpu:0", "cpu:1")


def test_a_lane_that_is_killed_in_a_training_leaves_no_trainer_and_the_training_goes_on_when_it_is_resumed(
    one: dict[str, str], two: Studio
) -> None:
    begun = two.until_it_trains(two.train())
    run = RunFolder(two.service.app.workspace.run_folder(str(begun.run)))
    trainer = int(run.lock.read_text().split()[0])

    os.kill(two.service.runners["cpu:0"]._process._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    lost = done(two.service, begun, SECONDS)

    assert lost.error is not None
    assert (lost.state, lost.error["code"]) == (State.FAILED, "WorkerLost")
    until = time.monotonic() + SECONDS
    while is_held(run.lock):
        assert time.monotonic() < until, "the trainer goes on"
        time.sleep(0.1)
    while Path(f"/proc/{trainer}").exists():
        assert time.monotonic() < until, "the trainer does not end"
        time.sleep(0.1)
    assert two.result(two.service.submit(ResumeTraining(str(begun.run)))) == one["ben"]
