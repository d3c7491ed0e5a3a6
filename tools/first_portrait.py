"""Seconds from a person's photos to their first portrait without a training, in a warm process.

    python tools/first_portrait.py [--persons 5]

Ten photos of each drawn person of the benches are added and one portrait is made, through the commands that a server
runs. The first person pays for imports and loading and is told apart. Prints seconds for each, and the medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import demo_template
from easyphoto.bench.persons import draw_member, write_photos
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import Command, NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.workspace.folders import Workspace

FIRST = 40
"""Index of the first person; lower ones are measured elsewhere."""


def timed(app: EasyPhoto, command: Command) -> float:
    began = time.perf_counter()
    with app.at_hand() as leased:
        command.run(leased, NullContext())
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=5, help="after the first one, which warms the process")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app, warm = EasyPhoto(Workspace(Path(folder) / "workspace")), []
        for number in range(asked.persons + 1):
            photos = write_photos(draw_member(FIRST + number), Path(folder) / f"photos{number}")
            name = f"person-{number}"
            added = timed(app, AddPerson(name, photos))
            portrait = timed(app, PhotographPersons((name,), (demo_template(),)))
            print(f"{'warm' if number else 'cold'}: added {added:.1f} s, portrait {portrait:.1f} s")
            warm += [(added, portrait)] if number else []
        middle = [statistics.median(each) for each in zip(*warm, strict=True)]
        print(f"median warm: added {middle[0]:.1f} s, portrait {middle[1]:.1f} s, together {sum(middle):.1f} s")


if __name__ == "__main__":
    main()
