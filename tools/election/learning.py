"""One drawn person's training as the product does it, in this process, with averages of its weights kept beside."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from easyphoto.app import EasyPhoto
from easyphoto.bench.persons import BenchPerson, write_photos
from easyphoto.commands.base import NullContext
from easyphoto.commands.train import TrainPerson
from easyphoto.commands.training import prepared_run
from easyphoto.errors import InputError
from easyphoto.persons.folder import Trained, install_person
from easyphoto.preprocess.dataset import Dataset
from easyphoto.progress import Progress
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.records import utc_now
from easyphoto.training.adapters import Adapted
from easyphoto.training.conclude import conclude
from easyphoto.training.context import RunContext
from easyphoto.training.data import read_entries, split
from easyphoto.training.loop import Learner
from easyphoto.training.lora import kohya_state, write_lora
from easyphoto.training.ranks import SingleRank
from easyphoto.training.run import RunFolder, TrainRun
from easyphoto.training.session import learn, open_judge, open_learner, open_tools
from easyphoto.training.stepping import capture_steps, plan_steps
from easyphoto.training.worker import prepare_torch
from easyphoto.workspace.person_record import Person
from election.ballot import elected_state
from election.merging import load_into_adapters

HORIZONS = (10, 25, 50)
"""Steps after which a weight's share in the moving average has fallen to 1/e."""
AVERAGES, ELECTED = "averages", "elected.safetensors"
State = dict[str, torch.Tensor]


class Watch(SingleRank):
    """Sees the weights before each update and after the last one; the update itself is that of a single process."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self.moving: dict[int, State] = {}

    def add_up(self, tensors: object) -> None:
        self._see()

    def part(self) -> None:
        self._see()

    @torch.no_grad()
    def _see(self) -> None:
        step, flat = self._learner.step, self._learner.adapted.weights.flat
        if step == 0:
            return
        for horizon in HORIZONS:
            if horizon not in self.moving:
                self.moving[horizon] = {name: value.clone() for name, value in flat.items()}
            for name, value in flat.items():
                self.moving[horizon][name].lerp_(value, 1 / horizon)


def train(app: EasyPhoto, name: str, member: BenchPerson, settings: TrainSettings, progress: Progress) -> Path:
    """Train and install the person; returns the run's folder. What an interrupted process began is done again."""
    with suppress(InputError):
        person = app.workspace.person(name)
        return app.workspace.runs / str(person.run)
    for begun in app.workspace.runs.glob(f"*-{name}"):
        shutil.rmtree(begun)
    asked = TrainPerson(name, write_photos(member, app.workspace.root / "photos" / name), settings=settings)
    prepared = prepared_run(app, name, asked.check, asked.settings, NullContext(progress), progress)
    learned(RunFolder(prepared.folder), progress)
    _install(app, name, prepared.folder, prepared.dataset)
    return prepared.folder


def learned(folder: RunFolder, progress: Progress) -> None:
    """The run from its record to its LoRA, as `train_session` does it, and the averages in a folder of their own."""
    run = TrainRun.read(folder.run)
    prepare_torch(run, None)
    context = RunContext(run, folder, lambda event: None, progress)
    tools = open_tools(run, folder, progress)
    learning, judging = split(read_entries(folder.path(run.dataset)), run.settings.seed)
    learner = open_learner(context, tools, learning)
    watch = learner.ranks = Watch(learner)
    judge = open_judge(context, tools, judging, learner.idle)
    plan_steps(context, learner, tools.components)
    capture_steps(context, learner)
    pictures = learn(context, learner, judge)
    place = folder.root / AVERAGES
    place.mkdir()
    _keep(place, learner.adapted, watch)
    if judge is not None:
        write_lora(place / ELECTED, elected_state(folder, learner, judge, pictures, progress), {})
    conclude(context, learner, judge, pictures, used=tools.used)


def _keep(place: Path, adapted: Adapted, watch: Watch) -> None:
    """Write a LoRA of each average, as a checkpoint is written."""
    last = kohya_state(adapted)
    for horizon, average in watch.moving.items():
        for name, values in average.items():
            adapted.weights.flat[name].copy_(values)
        target = place / f"moving-{horizon:03d}.safetensors"
        write_lora(target, kohya_state(adapted, dtype=torch.float16), {})
    load_into_adapters(last, adapted)


def _install(app: EasyPhoto, name: str, run_folder: Path, dataset: Dataset) -> None:
    run, folder = TrainRun.read(RunFolder(run_folder).run), RunFolder(run_folder)
    person = Person(name, name, run.family, created=utc_now())
    person = replace(person, base=run.base, domain=run.engine)
    portrait = folder.portrait if folder.portrait.is_file() else None
    install_person(app.workspace, person, Trained(folder.root / run.output, portrait, dataset), run_folder=run_folder)
