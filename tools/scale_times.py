"""Measures what a studio's work costs a server and a cluster, for `docs/scale.md` and its simulation.

    python tools/scale_times.py --folder DIR                       all that this Python can measure
    python tools/scale_times.py --folder DIR --only ray            with a Python that has Ray

The queue's calls beside 0, 1,000 and 10,000 jobs of before, the HTTP API of a real server, the bytes that travel, and
Ray between two nodes on this machine. Everything is written to tools/scale/measured.json; what is not measured in a
call stays as it was. `queue` says what the processor does, and is steadiest in a folder in memory; `disk` wants one on
the disk that a workspace would have. Linux alone, because of /proc.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scale.figures import Figure, write

PARTS = ("queue", "disk", "sizes", "web", "ray")


def main() -> None:
    asked = parsed()
    for part in asked.only:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            figures = measured(part, Path(folder), asked.workspace)
        write(figures)
        for name, each in figures.items():
            print(f"{name:20} {each.value:14.6g} {each.unit:8} {each.what}", flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="for workspaces that are made for this (default: the system's)")
    parser.add_argument("--workspace", type=Path, help="one with trainings and results of the miniature, for sizes")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    return parser.parse_args()


def measured(part: str, folder: Path, workspace: Path | None) -> Mapping[str, Figure]:
    """Each part has imports of its own: not every Python has all of them."""
    if part == "queue":
        from scale import queue_times

        figures, rows = queue_times.measured(folder)
        print(queue_times.table(rows))
        return figures
    if part == "disk":
        from scale import queue_times

        return queue_times.of_the_disk(folder)
    if part == "sizes":
        from scale import sizes

        return sizes.measured(workspace)
    if part == "web":
        from scale import web_times

        return web_times.measured(folder)
    from scale import ray_times

    return ray_times.measured()


if __name__ == "__main__":
    main()
