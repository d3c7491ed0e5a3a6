"""What it saves to paint several pictures of a template together: seconds a portrait, one by one and together.

    python tools/series_seconds.py [--width 64] [--counts 1 2 4 8] [--persons 2] [--steps 6]

Paints drawn persons with LoRAs of random numbers through the command that a server runs, on the miniature and on an
SD 1.5 of reduced width with random weights (`--width 0` leaves it out). All ways to make a count of pictures are
measured in turns in one process: single runs with a seed each, one run that paints one by one, one that paints all
together, and one as the backend has it. The first run pays for imports and loading, and is not counted. Prints medians
of CPU seconds (of all threads), which other work on the machine changes little, and of seconds by the clock; how often
a LoRA was read and merged; and how far the pixels are from those of the run one by one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from easyphoto.app import EasyPhoto
from easyphoto.backends import lora_apply
from easyphoto.backends.base import Capabilities
from easyphoto.backends.local import LocalBackend
from easyphoto.backends.merged_loras import MergedLoras
from easyphoto.commands.base import NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.images.pictures import read_picture
from easyphoto.machine import reuse_freed_memory
from easyphoto.settings.inference import InferenceSettings
from easyphoto.workspace.shipped import templates_folder

SEED = 7
TWO = "04-two.png"
"""The shipped template with two faces."""


@dataclass
class Counted:
    """How often a LoRA file was read, and LoRAs were merged into the weights."""

    reads: int = 0
    merges: int = 0


@dataclass(frozen=True)
class Run:
    cpu: float
    wall: float
    counted: Counted
    pictures: dict[int, np.ndarray]
    """By seed."""


@dataclass
class Way:
    """A way to make a number of pictures, and how it was measured."""

    name: str
    at_a_time: int | None
    """None: what the backend says."""
    singly: bool = False
    runs: list[Run] = field(default_factory=list)


def main() -> None:
    asked = parsed()
    reuse_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        for what, app, template in cases(asked, Path(name)):
            print(f"\n{what}, {asked.persons} person(s)")
            persons = ("anna", "bert")[: asked.persons]
            photographed(app, persons, template, range(SEED, SEED + 1), 2)
            for count in asked.counts:
                measure(app, persons, template, count, asked)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64, help="channels of the SD 1.5 (the real one has 320)")
    parser.add_argument("--counts", type=int, nargs="*", default=(1, 2, 4))
    parser.add_argument("--persons", type=int, choices=(1, 2), default=1)
    parser.add_argument("--steps", type=int, help="of each pass (default: the family's)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-miniature", action="store_true")
    return parser.parse_args()


def cases(asked: argparse.Namespace, folder: Path) -> Iterator[tuple[str, EasyPhoto, Path]]:
    from portrait_cost.subjects import add_second, write_checkpoint, write_template, write_workspace

    template = templates_folder() / TWO if asked.persons == 2 else write_template(folder, 640)
    bases: dict[str, Path | None] = {} if asked.no_miniature else {"miniature": None}
    if asked.width:
        bases[f"SD 1.5 with {asked.width} channels"] = write_checkpoint(folder / "base", asked.width)
    for number, (name, base) in enumerate(bases.items()):
        app = write_workspace(folder / str(number), base)
        add_second(app)
        yield name, app, template


def measure(app: EasyPhoto, persons: tuple[str, ...], template: Path, count: int, asked: argparse.Namespace) -> None:
    ways = [
        Way(f"{count} single runs", 1, singly=True),
        Way("one by one", 1),
        Way("together", count),
        Way("default", None),
    ]
    seeds = range(SEED, SEED + count)
    for _ in range(asked.rounds):
        for way in ways:
            way.runs.append(timed(app, persons, template, seeds, way, asked.steps))
    singly, base = ways[0].runs, ways[1].runs
    for way in ways:
        cpu, wall = (statistics.median(getattr(run, kind) for run in way.runs) / count for kind in ("cpu", "wall"))
        against = [cpu / (statistics.median(run.cpu for run in runs) / count) for runs in (singly, base)]
        run = way.runs[-1]
        print(
            f"count {count}, {way.name:<14} {cpu:7.2f} CPU s, {wall:7.2f} s a portrait; "
            f"{against[0]:.2f} of single runs, {against[1]:.2f} of one by one; "
            f"LoRAs read {run.counted.reads}, merged {run.counted.merges}; {difference(run, base[-1])}",
            flush=True,
        )


def timed(app: EasyPhoto, persons: tuple[str, ...], template: Path, seeds: range, way: Way, steps: int | None) -> Run:
    parts = [range(seed, seed + 1) for seed in seeds] if way.singly else [seeds]
    pictures: dict[int, np.ndarray] = {}
    with as_many(way.at_a_time), counting() as counted:
        cpu, wall = time.process_time(), time.perf_counter()
        made = [photographed(app, persons, template, part, steps) for part in parts]
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    for result in made:
        for one in (each for template in result.made for each in template.results):
            pictures[one.seed] = np.asarray(read_picture(one.file)).astype(int)
    return Run(cpu, wall, counted, pictures)


def photographed(app: EasyPhoto, persons: tuple[str, ...], template: Path, seeds: range, steps: int | None) -> Any:
    settings = InferenceSettings(count=len(seeds), seed=seeds[0], first_steps=steps, second_steps=steps)
    with app.at_hand() as leased:
        return PhotographPersons(persons, (template,), settings=settings).run(leased, NullContext())


def difference(run: Run, other: Run) -> str:
    apart = [np.abs(pixels - other.pictures[seed]) for seed, pixels in run.pictures.items()]
    most = max(int(each.max()) for each in apart)
    share = float(np.mean([(each > 0).mean() for each in apart]))
    return f"pixels at most {most} apart, {share:.4%} of them" if most else "the same pixels"


@contextmanager
def as_many(at_a_time: int | None) -> Iterator[None]:
    """The local backend takes so many pictures at a time."""
    known = LocalBackend.capabilities

    def capabilities(self: LocalBackend) -> Capabilities:
        said = known(self)
        return said if at_a_time is None else replace(said, at_a_time=at_a_time)

    LocalBackend.capabilities = capabilities  # type: ignore[method-assign]
    try:
        yield
    finally:
        LocalBackend.capabilities = known  # type: ignore[method-assign]


@contextmanager
def counting() -> Iterator[Counted]:
    counted, switch, read = Counted(), MergedLoras.switch, lora_apply.read_changes

    def switched(self: MergedLoras, on: Any) -> None:
        counted.merges += bool(on) and tuple(sorted(on)) != self._on
        switch(self, on)

    def reading(*given: Any) -> Any:
        counted.reads += 1
        return read(*given)

    MergedLoras.switch, lora_apply.read_changes = switched, reading  # type: ignore[method-assign, assignment]
    try:
        yield counted
    finally:
        MergedLoras.switch, lora_apply.read_changes = switch, read  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
