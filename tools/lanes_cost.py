"""What a lane in a process of its own costs, and what two lanes give.

    python tools/lanes_cost.py [--portraits 8] [--jobs 200] [--rounds 3]

Three measurements in one run, each side in turns with the other, with the ratios of the medians:

- a job that ends at once (it resumes a training that is not there): in this process, and in a lane's process;
- a warm portrait of the miniature: the same two;
- one short training and some portraits: in one lane, and in two; both in processes of one thread, warm.

Everything computes with one thread, so that two lanes have a core each on a machine with two.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import demo_template, draw_photos
from easyphoto.commands.base import Command, NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.train import TrainPerson
from easyphoto.devices import groups_of
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.device_lanes import lanes_of
from easyphoto.jobs.lane_process import ProcessRunner
from easyphoto.jobs.portable import portable
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.workspace.folders import Workspace

NOTHING = ResumeTraining("20260101T000000Z-nobody", person="nobody")
QUICK = TrainSettings(steps=6, validations=1, validation_steps=3)
TRAINING = replace(QUICK, steps=40)


@dataclass(frozen=True)
class Studio:
    service: Service
    photos: tuple[Path, ...]

    def submit(self, command: Command) -> Job:
        """Queue the command as it is: what is not there is found out by the job."""

        def work(context: JobContext) -> Mapping[str, Any]:
            return self.service._runner(str(context.job.lane)).run(command, context)

        return self.service.queue.submit(command, work)

    def done(self, job: Job) -> Job:
        after = 0
        while not self.service.queue.get(job.id).state.is_over:
            for event in self.service.queue.wait(job.id, after, 1.0):
                after = event.number
        return self.service.queue.get(job.id)

    def nothing(self, jobs: int) -> float:
        """Return the seconds of one job that ends at once."""
        began = time.perf_counter()
        for _ in range(jobs):
            job = self.done(self.submit(NOTHING))
            assert (job.error or {}).get("code") == "InputError", job.error
        return (time.perf_counter() - began) / jobs

    def portrait(self, seed: int) -> Job:
        settings = InferenceSettings(seed=seed)
        return self.submit(PhotographPersons(("anna",), (demo_template(),), settings=settings))

    def portraits(self, count: int) -> float:
        """Return the seconds of one portrait."""
        began = time.perf_counter()
        for seed in range(count):
            self.made(self.portrait(seed))
        return (time.perf_counter() - began) / count

    def new_name(self) -> str:
        """Return the name of somebody who is not there yet."""
        return f"guest-{len(self.service.queue.list())}"

    def made(self, job: Job) -> None:
        ended = self.done(job)
        assert ended.state is State.DONE, ended.error

    def mixed(self, portraits: int) -> float:
        """Return the seconds of a training and some portraits, all asked for at once."""
        began = time.perf_counter()
        jobs = [self.submit(TrainPerson(self.new_name(), self.photos, settings=TRAINING))]
        jobs += [self.portrait(seed) for seed in range(portraits)]
        for job in jobs:
            self.made(job)
        return time.perf_counter() - began


@contextmanager
def studio(workspace: Workspace, photos: tuple[Path, ...], lanes: int) -> Iterator[Studio]:
    """A service with that many lanes in processes of one thread; 0: the one of this process."""
    app = EasyPhoto(workspace)
    groups = groups_of(",".join(f"cpu:{number}" for number in range(lanes)), ()) if lanes else ()
    runners = {
        group.name: ProcessRunner(group.name, portable(app, group), group.environment(threads=1)) for group in groups
    }
    queue = JobQueue(workspace, lanes_of(groups)) if groups else JobQueue(workspace)
    service = Service(app, queue, runners=runners)
    try:
        yield Studio(service, photos)
    finally:
        service.close()


def compare(title: str, unit: float, sides: Mapping[str, Callable[[int], float]], count: int, rounds: int) -> None:
    """Measure so many on both sides in turns, and print the medians and their ratio."""
    found: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in [*sides][:: -1 if number % 2 else 1]:
            found[side].append(sides[side](count))
    medians = {side: statistics.median(values) for side, values in found.items()}
    for side, value in medians.items():
        spread = f"{min(found[side]) * unit:.2f} to {max(found[side]) * unit:.2f}"
        print(f"{title:40} {side:18} {value * unit:9.2f}   ({spread})")
    (first, before), (second, after) = medians.items()
    print(f"{title:40} {second} : {first} = {after / before:.3f}, {1000 * (after - before):+.1f} ms\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        place = Path(folder)
        photos = photo_files(draw_photos(place / "photos", 0))
        workspace = Workspace(place / "workspace")
        TrainPerson("anna", photos, settings=QUICK).run(EasyPhoto(workspace), NullContext())
        here, one, two = (opened.enter_context(studio(workspace, photos, lanes)) for lanes in (0, 1, 2))
        for each in (here, one):
            each.portraits(1)
        for job in [two.portrait(0), two.portrait(0)]:
            two.made(job)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
        sides = {"in this process": here, "in a process": one}
        jobs = {side: each.nothing for side, each in sides.items()}
        compare("a job that ends at once, ms", 1000, jobs, asked.jobs, asked.rounds)
        portraits = {side: each.portraits for side, each in sides.items()}
        compare("a warm portrait, s", 1, portraits, asked.portraits, asked.rounds)
        mixed = {"in one lane": one.mixed, "in two lanes": two.mixed}
        compare(f"a training and {asked.portraits} portraits, s", 1, mixed, asked.portraits, asked.rounds)
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
