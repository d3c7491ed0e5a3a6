"""Kills parts of a cluster while it works, and checks whether anything was lost, or published twice.

    python tools/cluster_trial.py --seed 1

A real server (`easyphoto ui --cluster auto`, two actors of one thread each, on this machine) gets portraits and short
trainings of the miniature. In an order and at moments from the seed actors, the cluster's head, the link and the server
itself get SIGKILL; the server is started again, everything else comes back by itself. At the end: is every job done,
has every portrait exactly one folder of results and every training one run and one person, do the events of each job
count on without a gap for a client that follows them, is nothing left in between. Needs Ray, and Linux.

Ends with 1 where something does not hold. `--workspace DIR` keeps what was made.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import draw_photos
from easyphoto.cluster.node import FOLDER_VARIABLE
from easyphoto.commands.base import NullContext
from easyphoto.commands.train import TrainPerson
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.records import read_json
from easyphoto.workspace.folders import JOB_FILE, Workspace, folders_in
from easyphoto.workspace.upgrades import open_workspace

ROOT = Path(__file__).resolve().parent.parent
OVER = ("done", "failed", "cancelled", "interrupted")
QUICK = TrainSettings(steps=6, validations=1, validation_steps=3)
SECONDS_TO_START = 90.0
TEMPLATE = "01-lights"


@dataclass
class Course:
    folder: Path
    actors: int
    port: int = 0
    server: subprocess.Popen[bytes] | None = None
    faults: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    """How many actors were killed under each job: the third ends it by name, which is not what is tried here."""
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder / "workspace")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/easyphoto/v1"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.port = self.port or free_port()
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT), FOLDER_VARIABLE: str(self.folder / "nodes"), "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE", "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
        }  # fmt: skip
        command = [sys.executable, "-m", "easyphoto", "ui", "--cluster", "auto", "--actors", str(self.actors)]
        command += ["--port", str(self.port), "--workspace", str(self.workspace.root)]
        with open(self.folder / "server.log", "ab") as log:
            self.server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < until and self.server.poll() is None:
            with suppress(httpx.HTTPError):
                httpx.get(f"{self.address}/jobs", timeout=5)
                return
            time.sleep(0.2)
        raise SystemExit(f"The server does not start: {(self.folder / 'server.log').read_text()[-2000:]}")

    def ask(self, method: str, path: str, **values: Any) -> Any:
        """The answer, however often the server has to be asked."""
        while True:
            with suppress(httpx.HTTPError):
                answer = httpx.request(method, f"{self.address}{path}", timeout=60, **values)
                if answer.is_error:
                    raise SystemExit(f"{method} {path}: {answer.text}")
                return answer.json()
            time.sleep(0.2)

    def kill(self, kind: str, chance: random.Random) -> bool:
        """Kill one of the kind; False where there is none now."""
        assert self.server is not None
        below = list(descendants(self.server.pid))
        if kind == "server":
            os.kill(self.server.pid, signal.SIGKILL)
            self.server.wait()
            self.start()
            return True
        if kind == "actor":
            jobs = {pid: job for pid, job in self.jobs_of_actors().items() if pid in below and self.hit[job] < 2}
            found = sorted(jobs)
        else:
            words = {"head": "/gcs_server", "link": "easyphoto.cluster.link"}[kind]
            found = [pid for pid in below if words in command_of(pid)]
        if not found:
            return False
        victim = chance.choice(found)
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            if kind == "actor":
                self.hit[jobs[victim]] += 1
            return True
        return False

    def jobs_of_actors(self) -> dict[int, str]:
        """The numbers of the processes that run a job now, by the locks of their scratch workspaces."""
        found = {}
        for lock in (self.folder / "nodes").glob("*.lock"):
            with suppress(OSError, ValueError):
                jobs = folders_in(lock.with_suffix("") / "jobs")
                found.update({int(lock.read_text().split()[0]): job.name for job in jobs})
        return found

    def close(self) -> None:
        self.over.set()
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            try:
                self.server.wait(30)
            except subprocess.TimeoutExpired:
                self.faults.append("the server did not end in 30 s")
                self.server.kill()


def follow(course: Course, id: str, seen: list[int]) -> None:
    """Follow a job's events as a client does: over every loss of the connection, from the last number on."""
    while not course.over.is_set():
        with suppress(httpx.HTTPError):
            headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
            with httpx.stream("GET", f"{course.address}/jobs/{id}/events", headers=headers, timeout=60) as events:
                for line in events.iter_lines():
                    if line.startswith("id:"):
                        seen.append(int(line.partition(":")[2]))
                    if line.startswith("data:") and json.loads(line.partition(":")[2]).get("state") in OVER:
                        return
        time.sleep(0.3)


def descendants(pid: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            fields = entry.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            yield child
            waiting.append(child)


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return ""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def prepare(course: Course) -> Sequence[Path]:
    """Anna is trained; returns photos for others."""
    photos = photo_files(draw_photos(course.folder / "photos", 0))
    if not course.workspace.person_folder("anna").exists():
        TrainPerson("anna", photos, settings=QUICK).run(EasyPhoto(open_workspace(course.workspace.root)), NullContext())
    return photos


def submit(course: Course, portraits: int, trainings: int, photos: Sequence[Path]) -> list[str]:
    ids = []
    uploads = []
    for photo in photos:
        kept = course.ask("POST", "/uploads", files={"file": (photo.name, photo.read_bytes())})
        uploads.append({"upload": kept["uploads"][0]["name"]})
    steps = {"steps": QUICK.steps, "validations": 1, "validation_steps": 3}
    for number in range(trainings):
        asked = {"name": f"person{number}", "photos": uploads, "settings": steps}
        ids.append(course.ask("POST", "/train", json=asked)["id"])
    for number in range(portraits):
        asked = {"persons": ["anna"], "templates": [{"template": TEMPLATE}], "settings": {"seed": 100 + number}}
        ids.append(course.ask("POST", "/photograph", json=asked)["id"])
    return ids


def kill_in_turn(course: Course, ids: Sequence[str], kills: Sequence[str], chance: random.Random) -> None:
    """Each at a random moment while a job runs; what stands last may find all jobs done."""
    for kind in kills:
        time.sleep(chance.uniform(1.0, 5.0))
        while not course.over.is_set():
            states = [course.ask("GET", f"/jobs/{id}")["state"] for id in ids]
            if "running" in states and course.kill(kind, chance):
                course.kills[kind] += 1
                print(f"  killed: {kind} ({Counter(states)})", flush=True)
                break
            if not {"queued", "running"} & set(states):
                return
            time.sleep(0.2)


def judge(course: Course, ids: Sequence[str], followed: dict[str, list[int]], *, earlier: int) -> None:
    """Look at the workspace when all is over."""
    workspace, faults = course.workspace, course.faults
    jobs = {id: read_json(workspace.jobs / id / JOB_FILE) for id in ids}
    for id, job in jobs.items():
        if job["state"] != "done":
            faults.append(f"{id} ({job['kind']}) is {job['state']}: {job['error']}")
        lines = [json.loads(line) for line in (workspace.jobs / id / "events.jsonl").read_text().splitlines()]
        numbers = [line["number"] for line in lines]
        if numbers != list(range(1, len(numbers) + 1)):
            faults.append(f"the events of {id} do not count: {numbers}")
        if followed[id] != numbers:
            faults.append(f"a client of {id} saw {followed[id]}, not {len(numbers)} events")
        if [line for line in lines if line.get("state") in OVER] != lines[-1:]:
            faults.append(f"{id} was done more than once, or went on")
        for name, below in job["files"].items():
            if not (workspace.root / below).is_file():
                faults.append(f"{id} hands out {name}, and {below} is missing")
        if left := [each.name for each in (workspace.jobs / id).iterdir() if each.name in (".arrived", "command.json")]:
            faults.append(f"{id} has left {left}")
    portraits = [job for job in jobs.values() if job["kind"] == "photograph"]
    trainings = [job for job in jobs.values() if job["kind"] == "train"]
    if (found := len(folders_in(workspace.results))) != len(portraits):
        faults.append(f"{found} folders of results for {len(portraits)} portraits")
    if (found := len(folders_in(workspace.runs))) != len(trainings) + earlier:
        faults.append(f"{found} runs for {len(trainings)} trainings and {earlier} before")
    people = {person.id for person in workspace.list_persons()}
    if wanted := {f"person{number}" for number in range(len(trainings))} - people:
        faults.append(f"there is no {wanted}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--portraits", type=int, default=10)
    parser.add_argument("--trainings", type=int, default=2)
    parser.add_argument("--kills", default="actor:5,head:1,link:1,server:1", help="which, and how many of each")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=15.0, help="after which it has failed")
    parser.add_argument("--workspace", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cluster-trial-") as temporary:
        return trial(asked, Course((asked.workspace or Path(temporary)).absolute(), asked.actors))


def trial(asked: argparse.Namespace, course: Course) -> int:
    chance = random.Random(asked.seed)
    kills = [kind for part in asked.kills.split(",") if part for kind, _, number in [part.partition(":")]
             for _ in range(int(number))]  # fmt: skip
    chance.shuffle(kills)
    photos = prepare(course)
    earlier, began = len(folders_in(course.workspace.runs)), time.monotonic()
    course.start()
    try:
        ids = submit(course, asked.portraits, asked.trainings, photos)
        followed: dict[str, list[int]] = {id: [] for id in ids}
        followers = [threading.Thread(target=follow, args=(course, id, followed[id]), daemon=True) for id in ids]
        for thread in followers:
            thread.start()
        kill_in_turn(course, ids, kills, chance)
        for thread in followers:
            thread.join(max(0.0, began + asked.minutes * 60 - time.monotonic()))
    finally:
        course.close()
    judge(course, ids, followed, earlier=earlier)
    notes = [note for id in ids for note in read_json(course.workspace.jobs / id / JOB_FILE)["notes"]]
    losses = sum("begins again" in str(note) for note in notes)
    print(f"seed {asked.seed}: {len(ids)} jobs, killed {dict(course.kills)}, {losses} attempts begun again, "
          f"{time.monotonic() - began:.0f} s")  # fmt: skip
    for fault in course.faults:
        print(f"  {fault}")
    print("nothing lost, nothing published twice" if not course.faults else f"{len(course.faults)} faults")
    return int(bool(course.faults))


if __name__ == "__main__":
    raise SystemExit(main())
