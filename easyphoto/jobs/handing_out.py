"""Which files of a job clients may have."""

from __future__ import annotations

from pathlib import Path

from easyphoto.errors import OutsideFolder, UnknownJob
from easyphoto.jobs.records import Job
from easyphoto.jobs.store import EVENTS_FILE
from easyphoto.messages import text
from easyphoto.storage.files import inside
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.folders import JOB_FILE, Workspace

TRACEBACK_FILE, COMMAND_FILE = "traceback.txt", "command.json"
RECORDS = (JOB_FILE, EVENTS_FILE, TRACEBACK_FILE, COMMAND_FILE)
"""Files in a job's folder that are never handed out, because they describe this machine."""


def handed_out(workspace: Workspace, job: Job, name: str) -> Path:
    """Return the path of a file that the job hands out, in its folder or elsewhere in the workspace.

    Raises UnknownJob where there is none.
    """
    missing = UnknownJob(
        text("The job {id} has no file {name!r}.", id=job.id, name=name),
        advice=text("Ask for one that its record names."),
    )
    # Only names from the record, because on a case-insensitive disk JOB.JSON would open it, as PHOTO-~1 might.
    if not job.names(name) or (name not in job.files and not _may_be_handed_out(name)):
        raise missing
    try:
        path = inside(workspace.root, job.files.get(name, f"{workspace.jobs.name}/{job.id}/{name}"))
    except OutsideFolder as error:
        raise missing from error
    if not path.is_file():
        raise missing
    return path


def _may_be_handed_out(name: str) -> bool:
    return is_file_name(name) and name.casefold() not in RECORDS and not name.startswith(".")
