"""The job queue: first in, first out, one job at a time in each lane; a job's record is a file in the workspace."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from easyphoto.commands.base import Command, Subjects
from easyphoto.errors import EasyPhotoError, HostBusy, UnknownJob
from easyphoto.jobs.askers import Requester
from easyphoto.jobs.book import JobBook
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.handing_out import TRACEBACK_FILE, handed_out
from easyphoto.jobs.idempotency import IdempotencyKey
from easyphoto.jobs.kept_commands import keep_command
from easyphoto.jobs.lane_threads import LaneThreads
from easyphoto.jobs.lanes import ONE_LANE, Lane
from easyphoto.jobs.listing import job_with_key
from easyphoto.jobs.making import MAKING, check_free
from easyphoto.jobs.order import QueuedJob
from easyphoto.jobs.ownership import Ownership
from easyphoto.jobs.records import Job, JobEvent, State, error_record, new_job_id, now
from easyphoto.jobs.sweeping import remove_unnamed, sweep, uploads_of
from easyphoto.messages import text
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.storage.files import write_bytes
from easyphoto.storage.journal import Watched, at_work, doomed
from easyphoto.storage.records import plain
from easyphoto.workspace.folders import Workspace

Work = Callable[[JobContext], Mapping[str, Any]]


class JobQueue:
    """Queues jobs, runs them and reports on them. `close` ends it and cancels a running job."""

    def __init__(self, workspace: Workspace, lanes: Sequence[Lane] = ONE_LANE, *, keeps_commands: bool = False) -> None:
        """`lanes` are those for work; a queue also has one that looks at photos and one for downloads.

        With `keeps_commands` jobs outlive their process: the next such queue finds them in `left_behind`.
        """
        self.workspace = workspace
        self._keeps_commands = keeps_commands
        self._owner = Ownership(workspace)
        self._book = JobBook(workspace, self._owner, keeps_commands=keeps_commands)
        self._changed = self._book.changed
        self._held_back: list[Subjects] = []
        self._lanes: LaneThreads[Work] = LaneThreads(
            lanes,
            self._changed,
            self._begin,
            give_up=lambda id: self._over(id, State.CANCELLED),
            stumbled=self._end_running,
        )
        self._cancelled: set[str] = set()
        self._book.finish_publications()
        # Marks jobs of processes that have ended as interrupted; jobs of a process that lives are left alone.
        self.list()
        self._owner.clear()
        sweep(workspace, self.list())

    def submit(
        self, command: Command, work: Work, *, asker: Requester | None = None, key: IdempotencyKey | None = None
    ) -> Job:
        """Put the command at the end of the queue. `work` receives the job's context and returns the job's result.

        Raises HostBusy for what makes a person whom another job makes, or who is being changed or deleted.
        """
        job = Job(
            new_job_id(), command.kind, command.title, State.QUEUED, now(), self._owner.id, request=command.record(),
            subject=command.subjects(self.workspace), asker=asker or Requester(), key=key,
        )  # fmt: skip
        with self._changed:
            if self._lanes.is_closing:
                raise HostBusy(text("EasyPhoto is closing."), advice=text("Try again when it has restarted."))
            self.workspace.check_there()
            is_held_back = any(job.subject.meets(subject) for subject in self._held_back)
            if is_held_back or job.subject.names & doomed(self.workspace.root):
                raise HostBusy(text("This person is being changed or deleted."), advice=text("Try again in a moment."))
            if job.kind in MAKING:
                check_free(job, self.list())
            self._book.add(job)
            if self._keeps_commands:
                keep_command(self.workspace, job.id, command)
            self._stand_in_line(job, work)
        return job

    def left_behind(self) -> tuple[Job, ...]:
        """Return the jobs of lost processes that can be submitted again, oldest first."""
        if not self._keeps_commands:
            return ()
        jobs = (job for job in self.list() if not job.state.is_over and job.id not in self._book.own)
        return tuple(reversed([job for job in jobs if self._owner.has_ended(job.owner)]))

    def submit_again(self, job: Job, work: Work) -> Job:
        """Take over a job of a lost process under its id; its record and events go on. Raises DiskFailure."""
        with self._changed:
            again = self._book.add_again(job, self._owner.id)
            self._stand_in_line(job, work)
        return again

    def _stand_in_line(self, job: Job, work: Work) -> None:
        self._lanes.add(QueuedJob(job.id, job.kind, frozenset(job.subject.persons)), work)

    def give_up(self, job: Job, error: BaseException) -> None:
        """Fail a job of a lost process that cannot be submitted again. Raises DiskFailure."""
        with self._changed:
            self._book.add_again(job, self._owner.id)
            self._over(job.id, State.FAILED, error=error_record(error))

    def submit_once(
        self, command: Command, work: Work, *, key: IdempotencyKey, asker: Requester | None = None
    ) -> tuple[Job, bool]:
        """As `submit`, except where the requester's key has made a job: return that one instead, and True.

        Two requests at once make one job. Whether both asked for the same is for the caller to compare.
        """
        with self._changed:
            known = self.with_key(key.key, asker=asker)
            return (known, True) if known else (self.submit(command, work, asker=asker, key=key), False)

    def with_key(self, key: str, *, asker: Requester | None = None) -> Job | None:
        return job_with_key(key, asker or Requester(), self.list())

    def get(self, id: str) -> Job:
        """Raises UnknownJob where there is none."""
        return self._book.get(id)

    def list(self) -> tuple[Job, ...]:
        """Return every job of the workspace, newest first; broken records are left out."""
        return self._book.list()

    def running(self) -> Mapping[str, Job]:
        """Return this queue's running jobs by the name of their lane."""
        with self._changed:
            jobs = self._book.own.values()
            return {job.lane: job for job in jobs if job.state is State.RUNNING and job.lane is not None}

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return self._lanes.all

    def of_others(self) -> int:
        """Return 0: the queue itself lists everybody's jobs."""
        return 0

    def cancel(self, id: str) -> Job:
        """Ask a job to stop. A waiting job is cancelled at once, a finished one stays as it is.

        Raises HostBusy for a job of another live process, which only that process can stop.
        """
        job = self.get(id)
        with self._changed:
            mine = self._book.own.get(id)
            if mine is None and not job.state.is_over:
                raise HostBusy(text("Another process is running the job {id}.", id=id), advice=text("Cancel it there."))
            if mine is not None and not mine.state.is_over:
                self._cancelled.add(id)
                if mine.state is State.QUEUED:
                    self._lanes.remove(id)
                    self._over(id, State.CANCELLED)
        return self.get(id)

    def is_stopping(self, id: str) -> bool:
        """Return whether the job was asked to stop and is not over yet."""
        with self._changed:
            return id in self._cancelled and not self._book.is_over(id)

    def forget(self, id: str) -> None:
        """Delete a job's folder, even with a broken record. Raises HostBusy while the job is not over."""
        folder = self.folder(id)
        try:
            is_over = self.get(id).state.is_over
        except UnknownJob:
            raise
        except EasyPhotoError:
            is_over = True
        if not is_over:
            raise HostBusy(text("The job {id} has not ended yet.", id=id), advice=text("Cancel it first."))
        uploads = uploads_of(folder)
        with self._changed:
            self._book.drop(id)
        shutil.rmtree(folder, ignore_errors=True)
        remove_unnamed(self.workspace, uploads, self.list())

    def drop_missing(self) -> None:
        """Forget jobs whose folders have been deleted, for instance with a person; a running one is cancelled."""
        with self._changed:
            self._book.drop_except(self._book.store.folders())

    @contextmanager
    def held_back(self, subject: Subjects, *, stop: bool = False) -> Iterator[None]:
        """Refuse new jobs about these persons and pictures while the context is open.

        Raises HostBusy while such a job is not over. With `stop` this queue's jobs are asked to stop instead, except
        those that only share a picture with another person.
        """
        with self._changed:
            jobs = [job for job in self.list() if not job.state.is_over and job.subject.meets(subject)]
            if not stop and (jobs or any(other.meets(subject) for other in self._held_back)):
                raise HostBusy(
                    text("A job of this person, or one that uses their photos, has not ended yet."),
                    advice=text("Cancel it, or wait for it."),
                )
            for job in jobs:
                if job.id in self._book.own and (
                    not job.subject.persons or {*job.subject.persons} & {*subject.persons}
                ):
                    self.cancel(job.id)
            self._held_back.append(subject)
        try:
            yield
        finally:
            with self._changed:
                self._held_back.remove(subject)

    def folder(self, id: str) -> Path:
        """Raises UnknownJob where there is none."""
        return self._book.store.folder(id)

    def file(self, id: str, name: str) -> Path:
        """Return the path of a file that the job hands out, in its folder or elsewhere in the workspace."""
        return handed_out(self.workspace, self.get(id), name)

    def events(self, id: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the events with a number above `after`."""
        return self._book.events(id, after)

    def wait(self, id: str, after: int, seconds: float) -> tuple[JobEvent, ...]:
        """Return the events above `after`; if there are none yet, block up to `seconds` for one."""
        return self._book.wait(id, after, seconds)

    def close(self, seconds: float = 10.0) -> None:
        with self._changed:
            self._cancelled.update(id for id, job in self._book.own.items() if not job.state.is_over)
            self._lanes.close()
            self._changed.notify_all()
        self._lanes.join(seconds)
        self._owner.close()

    # --- what the context calls ---

    def is_cancelled(self, id: str) -> bool:
        # A job whose folder has been deleted counts as cancelled.
        return id in self._cancelled or id not in self._book.own

    def change(self, id: str, event: str | None = None, *, values: Mapping[str, Any], **changes: Any) -> None:
        """Change fields of a job's record and append an event."""
        self._book.change(id, event, values=values, **changes)

    # --- what the lanes' threads call ---

    def _end_running(self, lane: Lane, error: BaseException) -> None:
        with self._changed:
            if (job := self.running().get(lane.name)) is not None:
                self._over(job.id, State.FAILED, error=error_record(error))

    def _begin(self, id: str, work: Work, lane: Lane) -> None:
        """Run the job unless it was cancelled, or its person deleted by any process while it waited."""
        with self._changed:
            job = self._book.own.get(id)
        if job is None:
            return
        try:
            # Held to the very end, so that a deletion finds everything that was written.
            with at_work(self.workspace.root, job.subject.names, NullProgress()) as watched:
                with self._changed:
                    if not self._book.is_there(job.id):
                        self._book.drop(job.id)
                        return
                    # Cancelled after it left the lane: if it began, nobody could stop it any more.
                    if self._book.is_over(job.id):
                        return
                    self._book.begin(job.id, lane.name)
                self._do(job.id, work, watched)
        except Cancelled:
            # The person is being deleted together with the job's folder: nothing more is written there.
            with self._changed:
                self._book.drop(job.id)
                self._changed.notify_all()
        except BaseException as error:
            # The job has left the lane, so it must end here: on a full disk not even its lock can be created.
            with self._changed:
                if not self._book.is_over(job.id):
                    self._over(job.id, State.FAILED, error=error_record(error))

    def _do(self, id: str, work: Work, watched: Watched) -> None:
        context = JobContext(self, id, self.workspace.jobs / id, watched)
        try:
            # Serialise the result here, where a value that cannot be written is still an error of the work.
            # JSON has no NaN, and one in a record would make every list of jobs unreadable.
            result = plain(dict(work(context)))
        except Cancelled:
            self._over(id, State.CANCELLED)
        except EasyPhotoError as error:
            self._over(id, State.FAILED, error=error_record(error))
        except BaseException as error:
            # The queue survives every error; on a full disk even the traceback is lost.
            with suppress(EasyPhotoError, OSError):
                said = traceback.format_exc().encode("utf-8", "backslashreplace")
                write_bytes(self.workspace.jobs / id / TRACEBACK_FILE, said)
            self._over(id, State.FAILED, error=error_record(error))
        else:
            self._over(id, State.DONE, result=result)

    def _over(self, id: str, state: State, **changes: Any) -> None:
        with self._changed:
            self._book.end(id, state, **changes)
            self._cancelled.discard(id)
            self._lanes.end(id)
