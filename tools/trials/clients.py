"""Clients of a server that may die at any moment, and what its answers let them know."""

from __future__ import annotations

import base64
import http.client
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from trials.workshop import photos_of, picture

V1 = "/easyphoto/v1"
TEMPLATES = ("own-beach", "own-room")
QUICK = {"count": 1}


class Gone(Exception):
    """The server has ended, or does not answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes

    @property
    def text(self) -> str:
        return self.content[:300].decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Known:
    """What is known of somebody from the server's answers."""

    id: str
    archive: bytes | None
    """An export of theirs; None for who is trained."""
    states: set[str | None]
    """The names under which they may be there now; None: not there."""
    may_leave_traces: bool = False
    """Their training may be gone on with."""


@dataclass(frozen=True)
class Web:
    address: str

    def ask(self, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> Answer:
        """Raises Gone."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=30)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": kind}
        try:
            connection.request(method, f"{V1}{path}", content, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Gone(f"{method} {path}: {type(error).__name__} {error}") from error
        finally:
            connection.close()

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            try:
                self.ask("GET", "/templates")
                return
            except Gone:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)


@dataclass
class Client:
    """One of several, each with persons of its own, so that it knows what its answers mean."""

    web: Web
    known: dict[str, Known]
    slot: int
    chance: random.Random
    doing: str = ""
    faults: list[str] = field(default_factory=list)

    def work(self) -> None:
        """Until the server is gone."""
        verbs: list[Callable[[], None]] = [
            self.bring, self.bring, self.rename, self.export, self.delete, self.photograph, self.train, self.check,
            self.template, self.jobs,
        ]  # fmt: skip
        try:
            while True:
                verb = self.chance.choice(verbs)
                self.doing = verb.__name__
                verb()
        except Gone:
            return

    def ask(self, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> Answer:
        answer = self.web.ask(method, path, body, kind=kind)
        if answer.status == 500:
            self.faults.append(f"{method} {path}: {answer.text}")
        return answer

    def change(
        self, person: Known, after: str | None, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> Answer:
        """Until it is answered, they may be as before or as after."""
        before = set(person.states)
        person.states.add(after)
        answer = self.ask(method, path, body, kind=kind)
        person.states = {after} if answer.status < 300 else before
        return answer

    def mine(self, *, is_there: bool | None = None) -> Known | None:
        numbers = (2 * self.slot, 2 * self.slot + 1)
        mine = [self.known[f"p{number}"] for number in numbers]
        fitting = [one for one in mine if is_there is None or (one.states != {None}) == is_there]
        return self.chance.choice(fitting) if fitting else None

    def bring(self) -> None:
        if person := self.mine(is_there=False):
            self.change(person, person.id, "POST", "/persons:import", person.archive, "application/zip")

    def rename(self) -> None:
        if person := self.mine(is_there=True):
            name = f"Name {self.chance.randrange(1000)}"
            self.change(person, name, "PATCH", f"/persons/{person.id}", {"name": name})

    def delete(self) -> None:
        person = self.known[f"t{self.slot}"] if self.chance.random() < 0.3 else self.mine(is_there=True)
        if person is not None and person.states != {None}:
            self.change(person, None, "DELETE", f"/persons/{person.id}")

    def export(self) -> None:
        if person := self.mine(is_there=True):
            self.ask("GET", f"/persons/{person.id}/export")

    def photograph(self) -> None:
        if person := self.mine(is_there=True):
            templates = [{"template": self.chance.choice(TEMPLATES)}]
            self.ask("POST", "/photograph", {"persons": [person.id], "templates": templates, "settings": QUICK})

    def train(self) -> None:
        """Whether it succeeds is seen at the next start; who was there before must still be."""
        person = self.known[f"t{self.slot}"]
        photos = [_inline(name, content) for name, content in photos_of(person.id, 2000 + 10 * self.slot)]
        person.states.add(person.id)
        self.ask("POST", "/train", {"name": person.id, "photos": photos})

    def check(self) -> None:
        photos = [_inline(f"check {number}", picture(self.chance.randrange(10**6))) for number in range(2)]
        self.ask("POST", "/photos:check", {"photos": photos})

    def template(self) -> None:
        name = f"mine-{self.slot}"
        self.ask("POST", "/templates", {"name": name, "picture": _inline(name, picture(3000 + self.slot))})
        self.ask("DELETE", f"/templates/own-{name}")

    def jobs(self) -> None:
        jobs = self.ask("GET", "/jobs").json()["jobs"]
        for job in self.chance.sample(jobs, min(2, len(jobs))):
            self.ask("GET", f"/jobs/{job['id']}/events?after=999")
            is_over = job["state"] not in ("queued", "running")
            self.ask("DELETE", f"/jobs/{job['id']}{'?forget=true' if is_over else ''}")


def _inline(name: str, content: bytes) -> dict[str, str]:
    return {"name": name, "data": base64.b64encode(content).decode()}
