"""Trainings on cards that the web UI does not use: it keeps its model and goes on painting; all else is as before."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.devices import Device, DeviceGroup
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.runners import LaneFacts
from easyphoto.jobs.service import Service
from easyphoto.settings.inference import InferenceSettings
from easyphoto.ui.job_rows import JobRows
from easyphoto.ui.language import Translator
from easyphoto.webui.host import WebuiHost
from easyphoto.webui.lending import lent_for, require_device
from easyphoto.webui.service import HOURLY, QUEUE, open_service
from tests.commands.doubles import OnePersonEngine, Trainer, stand_in
from tests.services import done, picture
from tests.webui.test_lending import Models

OTHER = DeviceGroup((Device("cuda", 1),), "FASTEST_FIRST")


@dataclass
class SlowTrainer(Trainer):
    """Trains each person until their name is in `ended`; remembers on which devices."""

    ended: set[str] = field(default_factory=set)
    devices: dict[str, DeviceGroup | None] = field(default_factory=dict)

    def __call__(self, folder, progress, *, on_event, python=None, devices=None):
        person = folder.name.split("-", 1)[1]
        self.devices[person] = devices
        while person not in self.ended:
            progress.check()
            threading.Event().wait(0.01)
        return super().__call__(folder, progress, on_event=on_event, python=python, devices=devices)


@dataclass
class WebUi:
    there: Any
    models: Models
    trainer: SlowTrainer

    def service(self, devices: str = "cuda:1") -> Service:
        self.there.options.data["easyphoto_devices"] = devices
        return open_service()

    def begun(self, service: Service, name: str) -> Job:
        """A training that has come to its first step."""
        # Photos of their own: a job waits for another one's uploads.
        photos = [service.keep(f"{name} {seed}", picture(sum(name.encode()) + seed)).path for seed in range(5)]
        job = service.submit(TrainPerson(name, tuple(photos)))
        while name not in self.trainer.devices:
            assert not service.queue.get(job.id).state.is_over, service.queue.get(job.id).error
            threading.Event().wait(0.01)
        return service.queue.get(job.id)

    def ended(self, service: Service, job: Job) -> Job:
        """The training when it is over; it comes to its end from now on."""
        self.trainer.ended |= set(job.subject.persons)
        return done(service, job)

    def trained(self, service: Service, name: str) -> Job:
        return self.ended(service, self.begun(service, name))

    def photographed(self, service: Service, name: str) -> Job:
        template = service.keep("beach", picture(9)).path
        made = PhotographPersons((name,), (template,), settings=InferenceSettings(count=1))
        return done(service, service.submit(made))


@pytest.fixture
def web_ui(host, monkeypatch, tmp_path):
    """A web UI on the first of its two cards, with a model on it."""
    there, trainer = host(), SlowTrainer()
    cuda = SimpleNamespace(
        is_available=lambda: True,
        device_count=lambda: 2,
        get_device_properties=lambda number: SimpleNamespace(name=f"NVIDIA {number}", total_memory=8 << 30),
        empty_cache=lambda: None,
    )
    monkeypatch.setattr("easyphoto.webui.cards.loaded", lambda name: SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(sys.modules["modules.devices"], "device", "cuda")
    monkeypatch.setattr(WebuiHost, "trainer", lambda self, workspace: Path("/python"))
    stand_in(monkeypatch, OnePersonEngine(), trainer, tmp_path / "base")
    yield WebUi(there, Models(monkeypatch), trainer)
    shared = sys.modules["modules.shared"]
    trainer.ended |= {"anna", "ben", "cleo"}
    if (queue := getattr(shared, QUEUE, None)) is not None:
        queue.close()
        getattr(shared, HOURLY)[1].close()


def test_a_training_on_another_card_leaves_the_web_uis_model_where_it_is(web_ui):
    service = web_ui.service()

    job = web_ui.begun(service, "anna")

    assert job.lane == "cuda:1"
    assert web_ui.trainer.devices == {"anna": OTHER}
    assert lent_for() is None
    require_device()
    assert web_ui.there.txt2img.run(SimpleNamespace(is_api=False), 0) is None
    ended = web_ui.ended(service, job)
    assert ended.state is State.DONE, ended.error
    assert web_ui.models.moves == []
    # What follows a training is as always: the web UI lists the LoRA.
    assert [file.name.startswith("easyphoto-anna-") for file in web_ui.there.lora_folder.iterdir()] == [True]


def test_pictures_are_made_while_somebody_is_trained_on_another_card(web_ui):
    service = web_ui.service()
    web_ui.trained(service, "ben")
    training = web_ui.begun(service, "anna")

    made = web_ui.photographed(service, "ben")

    assert (made.state, made.lane) == (State.DONE, "work"), made.error
    assert service.queue.get(training.id).state is State.RUNNING


def test_a_training_for_which_no_other_card_is_free_takes_the_web_uis_own_as_without_any(web_ui):
    service = web_ui.service()
    web_ui.begun(service, "anna")

    job = web_ui.begun(service, "ben")

    assert job.lane == "work"
    assert web_ui.trainer.devices == {"anna": OTHER, "ben": None}
    assert (web_ui.models.moves, lent_for()) == (["the model away"], "the training of ben")
    web_ui.ended(service, job)
    assert (web_ui.models.moves, lent_for()) == (["the model away", "the model back"], None)


def test_a_person_whom_the_web_ui_has_just_painted_is_trained_on_the_other_card_all_the_same(web_ui):
    """A free lane that knows the person is preferred otherwise, and this one would lose the web UI's model."""
    service = web_ui.service()
    web_ui.trained(service, "anna")
    web_ui.photographed(service, "anna")

    again = web_ui.trained(service, "anna")

    assert again.lane == "cuda:1"
    assert web_ui.models.moves == []


def test_without_the_setting_a_training_is_as_before_and_the_page_too(web_ui):
    service = web_ui.service("auto")

    job = web_ui.trained(service, "anna")

    assert (job.lane, web_ui.trainer.devices) == ("work", {"anna": None})
    assert web_ui.models.moves == ["the model away", "the model back"]
    assert service.lanes() == (LaneFacts("work", "NVIDIA 0, 8 GB"),)
    html = JobRows(Translator(), (), "to").html(service.queue.list(), None, lanes=service.lanes())
    assert html == JobRows(Translator(), (), "to").html(service.queue.list(), None)


def test_the_lanes_tell_what_each_card_is_for(web_ui):
    service = web_ui.service()
    job = web_ui.begun(service, "anna")

    assert service.lanes() == (
        LaneFacts("work", "NVIDIA 0, 8 GB"),
        LaneFacts("cuda:1", "NVIDIA 1, 8 GB", state="busy", job=job.id, takes=("resume", "train")),
    )


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        ("cuda:0", "cuda:0 is what the web UI itself computes on."),
        ("cuda:7", "This web UI sees no cuda:7."),
        ("the left one", "devices cannot be 'the left one'."),
    ],
)
def test_a_setting_that_cannot_be_used_is_a_warning_in_the_tab_and_takes_no_card(web_ui, devices, said):
    service = web_ui.service(devices)

    warning = next(each for each in service.facts().warnings if said in each)
    assert warning.startswith("Trainings run on the web UI's own device. ")
    assert [lane.name for lane in service.lanes()] == ["work"]


def test_a_web_ui_that_was_started_on_its_second_card_trains_on_that(web_ui, monkeypatch):
    """The trainer took the first card, whatever --device-id said."""
    monkeypatch.setattr(sys.modules["modules.devices"], "device", "cuda:1")
    service = web_ui.service("auto")

    web_ui.trained(service, "anna")

    assert web_ui.trainer.devices == {"anna": OTHER}
    assert web_ui.models.moves == ["the model away", "the model back"]


def test_cards_that_are_named_later_count_after_a_reload_once_no_job_is_left(web_ui):
    before = web_ui.service("cuda:1")
    web_ui.begun(before, "anna")

    during = web_ui.service("auto")
    ben = web_ui.begun(during, "ben")
    assert during.queue is before.queue
    assert (ben.lane, web_ui.trainer.devices["anna"]) == ("work", OTHER)
    for job in during.queue.list():
        web_ui.ended(during, job)
    cleo = web_ui.trained(during, "cleo")
    after = web_ui.service("auto")

    assert cleo.lane == "cuda:1"
    assert isinstance(after.queue, JobQueue)
    assert after.queue is not before.queue
    assert [lane.name for lane in after.lanes()] == ["work"]
