"""What a warm server saves: the same portrait twice on one cache, and once more after it was emptied.

    python tools/warm_portrait.py WORKSPACE PERSON [--rounds 3]

PERSON is trained in WORKSPACE (`python start.py --workspace WORKSPACE demo` makes one called demo). Prints, for each
round, seconds and loads of a cold and of a warm portrait, and at the end the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import demo_template
from easyphoto.commands.base import NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.workspace.folders import Workspace


def portrait(app: EasyPhoto, person: str, out: Path) -> tuple[float, int]:
    """Seconds, and how much was loaded or computed anew."""
    began, before = time.perf_counter(), app.cache.loads
    with app.at_hand() as leased:
        PhotographPersons((person,), (demo_template(),), out=out).run(leased, NullContext())
    return time.perf_counter() - began, app.cache.loads - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("person")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    app = EasyPhoto(Workspace(asked.workspace.absolute()))
    cold, warm = [], []
    with tempfile.TemporaryDirectory() as folder:
        # Imports are nobody's warmth: a first portrait pays for them.
        portrait(app, asked.person, Path(folder) / "imports")
        for number in range(asked.rounds):
            app.cache.clear()
            cold.append(portrait(app, asked.person, Path(folder) / f"cold{number}"))
            warm.append(portrait(app, asked.person, Path(folder) / f"warm{number}"))
            print(f"cold {cold[-1][0]:.2f} s, {cold[-1][1]} loads; warm {warm[-1][0]:.2f} s, {warm[-1][1]} loads")
    middle = [statistics.median(seconds for seconds, _ in each) for each in (cold, warm)]
    print(f"median {middle[0]:.2f} s and {middle[1]:.2f} s: {middle[1] / middle[0]:.2f} of the time")
    print(f"kept {app.cache.bytes / 1e6:.1f} MB of at most {app.cache.limit / 1e6:.0f}")


if __name__ == "__main__":
    main()
