"""Jobs one at a time, first in first out, on one thread; every job's record lies in the workspace."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from easyphoto.errors import EasyPhotoError, HostBusy, RunBusy, UnknownJob
from easyphoto.files import write_json, write_text
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.records import Job, JobEvent, State, Subject, error_record, event_of, new_job_id, now, read_job
from easyphoto.progress import Cancelled
from easyphoto.training.lock import run_lock
from easyphoto.workspace import JOB_FILE, Workspace

EVENTS_FILE, TRACEBACK_FILE = "events.jsonl", "traceback.txt"
Work = Callable[[JobContext], Mapping[str, Any]]


class JobQueue:
    """Takes jobs, does them, tells about them. `close` ends it; a job that runs then is cancelled."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._owner = secrets.token_hex(8)
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._events: dict[str, list[JobEvent]] = {}
        self._waiting: deque[tuple[str, Work]] = deque()
        self._cancelled: set[str] = set()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._held = ExitStack()
        self._held.enter_context(run_lock(self._owner_lock(self._owner)))
        self._settle_abandoned()

    def submit(
        self, kind: str, title: str, work: Work, *, request: Mapping[str, Any], subject: Subject | None = None
    ) -> Job:
        """Put `work` at the end of the queue; it is called with the job's context and returns the job's result."""
        job = Job(
            new_job_id(), kind, title, State.QUEUED, now(), self._owner, request=request, subject=subject or Subject()
        )
        with self._changed:
            if self._closing:
                raise HostBusy("EasyPhoto is closing.", advice="Ask again when it has started anew.")
            self._jobs[job.id], self._events[job.id] = job, []
            self._write(job)
            self._told(job.id, "state", state=job.state.value)
            self._waiting.append((job.id, work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="easyphoto-jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return job

    def get(self, id: str) -> Job:
        """Raises UnknownJob."""
        with self._changed:
            known = self._jobs.get(id)
        return known or read_job(self.folder(id) / JOB_FILE)

    def list(self) -> tuple[Job, ...]:
        """Every job of the workspace, newest first; a broken record is left out."""
        with self._changed:
            jobs = dict(self._jobs)
        for record in self.workspace.jobs.glob(f"*/{JOB_FILE}"):
            if record.parent.name not in jobs:
                with suppress(EasyPhotoError, KeyError, ValueError, TypeError):
                    jobs[record.parent.name] = read_job(record)
        return tuple(sorted(jobs.values(), key=lambda job: (job.created, job.id), reverse=True))

    def cancel(self, id: str) -> Job:
        """Ask a job to stop. One that waits is cancelled at once, one that is over stays as it is."""
        job = self.get(id)
        with self._changed:
            if id in self._jobs and not job.state.is_over:
                self._cancelled.add(id)
                if self._jobs[id].state is State.QUEUED:
                    self._waiting = deque(each for each in self._waiting if each[0] != id)
                    self._over(id, State.CANCELLED)
        return self.get(id)

    def forget(self, id: str) -> None:
        """Delete a job's folder. Raises HostBusy where it is not over."""
        if not self.get(id).state.is_over:
            raise HostBusy(f"The job {id} is not over.", advice="Cancel it first.")
        with self._changed:
            self._jobs.pop(id, None)
            self._events.pop(id, None)
        shutil.rmtree(self.folder(id), ignore_errors=True)

    def drop_missing(self) -> None:
        """Forget jobs whose folders have been deleted, as a person's are with them."""
        with self._changed:
            for id in [id for id in self._jobs if not (self.workspace.jobs / id).is_dir()]:
                del self._jobs[id], self._events[id]

    def folder(self, id: str) -> Path:
        folder = self.workspace.jobs / id
        if Path(id).name != id or not (folder / JOB_FILE).is_file():
            raise UnknownJob(f"There is no job {id!r}.", advice="It may have been cleared away; list the jobs.")
        return folder

    def file(self, id: str, name: str) -> Path:
        """A file that the job hands out: in its folder, or elsewhere in the workspace under a name of the job's."""
        job, root = self.get(id), self.workspace.root.resolve()
        path = root / job.files[name] if name in job.files else self.folder(id) / name
        inside = name in job.files or Path(name).name == name
        if not inside or not path.is_file() or root not in path.resolve().parents:
            raise UnknownJob(f"The job {id} has no file {name!r}.", advice="Ask for one that its record names.")
        return path

    def events(self, id: str, after: int = 0) -> tuple[JobEvent, ...]:
        """What happened after the event of that number."""
        with self._changed:
            known = self._events.get(id)
            if known is not None:
                return tuple(known[after:])
        lines = (self.folder(id) / EVENTS_FILE).read_text("utf-8").splitlines()
        return tuple(event_of(json.loads(line)) for line in lines[after:])

    def wait(self, id: str, after: int, seconds: float) -> tuple[JobEvent, ...]:
        """As `events`; where there is none yet, waits for one, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events.get(id, ())) > after or self._is_over(id), seconds)
        return self.events(id, after)

    def close(self, seconds: float = 10.0) -> None:
        with self._changed:
            self._closing = True
            for id in [id for id, job in self._jobs.items() if not job.state.is_over]:
                self._cancelled.add(id)
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(seconds)
        self._held.close()

    # --- what the context calls ---

    def is_cancelled(self, id: str) -> bool:
        return id in self._cancelled

    def change(self, id: str, event: str | None = None, *, values: Mapping[str, Any], **changes: Any) -> None:
        """Replace fields of a job's record and tell about it."""
        with self._changed:
            self._jobs[id] = replace(self._jobs[id], **changes)
            if changes:
                self._write(self._jobs[id])
            if event is not None:
                self._told(id, event, **values)

    # --- the thread ---

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if self._closing:
                    for id, _ in self._waiting:
                        self._over(id, State.CANCELLED)
                    return
                id, work = self._waiting.popleft()
                self._jobs[id] = replace(self._jobs[id], state=State.RUNNING, started=now())
                self._write(self._jobs[id])
                self._told(id, "state", state=State.RUNNING.value)
            self._do(id, work)

    def _do(self, id: str, work: Work) -> None:
        context = JobContext(self, id, self.workspace.jobs / id)
        try:
            result = dict(work(context))
        except Cancelled:
            self._over(id, State.CANCELLED)
        except EasyPhotoError as error:
            self._over(id, State.FAILED, error=error_record(error))
        except BaseException as error:
            # Whatever it was, the queue goes on; where the disk is full even the traceback is lost.
            with suppress(EasyPhotoError):
                write_text(self.workspace.jobs / id / TRACEBACK_FILE, traceback.format_exc())
            self._over(id, State.FAILED, error=error_record(error))
        else:
            self._over(id, State.DONE, result=result)

    def _over(self, id: str, state: State, **changes: Any) -> None:
        with self._changed:
            self._jobs[id] = replace(self._jobs[id], state=state, ended=now(), eta_seconds=None, **changes)
            self._write(self._jobs[id])
            for name, value in changes.items():
                self._told(id, name, **{name: value})
            self._told(id, "state", state=state.value)
            self._cancelled.discard(id)

    def _is_over(self, id: str) -> bool:
        job = self._jobs.get(id)
        return job is None or job.state.is_over

    # --- records ---

    def _write(self, job: Job) -> None:
        write_json(self.workspace.jobs / job.id / JOB_FILE, job.record())

    def _told(self, id: str, type: str, **values: Any) -> None:
        known = self._events[id]
        event = JobEvent(len(known) + 1, type, now(), values)
        known.append(event)
        with suppress(OSError), (self.workspace.jobs / id / EVENTS_FILE).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(event.record(), ensure_ascii=False) + "\n")
        self._changed.notify_all()

    def _settle_abandoned(self) -> None:
        """Jobs whose process has ended are interrupted; those of a process that lives are left to it."""
        for job in self.list():
            if not job.state.is_over and self._has_ended(job.owner):
                ended = replace(job, state=State.INTERRUPTED, ended=now(), eta_seconds=None)
                self._write(ended)
                event = {
                    "number": len(self.events(job.id)) + 1,
                    "type": "state",
                    "at": now(),
                    "state": ended.state.value,
                }
                with (self.workspace.jobs / job.id / EVENTS_FILE).open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(event) + "\n")
        for lock in self.workspace.jobs.glob(".owner-*.lock"):
            if self._has_ended(lock.name.removeprefix(".owner-").removesuffix(".lock")):
                lock.unlink(missing_ok=True)

    def _has_ended(self, owner: str) -> bool:
        if owner == self._owner:
            return False
        try:
            with run_lock(self._owner_lock(owner)):
                return True
        except RunBusy:
            return False

    def _owner_lock(self, owner: str) -> Path:
        return self.workspace.jobs / f".owner-{owner}.lock"
