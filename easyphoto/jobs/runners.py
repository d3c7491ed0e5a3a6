"""What runs a lane's jobs: this process, or one that is kept to the lane's devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from easyphoto.app import EasyPhoto
from easyphoto.commands.base import Command
from easyphoto.devices import check_usable
from easyphoto.errors import OutOfMemory
from easyphoto.jobs.answers import ANSWERS
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.lanes import LaneKind
from easyphoto.messages import text
from easyphoto.persons.deletion import Left

IDLE, STARTING, BUSY, LOST = "idle", "starting", "busy", "lost"
"""States of a lane: lost is one whose process has ended; its next job starts another."""


@dataclass(frozen=True)
class LaneFacts:
    """What people and clients are told of a lane."""

    name: str
    device: str
    """In words: "NVIDIA A100, 80 GB", "processor, 1 thread"."""
    node: str | None = None
    """The machine in a cluster; None: this one."""
    state: str = IDLE
    job: str | None = None
    """The id of the job that runs there; None too for one that the asker may not see."""
    takes: tuple[str, ...] = ()
    """The only kinds of jobs that it runs; empty: all."""


class Runner(Protocol):
    def run(self, command: Command, context: JobContext) -> Mapping[str, Any]:
        """Run the job's command and return its answer. Raises Cancelled, the errors of `easyphoto.errors`, and
        WorkerLost where its process ended."""
        ...

    def forget(self, person: str) -> tuple[Left, ...]:
        """Forget what was loaded or copied of a deleted person, by id; returns what could not be reached."""
        ...

    def facts(self) -> LaneFacts:
        """What this knows of the lane; the queue knows its job. Cheap: pages ask every second."""
        ...

    def close(self, seconds: float = 10.0) -> None:
        """End what runs the jobs, after up to `seconds` for its job to stop."""
        ...


@dataclass(frozen=True)
class HereRunner:
    """Runs jobs in this process, with the models that the app keeps."""

    app: EasyPhoto
    name: str
    device: str = text("the server's own process")
    looks_for_devices: bool = True
    """Whether the app's devices are this process's own. If not, each job finds its own devices, as the trainer does."""

    def run(self, command: Command, context: JobContext) -> Mapping[str, Any]:
        if self.looks_for_devices and self.app.devices is not None and LaneKind.of(command.kind) is LaneKind.WORK:
            check_usable(self.app.devices)
        try:
            with self.app.at_hand() as app:
                return ANSWERS[type(command)](command.run(app, context), context)
        except OutOfMemory:
            # Cached models must not make the next attempt fail too.
            self.app.cache.clear()
            raise

    def forget(self, person: str) -> tuple[Left, ...]:
        self.app.cache.discard(self.app.workspace.person_folder(person))
        return ()

    def facts(self) -> LaneFacts:
        return LaneFacts(self.name, self.device)

    def close(self, seconds: float = 10.0) -> None:
        pass
