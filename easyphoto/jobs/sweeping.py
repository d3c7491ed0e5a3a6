"""Deletes abandoned files: old checks that no training followed, and uploads that no job names any more.

Photos are biometric data, so abandoned ones are not kept for ever.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.records import Job, read_job
from easyphoto.persons.traces import ON_WHICH_IT_IS_PAINTED, pictures_named
from easyphoto.storage.files import matching
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.folders import JOB_FILE, Workspace

KEPT_DAYS = 7


def sweep(workspace: Workspace, jobs: Sequence[Job], *, now: float | None = None) -> tuple[Path, ...]:
    """Delete checks older than `KEPT_DAYS` and the uploads that no other job names; returns the deleted paths."""
    before = (time.time() if now is None else now) - KEPT_DAYS * 24 * 3600
    old = {job.id for job in jobs if job.kind == "check" and job.state.is_over and _written(workspace, job) < before}
    named = {name for job in jobs if job.id not in old for name in _uploads_of(job)}
    gone = [workspace.jobs / id for id in sorted(old)]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    for file in matching(workspace.uploads, "*"):
        if file.name not in named and file.is_file() and file.stat().st_mtime < before:
            file.unlink(missing_ok=True)
            gone.append(file)
    return tuple(gone)


def remove_unnamed(workspace: Workspace, uploads: Iterable[str], jobs: Sequence[Job]) -> None:
    """Delete those uploads that none of `jobs` names, after the job that did was forgotten."""
    named = {name for job in jobs for name in _uploads_of(job)}
    for name in uploads:
        if name not in named and is_file_name(name):
            (workspace.uploads / name).unlink(missing_ok=True)


def uploads_of(folder: Path) -> tuple[str, ...]:
    """Return the uploads that the record in a job's folder names; empty if the record is damaged."""
    with suppress(EasyPhotoError):
        return tuple(_uploads_of(read_job(folder / JOB_FILE)))
    return ()


def _written(workspace: Workspace, job: Job) -> float:
    folder = workspace.jobs / job.id
    return folder.stat().st_mtime if folder.is_dir() else 0.0


def _uploads_of(job: Job) -> Iterator[str]:
    yield from job.subject.uploads
    yield from pictures_named(job.request, ("photos", *ON_WHICH_IT_IS_PAINTED))
