"""The jobs of a workspace: this queue's own with their events in memory, all of them on disk."""

from __future__ import annotations

import logging
import shutil
import threading
from collections import deque
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.arrivals import Arrivals, has_arrivals
from easyphoto.jobs.kept_commands import drop_command, has_command
from easyphoto.jobs.listing import place_of
from easyphoto.jobs.ownership import Ownership
from easyphoto.jobs.records import Job, JobEvent, State, now
from easyphoto.jobs.store import JobStore
from easyphoto.progress import Cancelled
from easyphoto.workspace.folders import JOB_FILE, Workspace

_log = logging.getLogger(__name__)
# Finished jobs whose events stay in memory; older ones' are only on disk, because a server may run for months.
MOST_EVENTS_IN_MEMORY = 8


class JobBook:
    """Reads every job, and writes this queue's own. `changed` guards them, and is told of every event."""

    def __init__(self, workspace: Workspace, owner: Ownership, *, keeps_commands: bool = False) -> None:
        """With `keeps_commands` jobs of lost processes wait for `submit_again`, as far as their command was kept."""
        self.store = JobStore(workspace.jobs)
        self.changed = threading.Condition()
        self.own: dict[str, Job] = {}
        """This queue's jobs by id; the lock is held wherever it is read."""
        self._workspace, self._owner, self._keeps_commands = workspace, owner, keeps_commands
        self._events: dict[str, list[JobEvent]] = {}
        self._recent: deque[str] = deque()

    def add(self, job: Job) -> None:
        """Take a new job. Raises DiskFailure where it cannot be written down."""
        self.store.write(job)
        self.own[job.id], self._events[job.id] = job, []
        self.tell(job.id, "state", state=job.state.value)

    def add_again(self, job: Job, owner: str) -> Job:
        """Take over a job of a lost process: it waits again, and its events go on. Raises DiskFailure."""
        again = replace(job, state=State.QUEUED, owner=owner, started=None, lane=None, eta_seconds=None)
        self.store.write(again)
        self.own[job.id], self._events[job.id] = again, list(self.store.events(job.id))
        self.tell(job.id, "state", state=again.state.value)
        return again

    def finish_publications(self) -> None:
        """Complete what killed processes were publishing, and drop what had arrived of attempts that were cut off."""
        for id in self.store.folders():
            with suppress(EasyPhotoError, Cancelled):
                if has_arrivals(self._workspace, id) and self._owner.has_ended((job := self.store.read(id)).owner):
                    self._finish_publication(job)

    def _finish_publication(self, job: Job) -> Job | None:
        """Publish the job's outcome, if it has one that no record tells of; returns the job as it then is."""
        arrivals = Arrivals(self._workspace, job.id)
        # A record that says it already was written before what had arrived could be removed.
        if job.state is State.DONE or (outcome := arrivals.decided()) is None or outcome.state == job.state.value:
            arrivals.clear()
            return None
        arrivals.publish(outcome)
        ended = replace(
            job, state=State(outcome.state), ended=now(), eta_seconds=None, files=outcome.files,
            result=outcome.answer, error=outcome.error,
        )  # fmt: skip
        self._settle(ended, **({"result": outcome.answer} if outcome.answer is not None else {}))
        arrivals.clear()
        return ended

    def get(self, id: str) -> Job:
        """Raises UnknownJob where there is none."""
        with self.changed:
            known = self.own.get(id)
        return known or self._settled(self.store.read(id))

    def list(self) -> tuple[Job, ...]:
        """Return every job of the workspace, newest first; broken records are left out."""
        with self.changed:
            folders = self.store.folders()
            # Another process may have deleted a person with their jobs.
            self.drop_except(folders)
            jobs = dict(self.own)
        for id, job in self.store.read_all(folders, without=jobs.keys()).items():
            with suppress(EasyPhotoError):
                jobs[id] = self._settled(job)
        return tuple(sorted(jobs.values(), key=place_of, reverse=True))

    def events(self, id: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the events with a number above `after`."""
        with self.changed:
            known = self._events.get(id)
            if known is not None:
                return tuple(known[after:])
        self.store.folder(id)
        return tuple(event for event in self.store.events(id) if event.number > after)

    def wait(self, id: str, after: int, seconds: float) -> tuple[JobEvent, ...]:
        """Return the events above `after`; if there are none yet, block up to `seconds` for one."""
        with self.changed:
            self.changed.wait_for(lambda: len(self._events.get(id, ())) > after or self.is_over(id), seconds)
        return self.events(id, after)

    def is_over(self, id: str) -> bool:
        job = self.own.get(id)
        return job is None or job.state.is_over

    def is_there(self, id: str) -> bool:
        return id in self.own and (self._workspace.jobs / id / JOB_FILE).is_file()

    def change(self, id: str, event: str | None = None, *, values: Mapping[str, Any], **changes: Any) -> None:
        """Change fields of a job's record and append an event."""
        with self.changed:
            if id not in self.own:
                raise Cancelled
            self.own[id] = replace(self.own[id], **changes)
            if changes:
                self.store.write(self.own[id])
            if event is not None:
                self.tell(id, event, **values)

    def begin(self, id: str, lane: str) -> None:
        self.own[id] = replace(self.own[id], state=State.RUNNING, started=now(), lane=lane)
        self._write(id)
        self.tell(id, "state", state=State.RUNNING.value)

    def end(self, id: str, state: State, **changes: Any) -> None:
        with self.changed:
            if id not in self.own:
                # The job was deleted meanwhile; remove what the work has written since.
                shutil.rmtree(self._workspace.jobs / id, ignore_errors=True)
                return
            self.own[id] = replace(self.own[id], state=state, ended=now(), eta_seconds=None, **changes)
            is_written = self._write(id)
            for name, value in changes.items():
                self.tell(id, name, **{name: value})
            self.tell(id, "state", state=state.value)
            self._rest(id)
            if is_written:
                self._let_go(id, state)

    def drop_except(self, folders: Container[str]) -> None:
        for id in [id for id in self.own if id not in folders]:
            self.drop(id)

    def drop(self, id: str) -> None:
        self.own.pop(id, None)
        self._events.pop(id, None)

    def tell(self, id: str, type: str, **values: Any) -> None:
        """Append an event."""
        known = self._events[id]
        event = JobEvent(len(known) + 1, type, now(), values)
        known.append(event)
        self.store.add(id, event)
        self.changed.notify_all()

    def _write(self, id: str) -> bool:
        """Write the record; on a full disk it stays out of date, and the job goes on in memory."""
        try:
            self.store.write(self.own[id])
        except (EasyPhotoError, OSError) as error:
            _log.warning("The record of the job %s could not be written: %s", id, error)
            return False
        return True

    def _let_go(self, id: str, state: State) -> None:
        """Remove what only a job that is not over needs; its record says that it is."""
        drop_command(self._workspace, id)
        if not has_arrivals(self._workspace, id):
            return
        arrivals, outcome = Arrivals(self._workspace, id), None
        with suppress(EasyPhotoError):
            outcome = arrivals.decided()
        # What could not be put in place, such as on a full disk: the next start completes it.
        if state is not State.FAILED or outcome is None or outcome.state == state.value:
            arrivals.clear()

    def _rest(self, id: str) -> None:
        """Drop the events of the oldest finished job from memory if all of them are on disk."""
        self._recent.append(id)
        if len(self._recent) <= MOST_EVENTS_IN_MEMORY:
            return
        old = self._recent.popleft()
        if old in self._events and len(self.store.events(old)) == len(self._events[old]):
            self._events.pop(old, None)

    def _settled(self, job: Job) -> Job:
        """Return the job as it is on disk, marked as interrupted if its process ended before the job was over."""
        if job.state.is_over or not self._owner.has_ended(job.owner):
            return job
        with self.changed:
            # Read again: its process may have finished the job just before it ended, or another thread may have settled
            # it.
            job = self.store.read(job.id)
            if job.state.is_over:
                return job
            with suppress(EasyPhotoError, Cancelled):
                if has_arrivals(self._workspace, job.id) and (published := self._finish_publication(job)) is not None:
                    return published
            if self._keeps_commands and has_command(self._workspace, job.id):
                return job
            ended = replace(job, state=State.INTERRUPTED, ended=now(), eta_seconds=None)
            self._settle(ended)
        return ended

    def _settle(self, ended: Job, **told: Any) -> None:
        """Write down how a lost process's job ended; on a full disk a reader still gets the answer."""
        last = max((event.number for event in self.store.events(ended.id)), default=0)
        with suppress(EasyPhotoError):
            self.store.write(ended)
            events = {**{name: {name: value} for name, value in told.items()}, "state": {"state": ended.state.value}}
            for number, (type, values) in enumerate(events.items(), last + 1):
                self.store.add(ended.id, JobEvent(number, type, now(), values))
            drop_command(self._workspace, ended.id)
