"""What a job has made on another machine: it arrives in the job's folder, and is published once, whatever is killed.

`jobs/<id>/.arrived/made/` holds the files by their paths in the workspace, `.arrived/outcome.json` is written when all
of them are there. From then on the outcome is decided and no other attempt counts. Publication moves each part to its
place, so what is no longer there has been published; it may be repeated until the job's record says that it is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from easyphoto.errors import DiskFailure, EasyPhotoError, NameTaken, OutsideFolder
from easyphoto.jobs.handing_out import RECORDS
from easyphoto.messages import text
from easyphoto.persons.folder import put_in_place
from easyphoto.progress import Cancelled
from easyphoto.storage.files import cause_of, disk_failure, inside, make_folder, matching, private_opener, take_place
from easyphoto.storage.records import plain, read_json, typed, write_json
from easyphoto.storage.scratch import discard
from easyphoto.workspace.folders import JOB_FILE, Workspace
from easyphoto.workspace.person_record import FACE, PERSON_FILE, read_person

ARRIVED = ".arrived"
_MADE, _OUTCOME = "made", "outcome.json"
_BUG = text("This is a bug in EasyPhoto.")


@dataclass(frozen=True)
class JobOutcome:
    """What a finished job has made. Paths are relative to the workspace."""

    state: str
    """How the job ended: a value of `State`. A training that was cancelled can be resumed from what it made."""
    answer: Mapping[str, Any] | None = None
    """The job's result."""
    error: Mapping[str, str] | None = None
    parts: tuple[str, ...] = ()
    """Folders and files that are moved to their places one after another, persons last."""
    gone: tuple[str, ...] = ()
    """Files of an earlier training that went on, which it no longer has."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What the job hands out, as in its record."""


class Arrivals:
    """The files of one job that have arrived and are not yet published."""

    def __init__(self, workspace: Workspace, id: str) -> None:
        self._workspace, self._id = workspace, id
        self._job = workspace.jobs / id
        self.folder = self._job / ARRIVED
        self._prefix = f"{workspace.jobs.name}/{id}/{ARRIVED}/{_MADE}/"

    def clear(self) -> None:
        """Drop what has arrived: of an attempt that was cut off, or of a job whose record says that it is done."""
        with suppress(DiskFailure):
            discard(self._workspace.root, self.folder)

    def keep(self, below: str, content: bytes, *, offset: int = 0) -> Path:
        """Write a piece of a file that belongs to `below` in the workspace. Raises OutsideFolder, DiskFailure, and
        Cancelled where the job's folder is gone, because its person is deleted."""
        self._check_there()
        place = self._workspace.root / below
        if place.parent == self._job and place.name.casefold() in RECORDS:
            raise OutsideFolder(text("{name!r} is not the job's to write.", name=below), advice=_BUG)
        target = inside(self.folder / _MADE, below)
        write_piece(target, content, offset)
        return target

    def complete(self, below: str, *, changed: int) -> None:
        """Mark a file as whole, with its time of change in nanoseconds; one of the job's own folder is moved there.

        The time is what tells later whether another machine has the same file.
        """
        target = inside(self.folder / _MADE, below)
        try:
            os.utime(target, ns=(changed, changed))
            place = self._workspace.root / below
            if place.parent == self._job and not place.name.startswith("."):
                take_place(target, place)
        except OSError as error:
            raise disk_failure(error) from error

    def staged(self, below: str) -> str:
        """Where a file of that path lies until it is published, below the workspace; itself in the job's own folder."""
        return below if (self._workspace.root / below).parent == self._job else f"{self._prefix}{below}"

    def published(self, staged: str) -> str:
        """The path that `staged` was made from."""
        return staged.removeprefix(self._prefix)

    def decided(self) -> JobOutcome | None:
        """The outcome, if the job has one that may not be published yet."""
        if not (self.folder / _OUTCOME).is_file():
            return None
        record = read_json(self.folder / _OUTCOME)
        return typed(JobOutcome, record, f"The outcome of the job {self._id}")

    def decide(self, outcome: JobOutcome, *, replaces: Iterable[str] = ()) -> None:
        """Write the outcome down: everything that it names has arrived.

        `replaces` are files that were there before. Raises NameTaken, DiskFailure; the job has no outcome then.
        """
        self._check_there()
        changed = frozenset(replaces)
        for part in outcome.parts:
            if part not in changed and not part.startswith(f"{self._workspace.persons.name}/"):
                self._check_free(part)
        try:
            for file in (self.folder / _MADE).rglob("*"):
                if file.is_file():
                    with file.open("rb+") as stream:
                        os.fsync(stream.fileno())
        except OSError as error:
            raise disk_failure(error) from error
        write_json(self.folder / _OUTCOME, plain(asdict(outcome)))

    def publish(self, outcome: JobOutcome) -> None:
        """Move what has arrived to its place; may be repeated after it was killed anywhere.

        Raises Cancelled where the person is being deleted, DiskFailure.
        """
        for part in outcome.parts:
            staged = inside(self.folder / _MADE, part)
            place, id = part.split("/", 1)
            if place == self._workspace.persons.name:
                if staged.exists():
                    self._keep_words(id, staged)
                    put_in_place(self._workspace, id, staged, replaces=True)
            elif os.path.lexists(staged):
                self._put(staged, self._workspace.root / part)
        for below in outcome.gone:
            with suppress(OSError):
                inside(self._workspace.root, below).unlink(missing_ok=True)

    def _check_there(self) -> None:
        if not (self._job / JOB_FILE).is_file():
            raise Cancelled(f"The job {self._id} was deleted.")

    def _put(self, staged: Path, place: Path) -> None:
        try:
            make_folder(place.parent)
            if staged.is_dir():
                os.rename(staged, place)
            else:
                take_place(staged, place)
        except OSError as error:
            raise DiskFailure(
                text("{place} could not be put in place: {cause}.", place=place, cause=cause_of(error)),
                advice=text("Close what has it open, and check free space; the next start completes it."),
            ) from error

    def _keep_words(self, id: str, staged: Path) -> None:
        """A person's words may have been changed here while their training ran elsewhere."""
        with suppress(EasyPhotoError):
            person, known = read_person(staged), read_person(self._workspace.person_folder(id))
            if person.kind == FACE and person.words != known.words:
                write_json(staged / PERSON_FILE, asdict(replace(person, words=known.words)))

    def _check_free(self, part: str) -> None:
        place = self._workspace.root / part
        name = place.stem.lower()
        taken = place.exists() or any(
            place.parent == self._workspace.templates and each.stem.lower() == name
            for each in matching(place.parent, "*")
        )
        if taken:
            raise NameTaken(
                text("There is already {name!r} in {folder}.", name=place.name, folder=place.parent.name),
                advice=text("It came while this job ran elsewhere. Ask for it again."),
            )


def write_piece(target: Path, content: bytes, offset: int) -> None:
    """Write a part of a file that arrives in pieces; the first one begins it anew. Raises DiskFailure."""
    try:
        make_folder(target.parent)
        with open(target, "wb" if offset == 0 else "r+b", opener=private_opener) as stream:
            stream.seek(offset)
            stream.write(content)
    except OSError as error:
        raise disk_failure(error) from error


def has_arrivals(workspace: Workspace, id: str) -> bool:
    return (workspace.jobs / id / ARRIVED).is_dir()
