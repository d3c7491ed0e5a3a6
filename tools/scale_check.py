"""Compares the simulation with a running server: persons are trained and photographed there, side by side.

    easyphoto ui --devices cpu:0,cpu:1 --port 7871 --workspace DIR &
    python tools/scale_check.py http://127.0.0.1:7871 --lanes 2 --persons 2 --portraits 5

The server has the miniature, and `--lanes` lanes or actors. What a training and a portrait take there is taken from the
run itself; what is compared is the rest: the order of the jobs, who waits for whom, and what the queue and the way to
the lanes cost. Prints the seconds of the run, those that the simulation says, and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from scale.figures import read
from scale.running import Simulation
from scale.studio import Cards, Costs, Hardware, Studio, Work

from easyphoto.bench.demo import draw_photos

TRAINING = {"steps": 60, "validations": 1, "validation_steps": 3}
TEMPLATE = "01-lights"
SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Ran:
    kind: str
    lane: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass
class Server:
    address: str

    def ask(self, method: str, path: str, **values: Any) -> Any:
        answer = httpx.request(method, f"{self.address}/easyphoto/v1{path}", timeout=60, **values)
        if answer.is_error:
            raise SystemExit(f"{method} {path}: {answer.text}")
        return answer.json()

    def upload(self, folder: Path) -> list[dict[str, str]]:
        kept = []
        for photo in sorted(folder.glob("*.jpg")):
            said = self.ask("POST", "/uploads", files={"file": (photo.name, photo.read_bytes())})
            kept.append({"upload": said["uploads"][0]["name"]})
        return kept

    def train(self, person: str, photos: Sequence[dict[str, str]]) -> str:
        return str(self.ask("POST", "/train", json={"name": person, "photos": photos, "settings": TRAINING})["id"])

    def photograph(self, person: str, seed: int) -> str:
        asked = {"persons": [person], "templates": [{"template": TEMPLATE}], "settings": {"seed": seed, "count": 1}}
        return str(self.ask("POST", "/photograph", json=asked)["id"])

    def ended(self, id: str) -> Ran | None:
        job = self.ask("GET", f"/jobs/{id}")
        if job["state"] in ("queued", "running"):
            return None
        if job["state"] != "done":
            raise SystemExit(f"The job {id} is {job['state']}: {job['error']}")
        began, ended = (datetime.fromisoformat(job[name].replace("Z", "+00:00")) for name in ("started", "ended"))
        return Ran(job["kind"], str(job.get("lane")), began.timestamp(), ended.timestamp())


def main() -> None:
    asked = parsed()
    server, stamp = Server(asked.server.rstrip("/")), format(int(time.time()), "x")
    with tempfile.TemporaryDirectory() as folder:
        photos = server.upload(draw_photos(Path(folder), 0))
    # Every lane loads its models before anything is counted.
    warm = f"warm-{stamp}"
    together(server, {server.train(warm, photos): None})
    together(server, {server.photograph(warm, seed): None for seed in range(2 * asked.lanes)})
    persons = {server.train(f"p{number}-{stamp}", photos): f"p{number}-{stamp}" for number in range(asked.persons)}
    report(together(server, persons, asked.portraits), asked)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", metavar="ADDRESS")
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--persons", type=int, default=2)
    parser.add_argument("--portraits", type=int, default=5, help="of each person, each a job")
    return parser.parse_args()


def together(server: Server, waiting: Mapping[str, str | None], portraits: int = 0) -> list[Ran]:
    """Wait for the jobs; the person of each that has one is photographed that many times as soon as it is over."""
    left: dict[str, str | None] = {**waiting}
    found = []
    while left:
        for id, person in tuple(left.items()):
            if (ran := server.ended(id)) is None:
                continue
            found.append(ran)
            del left[id]
            if person is not None:
                left |= {server.photograph(person, 100 + number): None for number in range(portraits)}
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return found


def report(ran: list[Ran], asked: argparse.Namespace) -> None:
    seconds = {kind: [each.seconds for each in ran if each.kind == kind] for kind in ("train", "photograph")}
    for kind, each in seconds.items():
        print(f"{len(each):3} {kind:12} {statistics.mean(each):7.2f} s each ({min(each):.2f} to {max(each):.2f})")
    print(f"    lanes        {', '.join(sorted({each.lane for each in ran}))}")
    measured = read()
    cards = Cards(
        training=statistics.mean(seconds["train"]), picture=statistics.mean(seconds["photograph"]),
        spread=statistics.pstdev(seconds["photograph"]) / statistics.mean(seconds["photograph"]),
        load=0.0, switch=0.0, hours_between_losses=0.0,
    )  # fmt: skip
    work = Work(
        asked.portraits, 1, photos_bytes=measured["miniature_photos"], lora_bytes=measured["lora_miniature"],
        picture_bytes=measured["miniature_picture"],
    )  # fmt: skip
    studio = Studio(asked.lanes, Costs.of(measured, Hardware()), cards, work, persons_an_hour=0.0, known_jobs=0)
    said = statistics.median(Simulation(replace(studio, seed=seed)).makespan(asked.persons) for seed in range(99))
    took = max(each.ended for each in ran) - min(each.began for each in ran)
    print(f"the run {took:.1f} s, the simulation {said:.1f} s: {said / took:.3f}")


if __name__ == "__main__":
    main()
