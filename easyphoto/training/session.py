"""A whole run in one process: load, cache, train, validate, save."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from easyphoto import __version__
from easyphoto.errors import OutOfMemory
from easyphoto.faces.engine import FaceEngine
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import text
from easyphoto.progress import Cancelled, Progress
from easyphoto.training.adapters import add_adapters
from easyphoto.training.arithmetic import precision
from easyphoto.training.budget import OffloadedNetworks
from easyphoto.training.checkpoint import marks, resume, save_lora, save_resume
from easyphoto.training.conclude import conclude, facts_of
from easyphoto.training.context import RunContext
from easyphoto.training.data import Entry, cache_dataset, make_plan, read_entries, split
from easyphoto.training.drawn import DrawnSamples
from easyphoto.training.events import Checkpoint, Done, Start, Step, Warn
from easyphoto.training.loop import Learner
from easyphoto.training.lora import lora_metadata
from easyphoto.training.noise import Noise
from easyphoto.training.pictures import Picture
from easyphoto.training.rank_processes import Seat
from easyphoto.training.ranks import JoinedRanks
from easyphoto.training.rounds import Rounds
from easyphoto.training.run import RunFolder, TrainRun
from easyphoto.training.samples import Samples
from easyphoto.training.stepping import advance, capture_steps, plan_steps
from easyphoto.training.validate import CONTROL, Validator, make_views, reference_vector
from easyphoto.weights.catalog import UsedWeight

SAY_EVERY_SECONDS, SAY_EVERY_STEPS = 0.5, 10


@dataclass(frozen=True, eq=False)
class TrainingModels:
    """The models of a run: the base model, the face engine, and the backend that draws validation pictures."""

    components: Any
    backend: Any
    engine: FaceEngine | None
    device: str = "cpu"

    @property
    def used(self) -> tuple[UsedWeight, ...]:
        """The weight files used so far."""
        return (*self.backend.weights, *(self.engine.weights if self.engine else ()))


def train_session(context: RunContext, tools: TrainingModels | None = None, *, seat: Seat | None = None) -> Done:
    """Train the run, resuming where an earlier process stopped; `seat` is this process's place among several.

    Raises Cancelled after the run is saved, and the named errors of `easyphoto.errors`.
    """
    with advising_memory():
        with context.phase("load"):
            tools = tools or open_tools(context.run, context.folder, context.progress)
        learned, judging = _learned(context)
        with context.phase("cache"):
            learner = open_learner(context, tools, learned)
            judge = open_judge(context, tools, judging, learner.idle)
            _sit_down(learner, seat)
        held_out = 0 if judging == learned else len(judging)
        context.emit(_start(context.run, learner, tools, held_out=held_out))
        plan_steps(context, learner, tools.components)
        capture_steps(context, learner)
        pictures = learn(context, learner, judge)
        return conclude(context, learner, judge, pictures, used=tools.used)


def follow_session(context: RunContext, seat: Seat) -> None:
    """Take part in another process's `train_session` to its last step. Raises RankLost, and what computing raises."""
    with advising_memory():
        tools = open_tools(context.run, context.folder, context.progress, judges=False)
        learner = open_learner(context, tools, _learned(context)[0])
        _sit_down(learner, seat)
        plan_steps(context, learner, tools.components)
        capture_steps(context, learner)
        while not learner.is_done:
            advance(context, learner)
        learner.ranks.part()


def _sit_down(learner: Learner, seat: Seat | None) -> None:
    if seat is not None:
        learner.ranks = JoinedRanks(seat, learner.device)


def _learned(context: RunContext) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """The photos to train on, and those to judge by."""
    entries = read_entries(context.folder.path(context.run.dataset))
    return split(entries, context.run.settings.seed) if context.run.shows_face else (entries, entries)


def open_tools(run: TrainRun, folder: RunFolder, progress: Progress, *, judges: bool = True) -> TrainingModels:
    """Load the base model and, where this process `judges`, the face engine; the backend shares the base model's
    networks."""
    from easyphoto.backends.loading import load_components
    from easyphoto.backends.local import LocalBackend
    from easyphoto.faces.opening import open_engine
    from easyphoto.weights.store import open_store

    base = folder.base(run)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mirrors = tuple(Path(mirror) for mirror in run.mirrors)
    store = open_store(folder.path(run.weights or "."), mirrors, run.weight_settings)
    dtype = precision(run.settings, device)
    components = load_components(run.kind, base, dtype=dtype, device=device, store=store)
    engine = open_engine(run.engine, store, progress, run.faces) if run.engine and judges else None
    return TrainingModels(components, LocalBackend(components, base, device=device, store=store), engine, device)


def open_learner(context: RunContext, tools: TrainingModels, entries: tuple[Entry, ...]) -> Learner:
    """Cache the photos, add adapters, draw the order of the batches, and resume where an earlier process stopped."""
    run, settings = context.run, context.run.settings
    cached = cache_dataset(tools.components, entries, context.progress, flip=settings.flip, device=tools.device)
    noise = Noise.of(tools.components.scheduler, tools.device)
    adapted = add_adapters(
        tools.components,
        rank=run.rank,
        alpha=run.alpha,
        seed=settings.seed,
        text_learns=run.rates[1] > 0,
    )
    steps = run.steps(cached.photos)
    plan = make_plan(cached, steps, batch=settings.batch, timesteps=noise.timesteps, seed=settings.seed)
    learner = Learner(adapted, cached, noise=noise, plan=plan, settings=settings, rates=run.rates, device=tools.device)
    frozen = () if adapted.text_learns else adapted.text_encoders
    learner.idle = OffloadedNetworks((tools.components.vae, *frozen), tools.device)
    resume(context.folder, learner, run.fingerprint())
    return learner


def open_judge(
    context: RunContext, tools: TrainingModels, judging: tuple[Entry, ...], idle: OffloadedNetworks
) -> Samples | None:
    """What makes the test pictures; None for a face if there is no engine or no template with a face."""
    run, engine = context.run, tools.engine
    if not run.shows_face:
        return DrawnSamples(run, context.folder, tools.backend, judging, idle=idle)
    if engine is None or not run.templates:
        lacking = text("face engine") if run.templates else text("templates")
        context.note("no-validation", text("no test pictures: the run names no {lacking}", lacking=lacking))
        return None
    templates = [context.folder.path(template) for template in run.templates]
    views, notes = make_views(templates, engine, run.kind)
    for note in notes:
        context.note("no-face", note)
    reference = reference_vector(judging, engine)
    if engine.embedder and reference is None:
        context.note(
            "no-face",
            text("no face was found on the photos to compare with: the likeness of checkpoints is not measured"),
        )
    judge = Validator(run, context.folder, tools.backend, engine, views, reference, idle=idle)
    if not judge.has_control:
        context.note(
            "no-control", text("test pictures without the control {control}: its model is missing", control=CONTROL)
        )
    return judge if views else None


def learn(context: RunContext, learner: Learner, judge: Samples | None) -> tuple[Picture, ...]:
    """Train to the end, and save and judge at every mark. Parts that an earlier process has done are skipped."""
    rounds = Rounds(context, judge, marks(learner.steps, context.run.settings.validations))
    pictures: list[Picture] = []
    for mark in rounds.marks:
        if learner.step <= mark:
            _learn_until(context, learner, mark, rounds)
            _keep(context, learner)
        if learner.is_done:
            learner.ranks.part()
        if judge is not None:
            learner.make_room()
        pictures += rounds.drawn(mark, is_live=learner.step == mark)
    return tuple(pictures)


def _learn_until(context: RunContext, learner: Learner, mark: int, rounds: Rounds) -> None:
    pace = Throughput(learner.step)
    with context.phase("train"):
        while learner.step < mark:
            try:
                context.progress.check()
            except Cancelled:
                _read(context, learner)
                save_resume(context.folder, learner, context.run.fingerprint())
                raise
            advance(context, learner)
            if pace.is_due(learner.step) or learner.step == mark:
                _read(context, learner)
                context.emit(_step(learner, pace.seconds_per_step(learner.step), rounds.seconds_from(mark)))


def _read(context: RunContext, learner: Learner) -> None:
    """Wait for the steps so far, and say which of them were left out. Raises Diverged."""
    learner.read()
    for step in learner.skipped:
        context.emit(Warn("nonfinite", text("step {step} was skipped: its loss is not a number", step=step)))
    learner.skipped.clear()
    learner.stop_if_diverged()


@dataclass
class Throughput:
    """Decides when to emit a step event, and measures the seconds per step."""

    first_step: int
    began: float = field(default_factory=time.monotonic)
    said_at: float = 0.0
    said_step: int = 0

    def is_due(self, step: int) -> bool:
        now = time.monotonic()
        due = now - self.said_at >= SAY_EVERY_SECONDS or step - self.said_step >= SAY_EVERY_STEPS
        if due:
            self.said_at, self.said_step = now, step
        return due

    def seconds_per_step(self, step: int) -> float:
        return (time.monotonic() - self.began) / max(1, step - self.first_step)


def _keep(context: RunContext, learner: Learner) -> None:
    """Save the checkpoint. The LoRA is written first, so a resume file implies that its LoRA exists."""
    target = context.folder.checkpoint(learner.step)
    save_lora(context.folder, learner, lora_metadata(facts_of(context.run, learner)))
    save_resume(context.folder, learner, context.run.fingerprint())
    context.emit(Checkpoint(learner.step, str(target), target.stat().st_size))


def _start(run: TrainRun, learner: Learner, tools: TrainingModels, *, held_out: int) -> Start:
    return Start(
        version=__version__,
        device=tools.device,
        photos=learner.cached.photos,
        held_out=held_out,
        steps=learner.steps,
        batch=run.settings.batch,
        parameters=sum(each.numel() for each in learner.adapted.parameters().values()),
        resumed_at=learner.step,
        devices=learner.ranks.count,
    )


def _step(learner: Learner, seconds: float, judging: float | None) -> Step:
    left = None if judging is None else (learner.steps - learner.step) * seconds + judging
    return Step(
        learner.step, learner.steps, learner.losses[-1], learner.learning_rate, seconds, left, memory_mb(),
        learner.is_captured,
    )  # fmt: skip


def memory_mb() -> int:
    """Peak memory in MiB of the GPU, or of this process if there is none; 0 if the system does not tell."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() // 2**20
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@contextmanager
def advising_memory() -> Iterator[None]:
    """Turn every out-of-memory error into OutOfMemory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if ran_out_of_memory(error):
            raise _out_of_memory(error) from error
        raise


def _out_of_memory(error: BaseException) -> OutOfMemory:
    return OutOfMemory(
        text(
            "Memory ran out while training ({reason}).",
            reason=str(error).splitlines()[0] if str(error) else text("no details"),
        ),
        advice=text(
            "Close other programs, or allow gradient checkpointing, and start the run again: it continues. A "
            "smaller batch or rank needs a new run."
        ),
    )
