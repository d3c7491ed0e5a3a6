"""Kills a server under load, again and again, and looks at what each next start makes of it.

    python tools/kill_server.py --kills 200 --seed 1

Clients upload, check, import, rename, export, photograph, train, delete and add templates, all at once; at a moment
from the seed the server gets SIGKILL. The next server is started on the same workspace and asked: is everybody there
of whom the last answer said so, and whole; can every job be read; does everything belong to somebody; is nothing left
of who was deleted; did any route answer with 500. Ends with 1 where something does not hold. The seed decides what is
asked and when it is killed; what is under way then depends on the machine.

It is the real server, without the tabs, forked from a process that has imported everything and built the routes; the
verbs run with the stand-ins of the tests.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trials.clients import Client, Gone, Known, Web
from trials.judging import grow_older, ownerless, state_of, traces
from trials.workshop import LateQueue, mark_of, open_app, photos_of, prepare, take_stand_ins

from easyphoto.api.front import LOOPBACK
from easyphoto.cli import server
from easyphoto.commands.base import NullContext
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.train import TrainPerson
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.persons.photo_sources import photo_files

FAULTS = ("lost", "damaged", "ownerless", "after a day", "traces", "jobs", "500", "no start")
SECONDS_TO_START, SECONDS_TO_SWEEP, DAY = 30.0, 5.0, 25 * 3600


@dataclass
class Course:
    """The servers of one workspace, one after another, and what is known of it."""

    root: Path
    service: Service
    late: LateQueue
    known: dict[str, Known]
    faults: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    under_way: Counter[str] = field(default_factory=Counter)
    """What was under way when the server was killed."""

    def note(self, fault: str, words: str) -> None:
        self.faults[fault] += 1
        self.said.setdefault(fault, f"{fault}: {' '.join(words.split())[:400]}")

    def started(self) -> tuple[int, Web]:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self.serve(writing)
        os.close(writing)
        with os.fdopen(reading, "r") as stream:
            address = stream.readline().strip()
        if not address:
            _, status = os.waitpid(child, 0)
            raise SystemExit(f"The server does not start any more (status {status}); see above.")
        web = Web(address)
        web.wait(SECONDS_TO_START)
        return child, web

    def serve(self, writing: int) -> None:
        """In the child; never returns."""
        os.setpgid(0, 0)

        def ready(address: str) -> None:
            os.write(writing, f"{address}\n".encode())
            os.close(writing)

        try:
            self.late.opened = JobQueue(self.service.app.workspace)
            server.serve(self.service, port=0, ready=ready)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)

    def judge(self, web: Web) -> None:
        self.judge_persons(web)
        self.judge_jobs(web)
        if left := self.patiently(lambda: ownerless(self.root)):
            self.note("ownerless", ", ".join(left[:6]))
        for id, person in self.known.items():
            is_gone = not person.may_leave_traces and person.states == {None}
            if is_gone and (left := traces(self.root, mark_of(id))):
                self.note("traces", f"{len(left)} files of {id}: {', '.join(left[:4])}")

    def judge_jobs(self, web: Web) -> None:
        listed = self.jobs_of(web)
        unread = [id for id in listed if web.ask("GET", f"/jobs/{id}").status != 200]
        # The start still ends the deletion that was cut off; what went meanwhile is not listed again.
        for id in set(unread) & set(self.jobs_of(web)) if unread else ():
            self.note("jobs", f"{id} is listed and cannot be read")

    def jobs_of(self, web: Web) -> list[str]:
        ids: list[str] = []
        cursor = ""
        while True:
            answer = web.ask("GET", f"/jobs?limit=500{cursor}")
            if answer.status != 200:
                self.note("jobs", answer.text)
                return []
            page = answer.json()
            ids += [job["id"] for job in page["jobs"]]
            if page["next"] is None:
                return ids
            cursor = f"&cursor={page['next']}"

    def judge_persons(self, web: Web) -> None:
        now = state_of(self.root).persons
        answer = web.ask("GET", "/persons")
        if answer.status != 200:
            self.note("damaged", f"GET /persons: {answer.status} {answer.text}")
            return
        names = {person["id"]: person["name"] for person in answer.json()["persons"]}
        for id, person in self.known.items():
            name = names.get(id)
            if name not in person.states:
                self.note("lost" if name is None else "damaged", f"{id} is {name!r}, may be {person.states}")
            if name is not None and "damaged" in now.get(id, {"damaged": "no folder"}):
                self.note("damaged", f"{id}: {now.get(id, {}).get('damaged')}")
            person.states = {name}

    def patiently(self, look: Callable[[], list[str]]) -> list[str]:
        """A server may sweep while it serves."""
        until = time.monotonic() + SECONDS_TO_SWEEP
        while (left := look()) and time.monotonic() < until:
            time.sleep(0.5)
        return left

    def round(self, number: int, seed: int, child: int, web: Web) -> None:
        """Load, until the server is killed."""
        chance = random.Random(f"{seed} {number}")
        clients = [Client(web, self.known, slot, random.Random(f"{seed} {number} {slot}")) for slot in range(4)]
        threads = [threading.Thread(target=client.work) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.03, 1.0))
        self.under_way.update(client.doing for client in clients if client.doing)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for thread in threads:
            thread.join()
        for client in clients:
            for words in client.faults:
                self.note("500", words)


def begin(place: Path, persons: int = 8) -> Course:
    """Archives of as many persons are at hand; half of them are there."""
    take_stand_ins(place / "base")
    made = prepare(place)
    known = {}
    for number in range(persons):
        id = f"p{number}"
        app = open_app(place / f"of-{id}")
        folder = place / f"photos-{id}"
        folder.mkdir()
        for name, content in photos_of(id, 1000 + 10 * number):
            (folder / name).write_bytes(content)
        TrainPerson(id, photo_files(folder)).run(app, NullContext())
        archive = ExportPerson(id, place / f"{id}.zip").run(app, NullContext())
        known[id] = Known(id, archive.read_bytes(), {None})
    for slot in range(4):
        known[f"t{slot}"] = Known(f"t{slot}", None, {None}, may_leave_traces=True)
    late = LateQueue()
    service = Service(open_app(made.root), late)  # type: ignore[arg-type]
    built = server.build_app(service, None, hosts=LOOPBACK, tabs=False)
    server.build_app = lambda *_, **__: built
    return Course(made.root, service, late, known)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kill-server-") as folder:
        course = begin(Path(folder))
        child, web = course.started()
        try:
            for number in range(asked.kills):
                course.round(number, asked.seed, child, web)
                child, web = course.started()
                course.judge(web)
        except Gone as error:
            course.note("no start", str(error))
        finally:
            os.killpg(child, signal.SIGTERM)
            os.waitpid(child, 0)
        grow_older(course.root, DAY)
        child, web = course.started()
        if left := course.patiently(lambda: ownerless(course.root)):
            course.note("after a day", ", ".join(left[:6]))
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    print(f"| kills | {' | '.join(FAULTS)} | s |\n|{'--:|' * (len(FAULTS) + 2)}")
    counts = [course.faults[fault] for fault in FAULTS]
    print(f"| {asked.kills} | {' | '.join(map(str, counts))} | {time.monotonic() - began:.0f} |")
    print("\nUnder way when killed: " + ", ".join(f"{name} {count}" for name, count in course.under_way.most_common()))
    print("\n".join(course.said.values()))
    return int(any(counts))


if __name__ == "__main__":
    sys.exit(main())
