"""What a portrait costs outside the networks: warm portraits in one process, their seconds attributed to stages.

    python tools/portrait_seconds.py [--width 160] [--sides 640 1000 2000 4000] [--against DIR]

Paints a drawn person with a LoRA of random numbers through the command that a server runs, on the miniature and on an
SD 1.5 of reduced width with random weights (`--width 0` leaves it out), into templates whose face grows with them. The
first portrait of each kind pays for imports and loading, and is not counted. Seconds are CPU seconds of the whole
process, medians over the rounds. `--against` measures another checkout in turns with this one, and compares the pixels.

The networks are the UNet, the ControlNets, the autoencoder and the text encoder; the second share counts those that
detect, parse and embed faces as well.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
SIDES = (640, 1000, 2000, 4000)
LEAST = 0.004
"""Seconds; stages below it are not printed."""
Costs = Mapping[str, float]


@dataclass(frozen=True)
class Portrait:
    """What one portrait cost and what it was."""

    cpu: Costs
    wall: float
    pixels: str
    """SHA-256 of the results' pixels."""
    likeness: str
    memory: int
    """Resident megabytes afterwards."""


@dataclass(frozen=True)
class Case:
    name: str
    workspace: Path
    template: Path
    count: int = 1


class Checkout:
    """A process that makes portraits with the code of one checkout."""

    def __init__(self, name: str, root: Path, threads: int) -> None:
        self.name = name
        paths = [str(root), str(Path(__file__).parent)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_WAIT_POLICY": "PASSIVE"}
        environment["OMP_NUM_THREADS"] = str(threads)
        command = [sys.executable, str(Path(__file__).resolve()), "--work"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env=environment
        )

    def portrait(self, case: Case, *, quick: bool = False) -> Portrait:
        """`quick`: in as few steps as there can be, to import and load everything."""
        asked = {"workspace": str(case.workspace), "template": str(case.template), "count": case.count, "quick": quick}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        print(json.dumps(asked), file=stdin, flush=True)
        said = stdout.readline()
        if not said:
            raise SystemExit(f"{self.name} ended.")
        return Portrait(**json.loads(said))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    asked = parsed()
    if asked.work:
        work(sys.stdin, sys.stdout)
        return
    with tempfile.TemporaryDirectory() as name, checkouts(asked) as measured:
        for case in cases(asked, Path(name)):
            show(case, {each.name: [] for each in measured}, measured, asked.rounds)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=160, help="channels of the SD 1.5 (the real one has 320)")
    parser.add_argument("--sides", type=int, nargs="*", default=SIDES, help="longest sides of the templates")
    parser.add_argument("--wide-sides", type=int, nargs="*", help="the same for the SD 1.5 (default: the first)")
    parser.add_argument("--count", type=int, default=1, help="pictures of each portrait")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


@contextmanager
def checkouts(asked: argparse.Namespace) -> Iterator[list[Checkout]]:
    places = {} if asked.against is None else {"before": asked.against.absolute()}
    opened = [Checkout(name, root, asked.threads) for name, root in {**places, "now": ROOT}.items()]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


def cases(asked: argparse.Namespace, folder: Path) -> Iterator[Case]:
    """Written as they are needed."""
    from portrait_cost.subjects import write_checkpoint, write_template, write_workspace

    templates = {side: write_template(folder, side) for side in {*asked.sides, *(asked.wide_sides or ())}}
    if asked.sides:
        write_workspace(folder / "miniature", None)
    for side in asked.sides:
        yield Case(f"miniature, template of {side}", folder / "miniature", templates[side], asked.count)
    if asked.width:
        base = write_checkpoint(folder / "base", asked.width)
        write_workspace(folder / "sd15", base)
        for side in asked.wide_sides or asked.sides[:1]:
            name = f"SD 1.5 with {asked.width} channels, template of {side}"
            yield Case(name, folder / "sd15", templates[side], asked.count)


def show(case: Case, made: dict[str, list[Portrait]], measured: Sequence[Checkout], rounds: int) -> None:
    """Measure a case in turns and print its table."""
    for turn in range(rounds + 1):
        for each in measured:
            portrait = each.portrait(case, quick=not turn)
            if turn:
                made[each.name].append(portrait)
    middles = {name: middle(portraits) for name, portraits in made.items()}
    print(f"\n{case.name}, {case.count} picture(s)\n{'CPU seconds':<28}" + "".join(f"{name:>10}" for name in middles))
    labels = dict.fromkeys(label for costs in middles.values() for label in sorted(costs, key=lambda one: -costs[one]))
    for label in labels:
        if max(costs.get(label, 0.0) for costs in middles.values()) >= LEAST:
            print(f"  {label:<26}" + "".join(f"{costs.get(label, 0.0):>10.3f}" for costs in middles.values()))
    for label, value in sums(middles).items():
        print(f"{label:<28}" + "".join(f"{each:>10}" for each in value))
    print(f"{'megabytes':<28}" + "".join(f"{portraits[-1].memory:>10}" for portraits in made.values()))
    print(f"{'seconds by the clock':<28}" + "".join(f"{clock(portraits):>10.2f}" for portraits in made.values()))
    if len(made) > 1:
        said = {(one.pixels, one.likeness) for portraits in made.values() for one in portraits}
        print("pixels and likeness: " + ("the same in all" if len(said) == 1 else f"{len(said)} DIFFERENT"))
    sys.stdout.flush()


def middle(portraits: Sequence[Portrait]) -> Costs:
    labels = {label for one in portraits for label in one.cpu}
    return {label: statistics.median(one.cpu.get(label, 0.0) for one in portraits) for label in labels}


def clock(portraits: Sequence[Portrait]) -> float:
    return statistics.median(one.wall for one in portraits)


def sums(middles: Mapping[str, Costs]) -> Mapping[str, list[str]]:
    from portrait_cost.attribution import FACE_NETWORKS, PAINTERS

    rows: dict[str, list[str]] = {"painting networks": [], "face networks": [], "all": []}
    rows |= {"outside painting": [], "outside all networks": [], "outside, seconds": []}
    for costs in middles.values():
        painting = sum(costs.get(label, 0.0) for label in PAINTERS)
        faces, total = sum(costs.get(label, 0.0) for label in FACE_NETWORKS), sum(costs.values())
        rows["painting networks"].append(f"{painting:.2f}")
        rows["face networks"].append(f"{faces:.2f}")
        rows["all"].append(f"{total:.2f}")
        rows["outside painting"].append(f"{(total - painting) / total:.1%}")
        rows["outside all networks"].append(f"{(total - painting - faces) / total:.1%}")
        rows["outside, seconds"].append(f"{total - painting - faces:.2f}")
    return rows


def work(commands: IO[str], answers: IO[str]) -> None:
    """Make the portraits that are asked for, one a line."""
    from portrait_cost.attribution import Attribution

    from easyphoto import machine
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.base import NullContext
    from easyphoto.commands.photograph import PhotographPersons
    from easyphoto.settings.inference import InferenceSettings
    from easyphoto.workspace.folders import Workspace

    # As the command line and the server do, in checkouts that know it.
    getattr(machine, "reuse_freed_memory", lambda: None)()
    apps: dict[str, EasyPhoto] = {}
    attribution, is_watching = Attribution(), False
    for line in commands:
        asked = json.loads(line)
        app = apps.setdefault(asked["workspace"], EasyPhoto(Workspace(Path(asked["workspace"]))))
        steps = 2 if asked["quick"] else None
        settings = InferenceSettings(count=asked["count"], first_steps=steps, second_steps=steps)
        command = PhotographPersons(("anna",), (Path(asked["template"]),), settings=settings)
        attribution.begin()
        with app.at_hand() as leased:
            result = command.run(leased, NullContext())
        attribution.note()
        print(json.dumps(told(attribution, result)), file=answers, flush=True)
        if not is_watching:  # The first one has imported everything.
            attribution.watch()
            is_watching = True


def told(attribution: Any, result: Any) -> dict[str, Any]:
    from PIL import Image

    digest = hashlib.sha256()
    for file in result.pictures:
        with Image.open(file) as picture:
            digest.update(picture.tobytes())
    likeness = [repr(one.likeness) for made in result.made for one in made.results] + [repr(result.made[0].before)]
    return {
        "cpu": attribution.cpu,
        "wall": sum(attribution.wall.values()),
        "pixels": digest.hexdigest(),
        "likeness": hashlib.sha256("".join(likeness).encode()).hexdigest(),
        "memory": resident(),
    }


def resident() -> int:
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20 if status.is_file() else 0


if __name__ == "__main__":
    main()
