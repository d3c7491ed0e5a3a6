"""What the head's queue does for a job: seconds for each of its calls, beside few and many jobs of before."""

from __future__ import annotations

import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.commands.base import Subjects
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.idempotency import IdempotencyKey
from easyphoto.jobs.lanes import FETCH, LOOK, Lane, LaneKind
from easyphoto.jobs.order import QueuedJob, assigned
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.jobs.store import NANOSECONDS_AT_REST
from easyphoto.storage.files import write_bytes
from easyphoto.storage.journal import CHANGES
from easyphoto.workspace.folders import Workspace
from scale.figures import Figure

PORTRAIT = PhotographPersons(("anna",), (Path("beach.png"),))
MANY_LOCKS = 1000
MANY_WAITING, IDLE_LANES, EVENTS = 10_000, 200, 50
PREVIEW_BYTES = 60_000
"""A JPEG of 768 pixels at quality 85."""
PICTURE_BYTES = 1_500_000


@dataclass(frozen=True)
class Cost:
    """What a call takes while it holds the queue's lock. The disk's part depends on the disk and on who else writes."""

    processor: float
    """Seconds."""
    syncs: float
    """How often it waits until the disk has what was written."""


@dataclass(frozen=True)
class Beside:
    """The cost of each call of the queue beside that many jobs that are over."""

    known: int
    costs: dict[str, Cost]


def measured(folder: Path, counts: tuple[int, ...] = (0, 1_000, 10_000)) -> tuple[dict[str, Figure], list[Beside]]:
    rows = [beside(folder / str(count), count) for count in counts]
    return {**of_the_queue(rows), **of_the_lanes(folder / "lanes")}, rows


def beside(folder: Path, count: int) -> Beside:
    workspace = Workspace(folder)
    write_ended(workspace, count)
    costs = {"start": cost(lambda: JobQueue(workspace).close(), 1)}
    with opened(workspace) as queue:
        number = iter(range(10**9))
        costs["list"] = cost(queue.list, 9)
        costs["hold a person back"] = cost(lambda: _held_back(queue), 9)
        costs["a job that does nothing, from submission to end"] = cost(lambda: _ended(queue))
        with running(queue):
            # What is submitted meanwhile waits, so that nothing but the submission is measured.
            costs["submit a portrait"] = cost(lambda: queue.submit(PORTRAIT, _nothing))
            costs["submit a training"] = cost(lambda: queue.submit(TrainPerson(f"p{next(number)}", ()), _nothing))
            costs["submit with a key"] = cost(
                lambda: queue.submit_once(PORTRAIT, _nothing, key=IdempotencyKey(f"k{next(number)}", "0"))
            )
    with opened(workspace) as queue, running(queue) as context:
        costs |= told(queue, context, workspace)
    return Beside(count, costs)


def told(queue: JobQueue, context: JobContext, workspace: Workspace) -> dict[str, Cost]:
    """What a running job costs while it runs."""
    number, id = iter(range(1, 10**9)), context.folder.name

    def progress() -> None:
        values = {"done": next(number), "total": 10**9, "phase": "portrait · first pass", "eta_seconds": 12.0}
        queue.change(id, "progress", values=values, **values)

    def preview() -> None:
        write_bytes(context.folder / "preview-0001.jpg", bytes(PREVIEW_BYTES))
        queue.change(id, "preview", values={"file": "preview-0001.jpg"}, previews=("preview-0001.jpg",))

    line = json.dumps({"type": "step", "step": 100, "of": 800, "loss": 0.1234, "eta_s": 30.1, "rate": 0.0001})
    found = {
        "tell progress": cost(progress),
        "tell a step of a training": cost(lambda: queue.change(id, "train", values={"line": line})),
        "show a preview": cost(preview),
        "look whether the person is being deleted": cost(lambda: _looked(context)),
        "events for a client": cost(lambda: queue.events(id, 10**9)),
    }
    with locked(workspace, MANY_LOCKS):
        found["the same beside 1,000 running jobs"] = cost(lambda: _looked(context))
    return found


def of_the_queue(rows: list[Beside]) -> dict[str, Figure]:
    few, many = rows[0], rows[-1]

    def each(name: str) -> Figure:
        more = many.costs[name].processor - few.costs[name].processor
        return Figure(max(0.0, more / (many.known - few.known)), "s", f"{name}, for each job of the workspace")

    figures = {name: each(said) for name, said in EACH.items()}
    for name, said in ONCE.items():
        figures[name] = Figure(few.costs[said].processor, "s", said)
        figures[f"{name}_syncs"] = Figure(few.costs[said].syncs, "times", f"{said}: waits for the disk")
    beside_many = few.costs["the same beside 1,000 running jobs"].processor
    more = max(0.0, beside_many - figures["look"].value) / MANY_LOCKS
    return {**figures, "look_each": Figure(more, "s", "the same, for each job that runs beside it")}


ONCE = {
    "submit": "submit a portrait",
    "job": "a job that does nothing, from submission to end",
    "progress": "tell progress",
    "step_line": "tell a step of a training",
    "preview": "show a preview",
    "look": "look whether the person is being deleted",
}
EACH = {
    "list_each": "list",
    "training_each": "submit a training",
    "key_each": "submit with a key",
    "start_each": "start",
}


def of_the_lanes(folder: Path) -> dict[str, Figure]:
    """What more lanes and more waiting jobs cost; both are paid at every event, or at every job's start and end."""
    jobs = [
        QueuedJob(f"job-{number}", PORTRAIT.kind, frozenset({f"p{number % 100}"})) for number in range(MANY_WAITING)
    ]
    free, last = (LOOK, FETCH), {LOOK: jobs[0], FETCH: jobs[0]}
    handing_out = cost(lambda: assigned(jobs, (), free, last)).processor / MANY_WAITING
    with idle_lanes(Workspace(folder), IDLE_LANES) as queue, running(queue) as context:
        alone = len(queue.lanes)
        before = time.process_time()
        for _ in range(EVENTS):
            queue.change(context.folder.name, "train", values={"line": "{}"})
            time.sleep(0.005)
        waking = (time.process_time() - before) / EVENTS / alone
    return {
        "hand_out_each": Figure(handing_out, "s", "waiting jobs are handed out, for each that waits"),
        "wake_each": Figure(waking, "s", "an event is told, for each lane that is idle"),
    }


@contextmanager
def idle_lanes(workspace: Workspace, count: int) -> Iterator[JobQueue]:
    """A queue of that many lanes, each of which has run a job."""
    queue = JobQueue(workspace, [Lane(LaneKind.WORK, f"cuda:{number}") for number in range(count)])
    over = threading.Event()

    def work(_: JobContext) -> dict[str, Any]:
        over.wait()
        return _nothing(_)

    try:
        jobs = [queue.submit(PORTRAIT, work) for _ in range(count)]
        over.set()
        while not all(queue.get(job.id).state.is_over for job in jobs):
            time.sleep(0.05)
        yield queue
    finally:
        over.set()
        queue.close()


def of_the_disk(folder: Path) -> dict[str, Figure]:
    with (folder / "synced").open("wb") as stream:

        def sync() -> None:
            stream.write(b"1")
            stream.flush()
            os.fsync(stream.fileno())

        seconds = by_the_clock(sync, 199)
    large = by_the_clock(lambda: write_bytes(folder / "large", bytes(PICTURE_BYTES)), 49)
    return {
        "sync": Figure(seconds, "s", "a wait until the disk has a line that was written"),
        "disk_rate": Figure(
            PICTURE_BYTES / large, "bytes/s", "pictures of 1.5 MB are written, synced and put in place"
        ),
    }


def write_ended(workspace: Workspace, count: int) -> None:
    """Jobs of an earlier process, all copies of one that this one runs."""
    with opened(workspace) as queue:
        job = queue.submit(PORTRAIT, _nothing)
        while not queue.get(job.id).state.is_over:
            time.sleep(0.01)
    folder = workspace.jobs / job.id
    files = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    for number in range(count):
        id = f"20260101T000000Z-{number:08x}"
        (workspace.jobs / id).mkdir()
        for name, content in files.items():
            (workspace.jobs / id / name).write_text(content.replace(job.id, id), "utf-8")
    # Only what has been at rest for a while is not read again.
    time.sleep(NANOSECONDS_AT_REST / 1e9 + 0.1)


@contextmanager
def opened(workspace: Workspace) -> Iterator[JobQueue]:
    queue = JobQueue(workspace)
    try:
        yield queue
    finally:
        queue.close()


@contextmanager
def running(queue: JobQueue) -> Iterator[JobContext]:
    """A job that runs until the block ends."""
    over, begun, found = threading.Event(), threading.Event(), list[JobContext]()

    def work(context: JobContext) -> dict[str, Any]:
        found.append(context)
        begun.set()
        over.wait()
        return {}

    queue.submit(PORTRAIT, work)
    begun.wait()
    try:
        yield found[0]
    finally:
        # Those that wait behind it are never begun.
        for job in queue.list():
            if job.state is State.QUEUED:
                queue.cancel(job.id)
        over.set()


@contextmanager
def locked(workspace: Workspace, count: int) -> Iterator[None]:
    """As many entries of the journal's folder as that many running jobs have there."""
    folder = workspace.root / CHANGES
    made = [folder / f"use-{number:016x}.lock" for number in range(count)]
    for path in made:
        path.touch()
    try:
        yield
    finally:
        for path in made:
            path.unlink()


def cost(do: Callable[[], object], times: int = 49) -> Cost:
    synced, fsync = 0, os.fsync

    def counting(handle: Any) -> None:
        nonlocal synced
        synced += 1
        fsync(handle)

    os.fsync = counting  # type: ignore[assignment]
    try:
        found = []
        for _ in range(times):
            began = time.process_time()
            do()
            found.append(time.process_time() - began)
    finally:
        os.fsync = fsync
    # The quickest quarter's: what other programs do meanwhile only makes a call slower.
    return Cost(sorted(found)[len(found) // 4], round(synced / times, 1))


def by_the_clock(do: Callable[[], object], times: int) -> float:
    """Median seconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        do()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def _nothing(_: JobContext) -> dict[str, Any]:
    """The answer of a portrait without pictures."""
    return {"pictures": [], "failures": [], "session": "none", "report": None}


def _ended(queue: JobQueue) -> None:
    job = queue.submit(PORTRAIT, _nothing)
    while not queue.get(job.id).state.is_over:
        queue.wait(job.id, 2, 1.0)


def _held_back(queue: JobQueue) -> None:
    with queue.held_back(Subjects(persons=("zoe",))):
        pass


def _looked(context: JobContext) -> None:
    context._watched.look()  # type: ignore[attr-defined]


def table(rows: list[Beside]) -> str:
    """Milliseconds of the processor, by the number of jobs that the workspace has already."""
    lines = [f"{'ms of the processor beside … jobs':50} " + " ".join(f"{row.known:>8,}" for row in rows)]
    lines += [
        f"{name:50} " + " ".join(f"{row.costs[name].processor * 1e3:8.2f}" for row in rows) for name in rows[0].costs
    ]
    return "\n".join(lines)
