"""Jobs that run in another process: the messages between it and the queue, and both ends of the conversation.

The process's end (`performed`) runs the command with an ordinary context and sends on what the context tells; the
queue's end (`followed`) tells the same to the job's own context. Messages are plain values, for pickle.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from easyphoto.commands.base import Command
from easyphoto.errors import EasyPhotoError, WorkerLost
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.records import Fault, Job
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.storage.files import disk_failure
from easyphoto.workspace.folders import Workspace

SECONDS_BETWEEN_CHECKS = 0.25
"""How soon a cancelled job's process is told of it."""
SECONDS_TO_STOP = 90.0
"""How long a cancelled job may go on before its process is ended: a trainer has 60 s to save, then 10 s to end."""


# --- from the queue to the process ---


@dataclass(frozen=True)
class Run:
    job: Job
    command: Command


@dataclass(frozen=True)
class Cancel:
    job: str
    """Its id: the message may arrive after the job has ended and the next has begun."""


@dataclass(frozen=True)
class Forget:
    person: str
    """The id of somebody who is deleted: nothing of them stays in memory, or in copies."""


@dataclass(frozen=True)
class Close:
    """Stop the job that runs, and end."""


# --- from the process to the queue ---


@dataclass(frozen=True)
class Ready:
    """The process can take a job."""


@dataclass(frozen=True)
class Changed:
    """The job's record changes, and there may be an event."""

    event: str | None
    values: Mapping[str, Any]
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Forgotten:
    person: str


@dataclass(frozen=True)
class Finished:
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class Failed:
    error: Exception
    """An error of `easyphoto.errors`, or a `Fault`."""
    traceback: str = ""


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled, and has stopped."""


Answer = Ready | Changed | Forgotten | Finished | Failed | Stopped
Send = Callable[[Answer], None]


class RelayedJobs:
    """The part of the queue that a job's context needs, in another process: it knows that one job."""

    def __init__(self, workspace: Workspace, job: Job, send: Send) -> None:
        self._workspace, self._job, self._send = workspace, job, send
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    @property
    def workspace(self) -> Workspace:
        return self._workspace

    def get(self, id: str) -> Job:
        return self._job

    def cancel(self) -> None:
        self._cancelled.set()

    def is_cancelled(self, id: str) -> bool:
        return self._cancelled.is_set()

    def change(self, id: str, event: str | None = None, *, values: Mapping[str, Any], **changes: Any) -> None:
        # Sent under the lock: the queue takes the changes over in this order.
        with self._lock:
            self._job = replace(self._job, **changes)
            self._send(Changed(event, dict(values), changes))


def performed(jobs: RelayedJobs, run: Callable[[Command, JobContext], Mapping[str, Any]], command: Command) -> Answer:
    """Run the command as the job of `jobs`, and return how it ended; raises KeyboardInterrupt alone.

    The queue watches for the deletion of the job's persons, and cancels the job then.
    """
    job = jobs.get("")
    context = JobContext(jobs, job.id, jobs.workspace.jobs / job.id, NullProgress())
    try:
        return Finished(dict(run(command, context)))
    except Cancelled:
        return Stopped()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return failure_of(error)


def failure_of(error: BaseException) -> Failed:
    """Return the error as it can be sent to a process that may lack the packages of its class."""
    if isinstance(error, OSError):
        return Failed(disk_failure(error))
    if isinstance(error, EasyPhotoError):
        return Failed(error)
    return Failed(Fault(f"{type(error).__name__}: {error}"), "".join(traceback.format_exception(error)))


class Unforeseen(Exception):
    """The traceback of a `Fault`, whose cause it is, so that it stands in the job's traceback file."""


def followed(
    hear: Callable[[float], Answer | None],
    context: JobContext,
    *,
    cancel: Callable[[], None],
    kill: Callable[[], None],
    seconds_to_stop: float = SECONDS_TO_STOP,
) -> Mapping[str, Any]:
    """Tell the job's context what its process tells, until it ends; returns its answer.

    `hear` waits up to some seconds for the next message, None: there was none; it raises WorkerLost where no more can
    come. A cancelled job is told so once by `cancel`, and still waited for: a deletion must not go on before the work
    has stopped. What has not stopped in time is ended by `kill`. Raises Cancelled, and the errors of the process.
    """
    stopping: Exception | None = None
    latest = 0.0
    while True:
        try:
            message = hear(SECONDS_BETWEEN_CHECKS)
        except WorkerLost as error:
            raise stopping or error from None
        if isinstance(message, (Finished, Failed, Stopped)):
            if stopping is not None and not isinstance(stopping, Cancelled):
                raise stopping
            return _ended(message)
        try:
            if isinstance(message, Changed):
                context.tell(message.event, message.values, **message.changes)
            if stopping is None:
                context.check()
        except Exception as error:  # Cancelled, or a full disk: here as there, the job ends because of it
            if stopping is None:
                stopping, latest = error, time.monotonic() + seconds_to_stop
                cancel()
        if stopping is not None and time.monotonic() >= latest:
            kill()
            raise stopping


def _ended(message: Finished | Failed | Stopped) -> Mapping[str, Any]:
    if isinstance(message, Finished):
        return message.answer
    if isinstance(message, Failed):
        raise message.error from (Unforeseen(message.traceback) if message.traceback else None)
    raise Cancelled
