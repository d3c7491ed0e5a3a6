"""Running a training from the caller's side: start the worker, follow its events, stop it, and interpret its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from easyphoto.devices import ORDER, DeviceGroup
from easyphoto.errors import DiskFailure
from easyphoto.machine import processes_ended_for_memory
from easyphoto.messages import joined, phase, text
from easyphoto.progress import Cancelled, Progress
from easyphoto.storage.files import cause_of, private_opener
from easyphoto.training.commands import SPEAKING_UTF8, end, foreign_environment, spoken, start
from easyphoto.training.endings import named_error, unsaid_end
from easyphoto.training.events import (
    Done,
    ErrorEvent,
    Event,
    MemoryPlanned,
    Phase,
    Sample,
    Start,
    Step,
    from_line,
    is_training,
)
from easyphoto.training.run import RunFolder, TrainRun

SAVING_SECONDS = 60.0
"""Time limit of a cancelled worker that is training: it finishes the current step or sampling step, and saves."""
CANCELLED = 130
PHASES = {
    "start": phase("start", "starting the trainer"),
    "load": phase("load", "loading the checkpoint"),
    "cache": phase("cache", "encoding photos"),
    "train": phase("train", "training"),
    "validate": phase("validate", "making test pictures"),
    "save": phase("save", "saving"),
}


@dataclass(frozen=True)
class TrainResult:
    """The files of a finished run, and its quality."""

    lora: Path
    portrait: Path | None
    events: Path
    curves: Path
    contact_sheet: Path | None
    best_step: int
    best: float | None
    """Mean likeness (cosine similarity) of the test pictures of `best_step`; None if nothing was judged."""
    last: float | None
    """The same of the last checkpoint, which is the LoRA."""
    embedder: str | None
    seconds: dict[str, float]
    """Seconds by phase."""
    notes: tuple[str, ...]


def train(
    run_folder: Path,
    progress: Progress,
    *,
    on_event: Callable[[Event], None] | None = None,
    python: Path | None = None,
    devices: DeviceGroup | None = None,
) -> TrainResult:
    """Start or resume the run that `run.json` in the folder describes, in a process of its own.

    `python` is that process's interpreter, by default this one's; a web UI's own lacks the packages for training.
    `devices` compute it together, as this process counts them; None: the first card, or the processor.

    Raises Cancelled from the progress, the worker's own named error, or TrainerCrashed.
    """
    folder = RunFolder(run_folder.resolve())
    # Read before six seconds of imports in another process, so that the caller learns of a bad record at once.
    TrainRun.read(folder.run)
    heard: list[Event] = []
    display = _Display(progress)
    display.begin()
    ended_before = processes_ended_for_memory()
    with _worker(folder, python, devices, heard) as process:
        for line in spoken(process, progress):
            event = from_line(line.decode("utf-8", "replace"))
            if event is None:
                continue
            heard.append(event)
            # First, because it knows the time left, which is told with the progress.
            if on_event is not None:
                on_event(event)
            display.show(event)
    return _verdict(folder, heard, process.returncode, memory_ran_out=processes_ended_for_memory() > ended_before)


@contextmanager
def _worker(
    folder: RunFolder, python: Path | None, devices: DeviceGroup | None, heard: Sequence[Event]
) -> Iterator[subprocess.Popen[bytes]]:
    """The running worker; on leaving the context, the worker and its children have ended.

    Its standard input stays open while this process lives; closing it asks the worker to stop.
    """
    try:
        log = os.fdopen(private_opener(str(folder.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
    except OSError as error:
        raise DiskFailure(
            text("{name} cannot be written: {error}.", name=folder.log, error=cause_of(error)),
            advice=text("Check the folder."),
        ) from error
    command = [str(python or sys.executable), "-m", "easyphoto.training.worker", str(folder.run)]
    variables = worker_environment(python)
    if devices is not None:
        command.append(devices.name)
        # By their numbers the worker must find the cards that are meant here.
        variables.setdefault(ORDER, devices.order)
    with log:
        process = start(command, stdin=subprocess.PIPE, stderr=log, cwd=folder.root, env=variables)
    try:
        yield process
    finally:
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        # Before training there is nothing to save, and importing and loading the model can take half a minute.
        end(process, after=SAVING_SECONDS if any(is_training(event) for event in heard) else 0.0)


def worker_environment(python: Path | None = None) -> dict[str, str]:
    """The worker's variables: this package first in its path, and OpenMP's idle threads passive.

    Another `python` has its own packages, which this process's path variables would shadow, so those are removed. It
    also writes no bytecode beside the packages it is lent.
    """
    root = Path(__file__).resolve().parents[2]
    variables = dict(os.environ)
    if python is not None:
        variables = {**foreign_environment(), "PYTHONDONTWRITEBYTECODE": "1"}
    # In a host's site-packages, our folder would expose all its packages; there the environment finds ours by itself.
    ours = "" if python is not None and root.name in ("site-packages", "dist-packages") else str(root)
    path = os.pathsep.join(part for part in (ours, variables.get("PYTHONPATH", "")) if part)
    return {**variables, **SPEAKING_UTF8, "PYTHONPATH": path, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}


class _Display:
    """Shows events in the caller's progress; before the first step nothing is counted, between steps the bar stays."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done, self._total = 0, 0
        self._devices = 1

    def begin(self) -> None:
        self._say(PHASES["start"])

    def show(self, event: Event) -> None:
        match event:
            case Step():
                self._done, self._total = event.step, event.of
                loss = text("not a number") if event.loss is None else f"{event.loss:.4f}"
                shared = [text("{count} devices", count=self._devices)] if self._devices > 1 else []
                said = [PHASES["train"], *shared, text("loss {loss}", loss=loss)]
                if event.eta_s is not None:
                    minutes, seconds = divmod(round(event.eta_s), 60)
                    said.append(text("{minutes}:{seconds:02d} left", minutes=minutes, seconds=seconds))
                self._say(joined(said, " · "))
            case MemoryPlanned():
                self._say(event.text)
            case Start():
                self._done, self._total = event.resumed_at, event.steps
                self._devices = event.devices
            case Phase(seconds=None) if event.name in PHASES:
                self._say(PHASES[event.name])
            case Sample(score=float()):
                self._say(phase("sample", "step {step}: likeness {score:.3f}", step=event.step, score=event.score))
            case _:
                pass

    def _say(self, message: str) -> None:
        self._progress.step(self._done, self._total, message)


def _verdict(folder: RunFolder, heard: list[Event], returncode: int, *, memory_ran_out: bool = False) -> TrainResult:
    """The run's result if the worker reported Done and exited with 0, else raise the error.

    `memory_ran_out`: the system killed a process for lack of memory in the meantime.
    """
    done = next((event for event in heard if isinstance(event, Done)), None)
    if done is not None and returncode == 0:
        return _result(folder, done)
    failed = next((event for event in reversed(heard) if isinstance(event, ErrorEvent)), None)
    if failed is not None:
        raise named_error(folder, failed)
    if returncode == CANCELLED:
        raise Cancelled
    raise unsaid_end(folder, returncode, memory_ran_out=memory_ran_out)


def _result(folder: RunFolder, done: Done) -> TrainResult:
    return TrainResult(
        lora=Path(done.path),
        portrait=Path(done.portrait) if done.portrait else None,
        events=folder.events,
        curves=folder.curves,
        contact_sheet=folder.sheet if folder.sheet.is_file() else None,
        best_step=done.best_step,
        best=done.best,
        last=done.last,
        embedder=done.embedder,
        seconds=done.seconds,
        notes=done.notes,
    )
