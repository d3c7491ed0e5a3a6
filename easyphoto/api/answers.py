"""Builds the API's answers from workspace values: what clients need, and no path of this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from easyphoto.api.gallery_schemas import TemplateAnswer
from easyphoto.api.paths import told
from easyphoto.api.schemas import ErrorTold, JobAnswer, JobSummary, PersonAnswer, TextTold
from easyphoto.commands.templates import TemplateEntry
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.records import Job
from easyphoto.messages import Text, texts_in
from easyphoto.settings.declarations import settings_record
from easyphoto.training.run import RUN_FILE, TrainRun
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


def job_answer(job: Job) -> JobAnswer:
    result = told(job.result)
    summary = _summary(job)
    return JobAnswer(
        **{**summary, "texts": {**summary["texts"], **texts_told(result)}},
        previews=list(job.previews),
        files=list(job.files),
        request=dict(job.request),
        result=result,
    )


def job_summary(job: Job) -> JobSummary:
    return JobSummary(**_summary(job))


def _summary(job: Job) -> dict[str, Any]:
    phase, error, notes = told(job.phase), told(job.error), told(job.notes)
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "persons": list(job.subject.persons),
        "state": job.state,
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "phase": phase,
        "done": job.done,
        "total": job.total,
        "eta_seconds": job.eta_seconds,
        "error": None if error is None else ErrorTold(**error, values=values_of(error["message"]), details=None),
        "notes": notes,
        "run": job.run,
        "lane": job.lane,
        "texts": texts_told([job.title, phase, error, notes]),
    }


def values_of(said: str) -> dict[str, Any]:
    """Return the values of a text's placeholders."""
    return dict(said.values) if isinstance(said, Text) else {}


def texts_told(value: Any) -> dict[str, TextTold]:
    """Return, for every text in a part of an answer, its template and values."""
    return {said: TextTold(**entry) for said, entry in texts_in(value).items()}


def person_answer(workspace: Workspace, person: Person) -> PersonAnswer:
    notes = told(person.notes)
    return PersonAnswer(
        **{**person.facts, "notes": notes},
        has_portrait=person.portrait is not None,
        texts=texts_told(notes),
        trained=_trained(workspace, person),
    )


def _trained(workspace: Workspace, person: Person) -> dict[str, Any] | None:
    """Return the settings of the person's training; None if the run is gone, or was made by another version."""
    if person.run is None or Path(person.run).name != person.run:
        return None
    try:
        run = TrainRun.read(workspace.runs / person.run / RUN_FILE)
    except EasyPhotoError:
        return None
    return {"base": Path(run.base).name, "settings": settings_record(run.settings), "created": run.created}


def template_answer(entry: TemplateEntry) -> TemplateAnswer:
    return TemplateAnswer(id=entry.id, title=entry.title, own=entry.is_own)


def names_below(workspace: Workspace, paths: Iterable[Path]) -> list[str]:
    """Return paths relative to the workspace; a path outside it, as in a host, is reduced to its name."""
    root = workspace.root.resolve()
    resolved = ((path, path.resolve()) for path in paths)
    return [
        absolute.relative_to(root).as_posix() if root in absolute.parents else path.name for path, absolute in resolved
    ]
