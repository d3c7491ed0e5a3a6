"""A job's snapshot, its events, and the records of both on disk."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from easyphoto.commands.base import Subjects
from easyphoto.errors import BadRecord, EasyPhotoError, WeightsMissing
from easyphoto.jobs.askers import Requester
from easyphoto.jobs.idempotency import IdempotencyKey
from easyphoto.jobs.shapes import State, check_event, check_job
from easyphoto.messages import text
from easyphoto.storage.files import disk_failure
from easyphoto.storage.records import from_line, name_stamp, read_json, typed, utc_now
from easyphoto.workspace.file_names import is_file_name

# The owner becomes part of a file name.
_OWNER = re.compile(r"[\w-]{1,64}")


@dataclass(frozen=True)
class Job:
    id: str
    kind: str
    """Its command's kind."""
    title: str
    state: State
    created: str
    owner: str
    """Id of the queue that runs it; jobs of a queue whose process has ended become interrupted."""
    lane: str | None = None
    """Where it runs or ran; None before it began."""
    started: str | None = None
    ended: str | None = None
    phase: str = ""
    """The current step in words."""
    done: int = 0
    total: int = 0
    eta_seconds: float | None = None
    previews: tuple[str, ...] = ()
    """File names in the job's folder, newest last."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files elsewhere in the workspace that are handed out: name → path below the workspace."""
    request: Mapping[str, Any] = field(default_factory=dict)
    """Its command's record."""
    result: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None
    """Keys: code, message, advice; weights, where the catalogue has what is missing."""
    notes: tuple[str, ...] = ()
    run: str | None = None
    """Name of the training's folder as soon as it exists; the argument of `resume`."""
    subject: Subjects = field(default_factory=Subjects)
    asker: Requester = field(default_factory=Requester)
    """The requester that owns it."""
    key: IdempotencyKey | None = None
    """By which the client that asked for it finds it again when it asks once more."""

    def names(self, file: str) -> bool:
        """Return whether clients have been told of a file with that name."""
        return file in self.files or file in self.previews or file in _texts_in(self.result)

    def record(self) -> dict[str, Any]:
        """Return plain values, for disk and for clients."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        values |= {
            name: dict(values[name]) for name in ("files", "request", "result", "error") if values[name] is not None
        }
        values["subject"], values["asker"] = dataclasses.asdict(self.subject), dataclasses.asdict(self.asker)
        values["key"] = None if self.key is None else dataclasses.asdict(self.key)
        return {**values, "state": self.state.value, "previews": list(self.previews), "notes": list(self.notes)}


@dataclass(frozen=True)
class JobEvent:
    """An event of a job; events are numbered in order."""

    number: int
    type: str
    """One of state, progress, preview, verdicts, train, note, error, result."""
    at: str
    values: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        return {"number": self.number, "type": self.type, "at": self.at, **self.values}


def read_job(file: Path) -> Job:
    """Read a job's record. Raises BadRecord for a file that is not a job record, or is another folder's."""
    record, id = read_json(file), file.parent.name
    job = typed(Job, record, f"The record of the job {id}")
    is_error = job.error is None or {"code", "message"} <= job.error.keys() <= {"code", "message", "advice", "weights"}
    fits = job.id == id and is_error
    if not fits or _OWNER.fullmatch(job.owner) is None or (job.run is not None and not is_file_name(job.run)):
        raise BadRecord(
            text("The record of the job {id} is broken.", id=id), advice=text("Delete the job, or its folder.")
        )
    command = check_job(job.kind, job.request, job.result)
    if command is not None and command.title == job.title:
        # Records of before have the title as a finished sentence, which nobody could say in another language.
        return dataclasses.replace(job, title=command.title)
    return job


def read_event(line: bytes) -> JobEvent:
    """Parse an event line. Raises ValueError for invalid JSON, BadRecord for JSON that is not an event."""
    values = from_line(line)
    fixed = {name: values.pop(name) for name in ("number", "type", "at") if name in values}
    event = typed(JobEvent, {**fixed, "values": values}, "The event")
    check_event(event.type, event.values)
    return event


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for part in parts:
        yield from _texts_in(part)


class Fault(Exception):
    """A bug that another process ran into; its text is the class and the message there."""


def error_record(error: BaseException) -> dict[str, str]:
    """Return the error as clients see it. A bug is named by its class; its traceback stays in the job's folder."""
    if isinstance(error, OSError):
        error = disk_failure(error)
    if isinstance(error, EasyPhotoError):
        weights = {"weights": " ".join(error.weights)} if isinstance(error, WeightsMissing) and error.weights else {}
        return {"code": error.code, "message": error.message, "advice": error.advice, **weights}
    return {
        "code": "InternalError",
        "message": str(error) if isinstance(error, Fault) else f"{type(error).__name__}: {error}",
        "advice": text("This is a bug in EasyPhoto. Please report it, with traceback.txt from the job's folder."),
    }


def new_job_id() -> str:
    return f"{name_stamp()}-{secrets.token_hex(4)}"


def now() -> str:
    """Return the current UTC time as records of jobs and events write it, with milliseconds."""
    return utc_now(milliseconds=True)
