"""The visitor's sessions: finished photographs with their pictures, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from easyphoto.commands.at_work import at_work
from easyphoto.errors import InputError, UnknownJob
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.persons.traces import pictures_named
from easyphoto.ui.ranking import Ranked, ranked
from easyphoto.workspace.favourites import change_favourite, favourites_in
from easyphoto.workspace.file_names import is_file_name

KIND, PLACED = "photograph", "place"
KINDS = (KIND, PLACED)
"""Kinds of the jobs that make pictures."""
TEMPLATES = ("templates", "template")
"""Under which their requests name the pictures that they paint on."""


@dataclass(frozen=True)
class SessionPicture:
    """A result that still exists."""

    job: str
    ranked: Ranked
    path: Path
    is_favourite: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.job, self.ranked.file


@dataclass(frozen=True)
class Session:
    job: Job
    pictures: tuple[SessionPicture, ...]
    """Most similar first."""

    def picture(self, file: str | None) -> SessionPicture:
        """Return the picture of that file, or the first one."""
        return next((one for one in self.pictures if one.ranked.file == file), self.pictures[0])


@dataclass(frozen=True)
class Sessions:
    """Reads only what the visitor may see, because the page's queue knows no other jobs."""

    service: Service

    def of(self, id: str) -> Session | None:
        """Return the session of a job; None if it has no pictures. Raises UnknownJob."""
        return self._session(self.service.queue.get(id))

    def newest(self) -> Iterator[Session]:
        for job in self.service.queue.list():
            session = self._session(job)
            if session is not None:
                yield session

    def favourites(self) -> tuple[SessionPicture, ...]:
        return tuple(one for session in self.newest() for one in session.pictures if one.is_favourite)

    def picture(self, job: str, file: str) -> SessionPicture:
        """Raises UnknownJob where there is none, or it is somebody else's."""
        session = self.of(job)
        found = [one for one in session.pictures if one.ranked.file == file] if session else []
        if not found:
            raise UnknownJob(text("The picture {name} is gone.", name=file), advice=text("Choose another one."))
        return found[0]

    def change_favourite(self, job: str, file: str) -> bool:
        """Mark or unmark a picture of the visitor's; returns whether it is a favourite now. Raises UnknownJob."""
        picture = self.picture(job, file)
        # A deletion waits for it, so that nothing is written into a folder that has just gone.
        with at_work(self.service.app, self.service.queue.get(job).subject.persons, known=False):
            return change_favourite(picture.path)

    def template(self, picture: SessionPicture) -> Path | None:
        """Return the template's file, or the picture that was drawn in place of one; None if it is gone."""
        asked = pictures_named(self.service.queue.get(picture.job).request, TEMPLATES)
        name = next((name for name in asked if Path(name).stem == picture.ranked.template), None)
        if name is None:
            return drawn_template(picture)
        found = next((entry.path for entry in self.service.templates() if entry.path.name == name), None)
        if found is not None:
            return found
        try:
            return self.service.upload(name).path
        except InputError:
            return None

    def _session(self, job: Job) -> Session | None:
        if job.kind not in KINDS or job.state is not State.DONE:
            return None
        there = [(one, path) for one in ranked(job.result or {}) if (path := self._file(job, one)) is not None]
        marked = {folder: favourites_in(folder) for folder in {path.parent for _, path in there}}
        pictures = [SessionPicture(job.id, one, path, path.name in marked[path.parent]) for one, path in there]
        return Session(job, tuple(pictures)) if pictures else None

    def _file(self, job: Job, picture: Ranked) -> Path | None:
        try:
            return self.service.queue.file(job.id, picture.file)
        except UnknownJob:
            return None


def drawn_template(picture: SessionPicture) -> Path | None:
    """Return the drawing that the result was painted on, which lies beside it; None if it is gone."""
    file = picture.path.with_name(f"{picture.ranked.template}.png")
    return file if picture.ranked.is_drawn and is_file_name(file.name) and file.is_file() else None
