"""Feeds EasyPhoto odd pictures, odd ZIP files and odd records, and watches what it does with them.

    python tools/fuzz_trial.py pictures --count 1000
    python tools/fuzz_trial.py zips --count 500 --seed 7
    python tools/fuzz_trial.py records --count 300
    python tools/fuzz_trial.py records --only 123 --seed 7     # one case again, with everything it says

Each case is made from its number and the seed, and tried in a forked child of its own. It fails where anything but
EasyPhoto's own errors comes out, a route answers with 500, somebody else's things are hidden or changed, it takes too
long or too much memory, a program is started, or a file outside the workspace is read, changed or handed out. Ends
with 1 where a case failed. The verbs run with the stand-ins of the tests; readers and records are the real ones.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trials.cases import ROUTES, SECRET, SUBJECTS, Case
from trials.forks import forked
from trials.workshop import LateQueue, Prepared, open_app, picture, prepare, take_stand_ins

from easyphoto.jobs.service import Service

FAULTS = ("traceback", "hang", "memory", "outside", "hidden", "left")
MIB = 1 << 20


@dataclass
class Found:
    kind: str
    faults: dict[str, str] = field(default_factory=dict)
    peak: int = 0


def tried(subject: str, number: int, seed: int, made: Prepared, place: Path, *, longest: float, most: int) -> Found:
    case = Case(place / "case", random.Random(f"{seed} {subject} {number}"), made)
    shutil.rmtree(case.place, ignore_errors=True)
    for folder in (case.odd, case.place / "tmp", case.place / "out"):
        folder.mkdir(parents=True)
    case.secret.write_bytes(picture(5, SECRET))
    if subject == "pictures":
        case.root.mkdir()
    else:
        shutil.copytree(made.root, case.root)
    make, attempt = SUBJECTS[subject]
    # In a child of its own, because making it may take more memory than reading it.
    ready = forked(lambda: make(case), seconds=120)
    if ready.value is None:
        return Found(f"not made: {ready.fault[-200:]}{ready.hung[-200:]}")
    has_link = any(path.is_symlink() for path in case.place.rglob("*"))
    ended = forked(attempt(replace(case, has_link=has_link)), seconds=longest)
    found = Found(str(ready.value), peak=ended.peak)
    if ended.hung:
        found.faults["hang"] = where_of(ended.hung)
    elif ended.value is None:
        found.faults["traceback"] = ended.fault[-300:] or f"ended by signal {ended.signal}"
    for fault in ended.value or ():
        name = fault.partition(":")[0]
        found.faults.setdefault(name if name in FAULTS else "traceback", fault)
    if ended.peak > most:
        found.faults["memory"] = f"{ended.peak / MIB:.0f} MiB more than at its start"
    return found


def where_of(stack: str) -> str:
    """The innermost line of ours in faulthandler's words."""
    lines = [line.strip() for line in stack.splitlines() if "/easyphoto/" in line or "/PIL/" in line]
    return "; ".join(line.rpartition("/")[2] for line in lines[:4]) or stack[:200]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first case's number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one case, by its number")
    parser.add_argument("--longest", type=float, default=30.0, help="seconds of a case")
    parser.add_argument("--most", type=int, default=1024, help="MiB above idle")
    asked = parser.parse_args()
    numbers = range(asked.first, asked.first + asked.count) if asked.only is None else [asked.only]
    cases, faults, peak, began = Counter[str](), Counter[tuple[str, str]](), 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-trial-") as folder:
        warm_up(Path(folder))
        made = prepare(Path(folder))
        for number in numbers:
            found = tried(
                asked.subject, number, asked.seed, made, Path(folder), longest=asked.longest, most=asked.most * MIB
            )
            group = found.kind.partition(" ")[0] if asked.subject != "pictures" else found.kind
            cases[group] += 1
            peak = max(peak, found.peak)
            for fault, words in found.faults.items():
                faults[group, fault] += 1
                again = f"{asked.subject} --only {number} --seed {asked.seed}"
                print(f"{again}: {found.kind}: {fault}: {' '.join(words.split())[:300]}", flush=True)
            if asked.only is not None:
                print(found)
            elif (number + 1) % 100 == 0:
                print(f"{number + 1} of {asked.count} after {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(f"\n| {asked.subject} | cases | {' | '.join(FAULTS)} |\n|---|{'--:|' * (len(FAULTS) + 1)}")
    for group, count in sorted(cases.items()):
        print(f"| {group} | {count} | {' | '.join(str(faults[group, fault]) for fault in FAULTS)} |")
    totals = [sum(count for (_, name), count in faults.items() if name == fault) for fault in FAULTS]
    print(f"| all | {sum(cases.values())} | {' | '.join(map(str, totals))} |")
    print(f"\nHighest peak: {peak / MIB:.0f} MiB above idle; {time.monotonic() - began:.0f} s.")
    return int(bool(faults))


def warm_up(place: Path) -> None:
    """What is imported here costs no case time or memory; a program that Pillow may start is laid in its way."""
    import torch
    from fastapi.testclient import TestClient

    import easyphoto.ui.page  # noqa: F401
    from easyphoto.api.application import build_api
    from easyphoto.cli import doctor

    torch.set_num_threads(1)
    doctor.measure_speed = _unmeasured  # type: ignore[assignment]
    programs = place / "bin"
    programs.mkdir()
    (programs / "gs").write_text("#!/bin/sh\necho 10.02\n")
    (programs / "gs").chmod(0o755)
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    take_stand_ins(place / "base")
    late = LateQueue()
    service = Service(open_app(place / "case" / "workspace"), late)  # type: ignore[arg-type]
    ROUTES[service.app.workspace.root] = service, late, TestClient(build_api(service), raise_server_exceptions=False)


def _unmeasured() -> None:
    raise ImportError


if __name__ == "__main__":
    sys.exit(main())
