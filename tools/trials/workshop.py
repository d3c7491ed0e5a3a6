"""An EasyPhoto whose verbs take a moment, with the stand-ins of the tests, and a workspace in which somebody lived.

Every photo of a person holds the person's mark in its bytes, and so does their LoRA: where a mark is found, there is a
picture of them.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from easyphoto import app as app_module
from easyphoto.app import EasyPhoto
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.commands import photograph_series, training
from easyphoto.commands.base import NullContext
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import EasyPhotoError
from easyphoto.host.base import ThisMachine
from easyphoto.images.pictures import write_picture
from easyphoto.inference.session import PipelineModels
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.persons.photo_sources import photo_files
from easyphoto.progress import Cancelled, Progress
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.folders import Workspace
from tests.commands.doubles import Result, Trainer
from tests.fakes import FakeBackend
from tests.persons.arriving import OnePersonEngine, write_earlier, write_lora

SIDE = 160
QUICK = InferenceSettings(count=1)
TEMPLATE = "own-beach"


def mark_of(person: str) -> bytes:
    return f"<the face of {person}>".encode()


class MarkingTrainer(Trainer):
    """Its LoRA and its portrait hold the mark of whom it trained."""

    def __call__(self, folder: Path, progress: Progress, *, on_event, python=None, devices=None) -> Result:  # type: ignore[no-untyped-def]
        whom = folder.name.rpartition("-")[2]
        made = super().__call__(folder, progress, on_event=on_event, python=python, devices=devices)
        write_mark_lora(folder / "lora.safetensors", whom)
        write_picture(folder / "portrait.png", Image.new("RGB", (96, 96), "tan"), {"mark": mark_of(whom).decode()})
        return made


def write_mark_lora(target: Path, whom: str) -> Path:
    version = {"ss_base_model_version": MINIATURE.kohya_version}
    return write_lora(target, width=8, mark=mark_of(whom).decode(), **version)


def take_stand_ins(base: Path) -> None:
    """In this process the engine, the backend and the trainer are those of the tests; `base` is any folder."""
    base.mkdir(parents=True, exist_ok=True)
    engine = OnePersonEngine()
    app_module.choose_engine = lambda *_, **__: engine
    app_module.open_engine = lambda *_, **__: engine
    training.run_training = MarkingTrainer()
    photograph_series.open_models = lambda *rest: PipelineModels(FakeBackend(), engine, rest[-1])
    EasyPhoto.base_model = lambda self: (self.family, base)  # type: ignore[method-assign]
    ThisMachine.open_backend = lambda *_: FakeBackend()  # type: ignore[method-assign,assignment,return-value]


def open_app(root: Path) -> EasyPhoto:
    return EasyPhoto(Workspace(root), mirrors=())


def picture(seed: int, mark: bytes = b"", side: int = SIDE) -> bytes:
    """A PNG of coarse noise: sharp, and unlike any other seed's."""
    noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    note = PngImagePlugin.PngInfo()
    note.add_text("mark", mark.decode())
    stream = io.BytesIO()
    Image.fromarray(noise).resize((side, side), Image.Resampling.NEAREST).save(stream, "PNG", pnginfo=note)
    return stream.getvalue()


def photos_of(person: str, first: int, count: int = 3) -> list[tuple[str, bytes]]:
    return [(f"{person}-{number}.png", picture(first + number, mark_of(person))) for number in range(count)]


class LateQueue:
    """Stands in a service whose routes are built before there is a queue: that takes longer than all the rest."""

    opened: JobQueue | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.opened, name)


@dataclass(frozen=True)
class Prepared:
    """What a trial begins with; `root` is copied for each try."""

    root: Path
    """A workspace with anna and ben, their pictures and jobs, and templates; carla's training was cancelled."""
    archive: Path
    """An export of dora, who is not there."""
    earlier: Path
    """The folder that the extension of 2023 left of emil."""
    run: str
    """A run of anna that was cut off."""


def prepare(place: Path) -> Prepared:
    """Made by the verbs themselves."""
    root, other = place / "prepared", place / "other"
    service = Service(open_app(root), JobQueue(Workspace(root)))
    for number, person in enumerate(("anna", "ben")):
        kept = [service.keep(name, content).path for name, content in photos_of(person, 100 * number)]
        finish(service, service.submit(CheckPhotos(tuple(kept))))
        finish(service, service.submit(TrainPerson(person, tuple(kept))))
    service.add_template("beach", picture(900, side=200))
    service.add_template("room", picture(901, side=200))
    for names in (["anna"], ["ben"], ["anna"]):
        finish(
            service, service.submit(PhotographPersons(tuple(names), (service.template(TEMPLATE).path,), settings=QUICK))
        )
    run = cut_off(service, "anna", 200)
    cut_off(service, "carla", 300)
    service.queue.close()
    elsewhere = open_app(other)
    folder = place / "photos"
    folder.mkdir()
    for name, content in photos_of("dora", 400):
        (folder / name).write_bytes(content)
    TrainPerson("dora", photo_files(folder)).run(elsewhere, NullContext())
    archive = ExportPerson("dora", place / "dora.zip").run(elsewhere, NullContext())
    earlier = write_earlier(place / "webui", "emil", photos=3)
    shutil.rmtree(other)
    return Prepared(root, archive, earlier, run)


def cut_off(service: Service, person: str, first: int) -> str:
    """A training that was cancelled; the name of its run."""
    trainer = training.run_training
    training.run_training = MarkingTrainer(error=Cancelled())
    try:
        kept = [service.keep(name, content).path for name, content in photos_of(person, first)]
        return str(finish(service, service.submit(TrainPerson(person, tuple(kept)))).run)
    finally:
        training.run_training = trainer


def finish(service: Service, job: Job, seconds: float = 60.0) -> Job:
    after = 0
    while not service.queue.get(job.id).state.is_over:
        for event in service.queue.wait(job.id, after, seconds):
            after = event.number
    return service.queue.get(job.id)


def refusal(call, *allowed: str) -> str:  # type: ignore[no-untyped-def]
    """What went wrong with a call; nothing where it went well, or was refused by one of these names."""
    try:
        call()
    except EasyPhotoError as error:
        return "" if error.code in allowed else f"{error.code}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def close(services: Sequence[Service]) -> None:
    for service in services:
        with suppress(Exception):
            service.queue.close()
