"""A service whose verbs run in a moment: a fake engine, a fake backend, and a trainer that only writes files."""

from __future__ import annotations

import base64
import io
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, read_job
from easyphoto.jobs.service import Service
from easyphoto.storage.journal import works_on
from easyphoto.storage.records import plain
from easyphoto.workspace.folders import Workspace
from tests.commands.doubles import OnePersonEngine, Trainer, stand_in


@dataclass
class Workshop:
    service: Service
    engine: OnePersonEngine
    trainer: GatedTrainer

    @property
    def root(self) -> Path:
        return self.service.app.workspace.root


@dataclass
class GatedTrainer(Trainer):
    """With `gate` closed it works until it is cancelled, or somebody opens it."""

    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def __call__(self, folder, progress, *, on_event, python=None, devices=None):
        self.begun.set()
        while not self.gate.wait(0.01):
            progress.check()
            progress.step(1, 10, "training · step 1")
        return super().__call__(folder, progress, on_event=on_event, python=python, devices=devices)


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    engine, trainer = OnePersonEngine(), GatedTrainer()
    trainer.gate.set()
    stand_in(monkeypatch, engine, trainer, tmp_path / "base")
    service = Service(
        EasyPhoto(Workspace(tmp_path / "workspace"), mirrors=()), JobQueue(Workspace(tmp_path / "workspace"))
    )
    yield Workshop(service, engine, trainer)
    trainer.gate.set()
    service.queue.close()


def picture(seed: int = 0, size: tuple[int, int] = (256, 256)) -> bytes:
    """A PNG of coarse noise: sharp, and unlike any other seed's."""
    noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.NEAREST).save(stream, "PNG")
    return stream.getvalue()


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def five_photos(service: Service) -> tuple[Path, ...]:
    return tuple(service.keep(f"photo {seed}", picture(seed)).path for seed in range(5))


def done(service: Service, job: Job, seconds: float = 60.0) -> Job:
    """The job when it is over."""
    until, after = time.monotonic() + seconds, 0
    while not service.queue.get(job.id).state.is_over:
        assert time.monotonic() < until, "the job does not end"
        for event in service.queue.wait(job.id, after, 1.0):
            after = event.number
    ended = service.queue.get(job.id)
    # The queue lets go of its persons a moment after the job's end is written down.
    while works_on(service.app.workspace.root, ended.subject.names):
        assert time.monotonic() < until, "the job's persons are not let go of"
        time.sleep(0.005)
    # What the product writes is what the product reads: each kind of job has its shape.
    folder = service.app.workspace.jobs / job.id
    if folder.is_dir():
        assert plain(read_job(folder / "job.json").record()) == plain(ended.record())
    return ended
