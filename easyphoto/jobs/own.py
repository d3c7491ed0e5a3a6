"""The queue restricted to the jobs of the current requester, for tabs and routes. Other jobs do not exist there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from easyphoto.commands.base import Command, Subjects
from easyphoto.errors import UnknownJob
from easyphoto.jobs.askers import Requester
from easyphoto.jobs.idempotency import IdempotencyKey
from easyphoto.jobs.queue import JobQueue, Work
from easyphoto.jobs.records import Job, JobEvent
from easyphoto.messages import text
from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class OwnJobs:
    """Answers as the queue does, for the requester's own jobs only."""

    everybody: JobQueue
    asking: Callable[[], Requester]

    @property
    def workspace(self) -> Workspace:
        return self.everybody.workspace

    def submit(self, command: Command, work: Work) -> Job:
        return self.everybody.submit(command, work, asker=self.asking())

    def submit_once(self, command: Command, work: Work, *, key: IdempotencyKey) -> tuple[Job, bool]:
        return self.everybody.submit_once(command, work, key=key, asker=self.asking())

    def with_key(self, key: str) -> Job | None:
        return self.everybody.with_key(key, asker=self.asking())

    def get(self, id: str) -> Job:
        job = self.everybody.get(id)
        if not self.asking().owns(job.asker):
            raise UnknownJob(
                text("There is no job {id!r}.", id=id), advice=text("It may have been removed; list the jobs.")
            )
        return job

    def list(self) -> tuple[Job, ...]:
        asker = self.asking()
        return tuple(job for job in self.everybody.list() if asker.owns(job.asker))

    def of_others(self) -> int:
        """Return how many jobs of others wait or run."""
        asker = self.asking()
        return sum(not job.state.is_over and not asker.owns(job.asker) for job in self.everybody.list())

    def cancel(self, id: str) -> Job:
        self.get(id)
        return self.everybody.cancel(id)

    def is_stopping(self, id: str) -> bool:
        self.get(id)
        return self.everybody.is_stopping(id)

    def forget(self, id: str) -> None:
        self.get(id)
        self.everybody.forget(id)

    def file(self, id: str, name: str) -> Path:
        self.get(id)
        return self.everybody.file(id, name)

    def events(self, id: str, after: int = 0) -> tuple[JobEvent, ...]:
        self.get(id)
        return self.everybody.events(id, after)

    def wait(self, id: str, after: int, seconds: float) -> tuple[JobEvent, ...]:
        self.get(id)
        return self.everybody.wait(id, after, seconds)

    def held_back(self, subject: Subjects, *, stop: bool = False) -> AbstractContextManager[None]:
        """Hold back everybody's jobs, because persons are shared by all."""
        return self.everybody.held_back(subject, stop=stop)

    def drop_missing(self) -> None:
        self.everybody.drop_missing()

    def close(self, seconds: float = 10.0) -> None:
        self.everybody.close(seconds)
