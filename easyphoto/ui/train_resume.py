"""Trainings that were cancelled, interrupted or failed, and can resume from their last checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from easyphoto.commands.resume import ResumeTraining
from easyphoto.errors import InputError
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.ui import compat
from easyphoto.ui.card import STATE_WORDS
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import LiveCard, show_job

PREFIX = "easyphoto_train_resume"
RESUMABLE = (State.INTERRUPTED, State.CANCELLED, State.FAILED)


@dataclass(frozen=True)
class ResumePart:
    runs: Any
    button: Any

    @property
    def outputs(self) -> tuple[Any, ...]:
        return (self.runs, self.button)


def place_resume(service: Service, words: Translator) -> ResumePart:
    found = resumable(service, words)
    labels = list(found)
    runs = gr.Dropdown(
        labels, value=labels[0] if labels else None, label=words("Unfinished trainings"), elem_id=f"{PREFIX}_runs",
        info=words("They continue from their last checkpoint."), visible=bool(found),
    )  # fmt: skip
    button = gr.Button(words("Resume"), elem_id=f"{PREFIX}_start", visible=bool(found))
    return ResumePart(runs, button)


def connect_resume(part: ResumePart, service: Service, live: LiveCard, message: Any, *, words: Translator) -> None:
    def resumed(label: str | None) -> dict[Any, Any]:
        run = resumable(service, words).get(label or "")
        if run is None:
            raise InputError(text("This training cannot be resumed any more."), advice=text("Choose another one."))
        job = service.submit(ResumeTraining(run))
        return {**show_job(live, service, job.id, words=words), **resume_updates(part, service, words)}

    compat.listen(
        part.button.click,
        saying(message, words, resumed),
        inputs=[part.runs],
        outputs={message, *live.outputs, *part.outputs},
    )


def resume_updates(part: ResumePart, service: Service, words: Translator) -> dict[Any, Any]:
    labels = list(resumable(service, words))
    return {
        part.runs: compat.update(choices=labels, value=labels[0] if labels else None, visible=bool(labels)),
        part.button: compat.update(visible=bool(labels)),
    }


def resumable(service: Service, words: Translator) -> dict[str, str]:
    """Return label → run; of several jobs for one run the newest gives the state."""
    latest: dict[str, Job] = {}
    for job in service.queue.list():
        if job.run is not None and job.run not in latest:
            latest[job.run] = job
    runs = service.app.workspace.runs
    return {
        label(job, words): run
        for run, job in latest.items()
        if job.state in RESUMABLE and (runs / run / "run.json").is_file()
    }


def label(job: Job, words: Translator) -> str:
    who = ", ".join(job.subject.persons) or job.title
    when = job.created[:16].replace("T", " ")
    return f"{who} · {words(STATE_WORDS[job.state])} · {when} UTC"
