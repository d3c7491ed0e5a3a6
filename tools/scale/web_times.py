"""What the HTTP API costs the head: seconds of its processor for a submission, and for a client that follows a job."""

from __future__ import annotations

import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trials.clients import V1, Web
from trials.workshop import LateQueue, open_app, prepare, take_stand_ins

from easyphoto.api.front import LOOPBACK
from easyphoto.cli import server
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from scale.figures import Figure

SUBMISSIONS, FOLLOWERS, SECONDS = 60, 40, 8.0
ASKED = {"persons": ["anna"], "settings": {"count": 1}, "templates": [{"template": "own-beach"}]}


def measured(folder: Path) -> dict[str, Figure]:
    with served(folder) as (child, web):
        clock, processor, first = [], _seconds(child), ""
        for number in range(SUBMISSIONS):
            began = time.perf_counter()
            answer = web.ask("POST", "/photograph", {**ASKED, "settings": {"count": 1, "seed": number}})
            clock.append(time.perf_counter() - began)
            if answer.status != 202:
                raise SystemExit(f"A portrait was refused: {answer.status} {answer.text}")
            first = first or answer.json()["id"]
        submission = (_seconds(child) - processor) / SUBMISSIONS
        idle = _share(child)
        with followed(web, first):
            following = (_share(child) - idle) / FOLLOWERS
    return {
        "http_submission": Figure(submission, "s", "a portrait is asked for over HTTP: the server's processor"),
        "http_answer": Figure(statistics.median(clock), "s", "the same until the answer, by the clock"),
        "follower": Figure(max(0.0, following), "s/s", "a client that follows a job's events: the server's processor"),
    }


@contextmanager
def served(folder: Path) -> Iterator[tuple[int, Web]]:
    """The real server without the tabs, in a process of its own, whose first job never ends: the others wait."""
    take_stand_ins(folder / "base")
    root, late = prepare(folder).root, LateQueue()
    PhotographPersons.run = _for_ever  # type: ignore[method-assign]
    service = Service(open_app(root), late)  # type: ignore[arg-type]
    built = server.build_app(service, None, hosts=LOOPBACK, tabs=False)
    server.build_app = lambda *_, **__: built
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _serve(service, late, writing)
    os.close(writing)
    with os.fdopen(reading, "r") as stream:
        web = Web(stream.readline().strip())
    web.wait(30.0)
    try:
        yield child, web
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _serve(service: Service, late: LateQueue, writing: int) -> None:
    """In the child; never returns."""

    def ready(address: str) -> None:
        os.write(writing, f"{address}\n".encode())
        os.close(writing)

    try:
        late.opened = JobQueue(service.app.workspace)
        server.serve(service, port=0, ready=ready)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def _for_ever(self: PhotographPersons, app: Any, context: Any) -> Any:
    threading.Event().wait()


@contextmanager
def followed(web: Web, id: str) -> Iterator[None]:
    with ExitStack() as opened:
        for _ in range(FOLLOWERS):
            connection = HTTPConnection(urlsplit(web.address).netloc, timeout=30)
            opened.callback(connection.close)
            connection.request("GET", f"{V1}/jobs/{id}/events")
            connection.getresponse().readline()
        yield


def _share(child: int) -> float:
    """Seconds of the processor that the server takes in a second."""
    time.sleep(1.0)
    before = _seconds(child)
    time.sleep(SECONDS)
    return (_seconds(child) - before) / SECONDS


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))
