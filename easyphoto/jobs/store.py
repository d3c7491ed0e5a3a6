"""The jobs on disk: an unchanged record is not read again, and a torn one does not affect the others."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from easyphoto.errors import EasyPhotoError, InputError, UnknownJob
from easyphoto.jobs.records import Job, JobEvent, read_event, read_job
from easyphoto.messages import text
from easyphoto.storage.files import private_opener, read_regular
from easyphoto.storage.records import MOST_BYTES, plain, to_line, write_json
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.folders import JOB_FILE

EVENTS_FILE = "events.jsonl"
NANOSECONDS_AT_REST = 2_000_000_000
"""A folder changed longer ago has a time that no later change shares; disks count in steps of up to 2 s (FAT)."""
Stamp = tuple[int, int, int]


class JobStore:
    def __init__(self, folder: Path) -> None:
        self.root = folder
        self._known: dict[str, tuple[Stamp, Job]] = {}
        self._at_rest: dict[str, int] = {}
        """Jobs that are over: the time of their folder's last change, before their record was read."""

    def folder(self, id: str) -> Path:
        """Raises UnknownJob for anything but a job's id, path-like texts included."""
        folder = self.root / id
        if not is_file_name(id) or not (folder / JOB_FILE).is_file():
            raise UnknownJob(
                text("There is no job {id!r}.", id=id), advice=text("It may have been removed; list the jobs.")
            )
        return folder

    def folders(self) -> dict[str, int]:
        """Return the folders by name, each with the time of its last change in nanoseconds.

        One system call for each: pages ask every second, and a workspace may hold thousands of jobs.
        """
        found = {}
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.root) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.is_dir():
                        found[entry.name] = os.stat(entry).st_mtime_ns
        return found

    def read(self, id: str) -> Job:
        """Raises UnknownJob, and InputError for a broken record."""
        file = self.folder(id) / JOB_FILE
        try:
            found = file.stat()
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
            known = self._known.get(id)
            if known is None or known[0] != stamp:
                known = self._known[id] = (stamp, read_job(file))
        except (OSError, InputError) as error:
            if file.is_file():
                raise
            raise UnknownJob(
                text("There is no job {id!r}.", id=id), advice=text("It has just been removed.")
            ) from error
        return known[1]

    def read_all(self, folders: Mapping[str, int], *, without: Container[str]) -> dict[str, Job]:
        """Return the jobs of `folders` except those in `without`; broken records are left out.

        A record is replaced, never written over, which changes its folder. So the record of a job that is over is not
        even looked at while its folder stays as it was.
        """
        for id in self._known.keys() - folders.keys():
            self._known.pop(id, None)
            self._at_rest.pop(id, None)
        jobs, before = {}, time.time_ns() - NANOSECONDS_AT_REST
        for id, changed in folders.items():
            if id in without:
                continue
            if self._at_rest.get(id) == changed and (known := self._known.get(id)) is not None:
                jobs[id] = known[1]
                continue
            with suppress(EasyPhotoError):
                jobs[id] = self.read(id)
                if changed < before and jobs[id].state.is_over:
                    self._at_rest[id] = changed
        return jobs

    def write(self, job: Job) -> None:
        write_json(self.root / job.id / JOB_FILE, plain(job.record()))

    def events(self, id: str) -> tuple[JobEvent, ...]:
        """Return the complete events of an existing job; the last line of a process that was killed may be torn."""
        try:
            lines = read_regular(self.root / id / EVENTS_FILE, MOST_BYTES).splitlines()
        except (OSError, InputError):
            return ()
        events: list[JobEvent] = []
        for line in lines:
            with suppress(ValueError, InputError):
                events.append(read_event(line))
        return tuple(events)

    def add(self, id: str, event: JobEvent) -> None:
        """Append an event. On a full disk the event is lost and the job goes on."""
        line = to_line(plain(event.record()))
        with suppress(OSError), open(self.root / id / EVENTS_FILE, "ab+", opener=private_opener) as stream:
            if stream.seek(0, 2) and _last_byte(stream) != b"\n":
                line = b"\n" + line
            stream.write(line)


def _last_byte(stream: BinaryIO) -> bytes:
    stream.seek(-1, 2)
    return stream.read(1)
