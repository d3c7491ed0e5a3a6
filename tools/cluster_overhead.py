"""Measures how much more a job costs on a cluster's machine than in the local queue, side by side in one run.

    python tools/cluster_overhead.py --portraits 8

A server with the local queue and one with a single actor of Ray on this machine take portraits of the miniature in
turns, one at a time, each with its models loaded and the person's files at hand. Printed are the medians, their ratio,
and what the difference consists of. Wanted: at most a tenth more. Needs Ray.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import draw_photos
from easyphoto.cluster import runner
from easyphoto.cluster.joining import AUTO
from easyphoto.cluster.node import FOLDER_VARIABLE
from easyphoto.cluster.opening import clustered_service
from easyphoto.commands.base import NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.relay import Finished
from easyphoto.jobs.service import Service
from easyphoto.machine import reuse_freed_memory
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.workspace.shipped import shipped_templates
from easyphoto.workspace.upgrades import open_workspace

QUICK = TrainSettings(steps=6, validations=1, validation_steps=3)


class Ledger:
    """Seconds by what they were spent on, of one portrait after another."""

    def __init__(self) -> None:
        self.rows: dict[str, list[float]] = defaultdict(list)
        self._now: dict[str, float] = defaultdict(float)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **words: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments, **words)
            finally:
                self._now[name] += time.perf_counter() - began

        return called

    def add(self, name: str, seconds: float) -> None:
        self._now[name] += seconds

    def close_row(self) -> None:
        for name, seconds in self._now.items():
            self.rows[name].append(seconds)
        self._now.clear()


def watch(ledger: Ledger) -> None:
    """Take the time of the server's own steps, and from the sending of a job to the first word of it."""
    attempt: Any = runner._Attempt
    runner.shipment_of = ledger.timed("listing what travels", runner.shipment_of)
    attempt._publish = ledger.timed("publishing", attempt._publish)
    runner.Arrivals.keep = ledger.timed("writing what arrives", runner.Arrivals.keep)  # type: ignore[method-assign]
    runner.Arrivals.complete = ledger.timed("writing what arrives", runner.Arrivals.complete)  # type: ignore[method-assign]
    heard, performed = attempt._heard, attempt.performed

    def timed_performed(self: Any) -> Any:
        self.sent = time.perf_counter()
        return performed(self)

    def timed_heard(self: Any, running: Any, seconds: float) -> Any:
        made = self._made
        message = heard(self, running, seconds)
        now = time.perf_counter()
        if message is not None and not hasattr(self, "first"):
            self.first = now
            ledger.add("until the first word of it", now - self.sent)
        if self._made is not made:
            self.made = now
            ledger.add("from the first word until all was made", now - self.first)
        if isinstance(message, Finished):
            ledger.add("from there until it has ended", now - self.made)
        return message

    attempt.performed = timed_performed
    attempt._heard = timed_heard


def seconds_of(service: Service, template: Path, seed: int) -> float:
    began = time.perf_counter()
    job = service.submit(PhotographPersons(("anna",), (template,), settings=InferenceSettings(seed=seed)))
    after = 0
    while not service.queue.get(job.id).state.is_over:
        for event in service.queue.wait(job.id, after, 1.0):
            after = event.number
    ended = service.queue.get(job.id)
    if ended.error is not None:
        raise SystemExit(f"A portrait failed: {ended.error}")
    return time.perf_counter() - began


def measured(folder: Path, portraits: int) -> int:
    os.environ[FOLDER_VARIABLE] = str(folder / "nodes")
    # As Ray's actors have it; before torch is imported.
    os.environ["OMP_NUM_THREADS"] = "1"
    os.umask(0o077)
    reuse_freed_memory()
    here, there = (EasyPhoto(open_workspace(folder / name)) for name in ("here", "there"))
    photos = photo_files(draw_photos(folder / "photos", 0))
    for app in (here, there):
        TrainPerson("anna", photos, settings=QUICK).run(app, NullContext())
    ledger = Ledger()
    watch(ledger)
    local = Service(here, JobQueue(here.workspace))
    cluster = clustered_service(there, AUTO, 1)
    template = next(each.file for each in shipped_templates() if each.faces == 1)
    try:
        for service in (local, cluster):
            seconds_of(service, template, 1)
        ledger._now.clear()
        taken: dict[str, list[float]] = {"local queue": [], "cluster": []}
        for seed in range(2, portraits + 2):
            for name, service in (("local queue", local), ("cluster", cluster)):
                taken[name].append(seconds_of(service, template, seed))
            ledger.close_row()
    finally:
        cluster.close()
        local.close()
    return report(taken, ledger)


def report(taken: dict[str, list[float]], ledger: Ledger) -> int:
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name, seconds in taken.items():
        print(
            f"{name:42} {medians[name]:6.2f} s   ({min(seconds):.2f} to {max(seconds):.2f}, {len(seconds)} portraits)"
        )
    ratios = [there / here for here, there in zip(taken["local queue"], taken["cluster"], strict=True)]
    said = f"({min(ratios):.3f} to {max(ratios):.3f})"
    print(f"{'ratio, portrait by portrait':42} {statistics.median(ratios):6.3f}     {said}")
    for name, seconds in sorted(ledger.rows.items(), key=lambda row: -statistics.median(row[1])):
        print(f"  {name:40} {statistics.median(seconds) * 1000:6.0f} ms")
    return int(statistics.median(ratios) > 1.1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="where it works; kept (default: a temporary one)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cluster-overhead-") as temporary:
        return measured((asked.folder or Path(temporary)).absolute(), asked.portraits)


if __name__ == "__main__":
    raise SystemExit(main())
