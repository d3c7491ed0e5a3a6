"""Where tabs and API ask for work: commands become jobs; uploads and templates are taken in and handed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from easyphoto.app import EasyPhoto
from easyphoto.commands.base import Command, NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.draw_template import own_templates
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.resume import ResumeTraining
from easyphoto.errors import InputError, NameTaken, OutOfMemory
from easyphoto.host.base import HostFacts
from easyphoto.jobs.answers import ANSWERS, OWN
from easyphoto.jobs.askers import Requester, asking, the_program
from easyphoto.jobs.bases import check_base
from easyphoto.jobs.context import JobContext
from easyphoto.jobs.own import OwnJobs
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job
from easyphoto.jobs.sweeping import sweep
from easyphoto.jobs.uploads import Upload, checked_format, find_upload, keep_upload
from easyphoto.messages import text
from easyphoto.persons import upkeep
from easyphoto.persons.deletion import Deletion
from easyphoto.persons.upkeep import Swept
from easyphoto.storage.files import write_bytes
from easyphoto.workspace.folders import Person, checked_id
from easyphoto.workspace.shipped import shipped_templates

SECONDS_KEPT = 3600.0
"""How long models, and what was measured on persons, stay loaded while nobody uses them."""


@dataclass(frozen=True)
class TemplateEntry:
    id: str
    title: str
    path: Path
    is_own: bool
    """The user's; the others ship with EasyPhoto."""


@dataclass(frozen=True)
class Service:
    app: EasyPhoto
    queue: JobQueue | OwnJobs
    asking: Callable[[], Requester] = the_program

    def for_clients(self) -> Service:
        """The service that tabs and routes work at: jobs and uploads are those of whoever asks just then.

        Persons and templates are everybody's.
        """
        if isinstance(self.queue, OwnJobs):
            return self
        return replace(self, queue=OwnJobs(self.queue, asking), asking=asking)

    def submit(self, command: Command) -> Job:
        """Queue the command. Raises at once what need not wait for its turn, as `Command.validated` says."""
        self._check_base(command)
        command = command.validated(self.app)
        self._check_owner(command)

        def work(context: JobContext) -> Mapping[str, Any]:
            try:
                with self.app.at_hand() as app:
                    return ANSWERS[type(command)](command.run(app, context), context)
            except OutOfMemory:
                # The next try must not fail for what was kept.
                self.app.cache.clear()
                raise

        return self.queue.submit(command, work)

    def keep(self, name: str, content: bytes) -> Upload:
        """Take a picture in. Raises BadPicture, and DiskFailure where the workspace was taken away."""
        self.app.workspace.check_there()
        return keep_upload(self.app.workspace, name, content, self.asking())

    def upload(self, name: str) -> Upload:
        """Raises InputError where there is none of that name, or somebody else brought it."""
        return find_upload(self.app.workspace, name, self.asking())

    def delete(self, command: DeletePerson) -> Deletion:
        """At once: jobs of theirs are cancelled, and no new one is taken meanwhile."""
        with self.queue.held_back(command.subjects(self.app.workspace), stop=True):
            found = command.run(self.app, NullContext())
        self.queue.drop_missing()
        return found

    def rename(self, command: RenamePerson) -> Person:
        """At once. Raises UnknownPerson, and HostBusy while a job of theirs, or of who has the new id, is not over."""
        self.app.workspace.person(command.name)
        with self.queue.held_back(command.subjects(self.app.workspace)):
            return command.run(self.app, NullContext())

    def sweep(self) -> Swept:
        """As `persons.upkeep.sweep`, and what nobody came back for."""
        self.app.cache.expire(SECONDS_KEPT)
        swept = upkeep.sweep(self.app.workspace, self.app.host)
        # Whoever asks: what another one's job names is not nobody's.
        queue = self.queue.everybody if isinstance(self.queue, OwnJobs) else self.queue
        return replace(swept, gone=(*swept.gone, *sweep(self.app.workspace, queue.list())))

    def templates(self) -> tuple[TemplateEntry, ...]:
        """Those that ship, then the user's own."""
        shipped = [TemplateEntry(one.file.stem, one.title, one.file, False) for one in shipped_templates()]
        own = [TemplateEntry(f"{OWN}{file.stem}", file.stem, file, True) for file in own_templates(self.app.workspace)]
        return (*shipped, *own)

    def template(self, id: str) -> TemplateEntry:
        """Raises InputError."""
        found = next((entry for entry in self.templates() if entry.id == id), None)
        if found is None:
            raise InputError(
                text("There is no template {name!r}.", name=id), advice=text("List the templates, or upload one.")
            )
        return found

    def add_template(self, name: str, content: bytes) -> TemplateEntry:
        """One of the user's own from a picture. Raises BadPicture, BadName and NameTaken."""
        id, suffix = checked_id(name), checked_format(name, content)
        # Results are named after their template, so the shipped ones' names are taken as well.
        # And without case, because some disks have none: Anna.png would be replaced by anna.png.
        if any(entry.path.stem.lower() == id for entry in self.templates()):
            raise NameTaken(text("There is already a template {name!r}.", name=id), advice=text("Choose another name."))
        write_bytes(self.app.workspace.templates / f"{id}{suffix}", content)
        return self.template(f"{OWN}{id}")

    def delete_template(self, id: str) -> Path:
        """Raises InputError for one that ships, or that does not exist."""
        entry = self.template(id)
        if not entry.is_own:
            raise InputError(
                text("{title!r} ships with EasyPhoto.", title=entry.title),
                advice=text("Only your own templates can be deleted."),
            )
        # Two may ask at once.
        entry.path.unlink(missing_ok=True)
        return entry.path

    def facts(self) -> HostFacts:
        return self.app.host.facts()

    def _check_base(self, command: Command) -> None:
        """On a page that only this machine's user reaches a path is welcome; routes have refused it before."""
        base = command.options.base if command.options is not None else None
        if base is not None and isinstance(self.queue, OwnJobs) and not self.facts().is_local:
            check_base(base, self.facts().checkpoints)

    def _check_owner(self, command: Command) -> None:
        """With accounts a training is resumed by who began it, because its pictures are shown as it goes on."""
        if not isinstance(command, ResumeTraining) or self.asking().account is None:
            return
        if all(job.run != command.training for job in self.queue.list()):
            raise InputError(
                text("There is no run {name!r} of yours.", name=command.training),
                advice=text("Who began it can resume it."),
            )
