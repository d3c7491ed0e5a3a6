"""Which files and functions of the package one portrait over HTTP passes, with the stand-ins of the tests.

    python tools/call_trace.py              # counts: to the job, and to the first diffusion call
    python tools/call_trace.py --list       # and each file with its functions

Counted from the route's handler on, in every thread: what is called until the job's work begins, and until the backend
is asked to inpaint. "On the way" is only what had been called and had not returned at that moment, with the handler's
own calls before the queue; "in all" is everything that was entered meanwhile.
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PACKAGE = f"{ROOT / 'easyphoto'}/"
V1 = "/easyphoto/v1"
HANDLER = ("api/verbs.py", "photograph")
QUEUED = ("jobs/queue.py", "submit")
WORK = ("commands/photograph.py", "run")
Place = tuple[str, str]
"""A file of the package, and the name of a function in it."""


@dataclass
class Trace:
    """What was entered between the handler and the first diffusion call."""

    entered: dict[Place, None] = field(default_factory=dict)
    to_job: tuple[Place, ...] = ()
    on_the_way: list[Place] = field(default_factory=list)
    on_to_diffusion: list[Place] = field(default_factory=list)
    is_on: bool = False

    def hears(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        place = place_of(frame.f_code)
        if place is None:
            if self.is_on and frame.f_code.co_name == "inpaint" and frame.f_code.co_filename.endswith("fakes.py"):
                self.is_on = False
                self.on_to_diffusion = [*self.on_the_way, *callers(frame)]
            return
        self.is_on = self.is_on or (place == HANDLER and not self.entered)
        if not self.is_on:
            return
        if place in (QUEUED, WORK) and not self.to_job:
            self.on_the_way += [each for each in callers(frame) if each not in self.on_the_way]
        self.entered.setdefault(place)
        if place == WORK and not self.to_job:
            self.to_job = tuple(self.entered)


def place_of(code: CodeType) -> Place | None:
    if not code.co_filename.startswith(PACKAGE) or code.co_name.startswith("<"):
        return None
    return code.co_filename.removeprefix(PACKAGE), code.co_name


def callers(frame: FrameType | None) -> Iterator[Place]:
    """From the outermost one of the package to the frame itself."""
    chain = []
    while frame is not None:
        chain.append(place_of(frame.f_code))
        frame = frame.f_back
    yield from (place for place in reversed(chain) if place is not None)


def portrait(place: Path, trace: Trace) -> None:
    """A person is trained over HTTP; then the photograph is traced."""
    from fastapi.testclient import TestClient
    from trials.workshop import open_app, picture, take_stand_ins

    from easyphoto.api.application import build_api
    from easyphoto.jobs.queue import JobQueue
    from easyphoto.jobs.service import Service

    take_stand_ins(place / "base")
    app = open_app(place / "workspace")
    service = Service(app, JobQueue(app.workspace))

    def sent(seed: int) -> dict[str, str]:
        return {"name": f"{seed}.png", "data": base64.b64encode(picture(seed, side=256)).decode()}

    def asked(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = client.post(f"{V1}{path}", json=body)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        while job["state"] in ("queued", "running"):
            time.sleep(0.1)
            job = client.get(f"{V1}/jobs/{job['id']}").json()
        assert job["state"] == "done", job["error"]
        return job

    with TestClient(build_api(service)) as client:
        asked("/train", {"name": "anna", "photos": [sent(seed) for seed in range(5)]})
        # The queue's thread lives already: a service of its own has one that is traced.
        traced = Service(app, JobQueue(app.workspace))
    threading.setprofile(trace.hears)
    with TestClient(build_api(traced)) as client:
        asked("/photograph", {"persons": ["anna"], "templates": [{"template": "03-room"}]})
    threading.setprofile(None)
    for each in (service, traced):
        each.queue.close()


def files_in(places: Iterable[Place]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file, function in places:
        if function not in found.setdefault(file, []):
            found[file].append(function)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name each file with its functions")
    asked = parser.parse_args()
    trace = Trace()
    with tempfile.TemporaryDirectory(prefix="call-trace-") as folder:
        portrait(Path(folder), trace)
    print("| from the route's handler | files | functions |\n|---|--:|--:|")
    rows: tuple[tuple[str, Sequence[Place]], ...] = (
        ("to the job, on the way", trace.on_the_way),
        ("to the job, in all", trace.to_job),
        ("to the first diffusion call, on the way", trace.on_to_diffusion),
        ("to the first diffusion call, in all", tuple(trace.entered)),
    )
    for words, places in rows:
        print(f"| {words} | {len(files_in(places))} | {len(set(places))} |")
        for file, functions in files_in(places).items() if asked.list else ():
            print(f"    {file}: {', '.join(functions)}")
    return int(not trace.to_job)


if __name__ == "__main__":
    sys.exit(main())
