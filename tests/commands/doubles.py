"""What the commands' tests put in place of networks and of the training process."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easyphoto import app as app_module
from easyphoto.app import EasyPhoto
from easyphoto.commands import photograph_series, training
from easyphoto.host.base import ThisMachine
from easyphoto.images.pictures import write_picture
from easyphoto.inference.session import PipelineModels
from easyphoto.training.events import Done, Event, MemoryPlanned, Sample, Step, to_line
from tests.fakes import FakeBackend, FakeEngine


@dataclass
class OnePersonEngine(FakeEngine):
    """Everybody is the same person."""

    def embed(self, picture, face):
        return np.array([1, 0], np.float32) if self.embedder else None


@dataclass
class Trainer:
    """Writes what a training leaves, or fails; remembers the runs."""

    error: BaseException | None = None
    content: bytes = b"lora one"

    def __call__(self, folder, progress, *, on_event, python=None, devices=None):
        if self.error is not None:
            raise self.error
        on_event(MemoryPlanned("everything fits", 4, False, False, "float32", 100, 1000))
        (folder / "lora.safetensors").write_bytes(self.content)
        write_picture(folder / "portrait.png", Image.new("RGB", (128, 128), "tan"))
        done = Done("", "", "", 2, 0.8, 0.8, "fake-colours", ("a note",), {"train": 1.5})
        events: list[Event] = [Step(step, 2, 0.1, 1e-4, 0.1, 0.0, 10) for step in (1, 2)]
        events += [Sample(2, "portrait.png", 0, 0.8), done]
        (folder / "events.jsonl").write_text("\n".join(to_line(event) for event in events))
        return Result(folder / "lora.safetensors", folder / "portrait.png")


@dataclass
class Result:
    lora: Path
    portrait: Path


@dataclass(frozen=True)
class LendingHost(ThisMachine):
    """Remembers what it was asked for."""

    said: list = field(default_factory=list)

    def trainer(self, workspace):
        self.said.append("trainer")
        return Path("/python")

    @contextmanager
    def lent_device(self, what_for):
        self.said.append(f"lent for {what_for}")
        try:
            yield
        finally:
            self.said.append("given back")

    def publish(self, lora):
        self.said.append(f"published {lora.read_bytes().decode()}")
        return Path("/host") / "easyphoto-anna.safetensors"

    def withdraw(self, lora):
        self.said.append(f"withdrawn {lora.read_bytes().decode()}")
        return Path("/host") / "easyphoto-anna.safetensors"


def stand_in(monkeypatch: pytest.MonkeyPatch, engine: Any, trainer: Any, base: Path) -> None:
    """Engine, trainer and backend are those of the tests; trainings start from `base`."""
    base.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(app_module, "choose_engine", lambda *_, **__: engine)
    monkeypatch.setattr(app_module, "open_engine", lambda *_, **__: engine)
    monkeypatch.setattr(training, "run_training", trainer)
    monkeypatch.setattr(photograph_series, "open_models", lambda *rest: PipelineModels(FakeBackend(), engine, rest[-1]))
    monkeypatch.setattr(EasyPhoto, "base_model", lambda self: (self.family, base))
    monkeypatch.setattr(ThisMachine, "open_backend", lambda *_: FakeBackend())
