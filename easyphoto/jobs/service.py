"""The service behind tabs and API: submits commands as jobs, stores uploads and templates and hands them out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from easyphoto.app import EasyPhoto
from easyphoto.commands.base import Command, NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.templates import OWN, TemplateEntry, all_templates, template_entry
from easyphoto.errors import EasyPhotoError, InputError, NameTaken
from easyphoto.host.base import HostFacts
from easyphoto.jobs.askers import Requester, asking, the_program
from easyphoto.jobs.bases import check_base
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.idempotency import IdempotencyKey
from easyphoto.jobs.kept_commands import kept_command
from easyphoto.jobs.lanes import Lane, LaneKind
from easyphoto.jobs.own import OwnJobs
from easyphoto.jobs.queue import JobQueue, Work
from easyphoto.jobs.records import Job
from easyphoto.jobs.runners import BUSY, IDLE, HereRunner, LaneFacts, Runner
from easyphoto.jobs.sweeping import sweep
from easyphoto.jobs.uploads import Upload, checked_format, find_upload, keep_upload
from easyphoto.messages import text
from easyphoto.persons import upkeep
from easyphoto.persons.deletion import Deletion, Left
from easyphoto.persons.upkeep import Swept
from easyphoto.storage.files import write_bytes
from easyphoto.workspace.folders import checked_id
from easyphoto.workspace.person_ids import id_for
from easyphoto.workspace.person_record import Person
from easyphoto.workspace.poses import Pose, all_poses, pose_named

SECONDS_KEPT = 3600.0
"""How long models, and measurements of persons, stay loaded while unused, in seconds."""
SECONDS_TO_END = 1.0
"""How long a lane's idle process may take to end."""


@dataclass(frozen=True)
class Service:
    app: EasyPhoto
    queue: JobQueue | OwnJobs
    asking: Callable[[], Requester] = the_program
    runners: Mapping[str, Runner] = field(default_factory=dict)
    """What runs the jobs of a lane, by the lane's name; this process runs the others."""

    def for_clients(self) -> Service:
        """Return the service for tabs and routes: it shows only the jobs and uploads of the current requester.

        Persons and templates are shared by all.
        """
        if isinstance(self.queue, OwnJobs):
            return self
        return replace(self, queue=OwnJobs(self.queue, asking), asking=asking)

    def submit(self, command: Command) -> Job:
        """Queue the command. Errors that need not wait for its turn are raised at once, see `Command.validated`."""
        return self.queue.submit(*self._ready(command))

    def submit_once(self, command: Command, key: IdempotencyKey) -> tuple[Job, bool]:
        """As `submit`; where the requester's key has made a job already, return that one, and True."""
        return self.queue.submit_once(*self._ready(command), key=key)

    def _ready(self, command: Command) -> tuple[Command, Work]:
        self._check_base(command)
        command = command.validated(self.app)
        self._check_owner(command)

        return command, self._work(command)

    def _work(self, command: Command) -> Work:
        def work(context: JobContext) -> Mapping[str, Any]:
            return self._runner(str(context.job.lane)).run(command, context)

        return work

    def submit_again(self) -> None:
        """Queue the jobs that a lost server has left behind; one whose command cannot be read any more fails."""
        queue = self._everybodys
        for job in queue.left_behind():
            with suppress(EasyPhotoError):
                try:
                    command = kept_command(self.app.workspace, job.id)
                except EasyPhotoError as error:
                    queue.give_up(job, error)
                else:
                    queue.submit_again(job, self._work(command))

    def _runner(self, lane: str) -> Runner:
        return self.runners.get(lane) or HereRunner(self.app, lane)

    def lanes(self) -> tuple[LaneFacts, ...]:
        """Return what runs work, and which job runs there; of another requester's job only that there is one."""
        running = self._everybodys.running()
        lanes = (lane for lane in self._everybodys.lanes if lane.kind is LaneKind.WORK)
        return tuple(self._facts_of(lane, running.get(lane.name)) for lane in lanes)

    def _facts_of(self, lane: Lane, job: Job | None) -> LaneFacts:
        facts = replace(self._runner(lane.name).facts(), takes=tuple(sorted(lane.takes)))
        if job is None:
            return facts
        is_seen = self._everybodys is self.queue or self.asking().owns(job.asker)
        return replace(facts, state=BUSY if facts.state == IDLE else facts.state, job=job.id if is_seen else None)

    @property
    def _everybodys(self) -> JobQueue:
        return self.queue.everybody if isinstance(self.queue, OwnJobs) else self.queue

    def close(self, seconds: float = 10.0) -> None:
        """Cancel all jobs and end what runs them."""
        latest = time.monotonic() + seconds
        self._everybodys.close(seconds)
        for runner in self.runners.values():
            runner.close(max(SECONDS_TO_END, latest - time.monotonic()))

    def keep(self, name: str, content: bytes) -> Upload:
        """Store an uploaded picture. Raises BadPicture, and DiskFailure where the workspace has disappeared."""
        self.app.workspace.check_there()
        return keep_upload(self.app.workspace, name, content, self.asking())

    def upload(self, name: str) -> Upload:
        """Raises InputError for an unknown name, or somebody else's upload."""
        return find_upload(self.app.workspace, name, self.asking())

    def delete(self, command: DeletePerson) -> Deletion:
        """Delete at once: cancel the person's jobs, and refuse new ones meanwhile."""
        with self.queue.held_back(command.subjects(self.app.workspace), stop=True):
            found = command.run(self.app, NullContext())
            # Last, because a job of theirs may measure them until it has stopped.
            unreached = self._forgotten(id_for(command.name))
        self.queue.drop_missing()
        return replace(found, left=(*found.left, *unreached))

    def _forgotten(self, person: str) -> tuple[Left, ...]:
        return tuple(left for runner in self.runners.values() for left in runner.forget(person))

    def rename(self, command: RenamePerson) -> Person:
        """Rename at once. Raises UnknownPerson, and HostBusy while a job of this person or the new id is not over."""
        self.app.workspace.person(command.name)
        with self.queue.held_back(command.subjects(self.app.workspace)):
            # A lane knows them by the folder, under whose new name a deletion would not find it.
            self._forgotten(command.ids[0])
            return command.run(self.app, NullContext())

    def sweep(self) -> Swept:
        """Run `persons.upkeep.sweep`, and delete abandoned checks and uploads."""
        self.app.cache.expire(SECONDS_KEPT)
        swept = upkeep.sweep(self.app.workspace, self.app.host)
        # All jobs, whoever calls this: an upload that another requester's job names is not abandoned.
        return replace(swept, gone=(*swept.gone, *sweep(self.app.workspace, self._everybodys.list())))

    def templates(self) -> tuple[TemplateEntry, ...]:
        """Return the templates that ship, then the user's own."""
        return all_templates(self.app.workspace)

    def template(self, id: str) -> TemplateEntry:
        """Raises InputError where there is none."""
        return template_entry(self.app.workspace, id)

    def poses(self) -> tuple[Pose, ...]:
        """Return the poses that ship."""
        return all_poses()

    def pose(self, id: str) -> Pose:
        """Raises UnknownPose."""
        return pose_named(id)

    def add_template(self, name: str, content: bytes) -> TemplateEntry:
        """Add a picture to the user's own templates. Raises BadPicture, BadName and NameTaken."""
        id, suffix = checked_id(name), checked_format(name, content)
        # Results are named after their template, so names of shipped templates are taken as well.
        # Case is ignored, because on a case-insensitive disk Anna.png would be replaced by anna.png.
        if any(entry.path.stem.lower() == id for entry in self.templates()):
            raise NameTaken(text("There is already a template {name!r}.", name=id), advice=text("Choose another name."))
        write_bytes(self.app.workspace.templates / f"{id}{suffix}", content)
        return self.template(f"{OWN}{id}")

    def delete_template(self, id: str) -> Path:
        """Raises InputError for a template that ships or does not exist."""
        entry = self.template(id)
        if not entry.is_own:
            raise InputError(
                text("{title!r} ships with EasyPhoto.", title=entry.title),
                advice=text("Only your own templates can be deleted."),
            )
        # Two requests may delete it at the same time.
        entry.path.unlink(missing_ok=True)
        return entry.path

    def facts(self) -> HostFacts:
        return self.app.host.facts()

    def _check_base(self, command: Command) -> None:
        """Refuse a path as base, except on a page that only this machine's user reaches. Routes refuse it earlier."""
        bases = [command.options.base if command.options is not None else None]
        bases += [command.drawing.template_base] if isinstance(command, PhotographPersons) else []
        if any(bases) and isinstance(self.queue, OwnJobs) and not self.facts().is_local:
            for base in filter(None, bases):
                check_base(base, self.facts().checkpoints)

    def _check_owner(self, command: Command) -> None:
        """With accounts only the one that began a training may resume it, because its pictures are shown on the way."""
        if not isinstance(command, ResumeTraining) or self.asking().account is None:
            return
        if all(job.run != command.training for job in self.queue.list()):
            raise InputError(
                text("You have no run {name!r}.", name=command.training),
                advice=text("Only the person who started it can resume it."),
            )
