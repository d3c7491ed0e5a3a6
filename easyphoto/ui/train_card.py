"""What the Train tab shows of a job: its curves and what it made, test pictures, and the last lines of its own log."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from easyphoto.commands.add_person import AddPerson
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.records import Job, JobEvent, State
from easyphoto.jobs.service import Service
from easyphoto.training.run import RunFolder
from easyphoto.ui import compat
from easyphoto.ui.card import curves_html, sample_captions, sheet_html, training_events
from easyphoto.ui.language import Translator
from easyphoto.ui.naming import label_of
from easyphoto.ui.orders import go_button
from easyphoto.ui.photograph_form import portrait_of
from easyphoto.ui.photograph_layout import CHOOSE
from easyphoto.workspace.person_record import Person

SAMPLE_SIDE, PORTRAIT_SIDE = 192, 384
LOG_LINES = 40


def card_body(service: Service, job: Job, events: Sequence[JobEvent], words: Translator) -> str:
    """Return the curves while training; at the end the portrait and its result."""
    made = _made_html(service, job, words) if job.state is State.DONE and job.kind != "setup" else ""
    return made + curves_html(training_events(events), words)


def samples_html(service: Service, job: Job, events: Sequence[JobEvent], words: Translator) -> str:
    """Return the contact sheet: every validation picture with its step and likeness."""
    captions = sample_captions(training_events(events), words)
    shown = [(name, file) for name in job.previews if (file := _file(service, job, name)) is not None]
    links = [(compat.link_or_none(file, side=SAMPLE_SIDE), captions.get(name, "")) for name, file in shown]
    pictures = [(link, caption) for link, caption in links if link is not None]
    return sheet_html(pictures, words, title="Test pictures")


def worker_lines(service: Service, job: Job) -> list[str]:
    """Return the last lines of the training process's output."""
    if job.run is None:
        return []
    log = RunFolder(service.app.workspace.runs / job.run).log
    return log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:] if log.is_file() else []


def _made_html(service: Service, job: Job, words: Translator) -> str:
    result = job.result or {}
    person = _person(service, str(result.get("person", "")))
    name = label_of(service.app.workspace, person) if person else result.get("name", "")
    if job.kind == AddPerson.kind:
        facts = [words("{name} is added with {count} photos, not trained.", name=name, count=result.get("kept", 0))]
    elif person is not None and not person.shows_face:
        facts = [words("{name} can be used in pictures now.", name=name)]
    else:
        facts = [words("{name} can be photographed now.", name=name)]
    likeness = result.get("likeness") or {}
    if isinstance(likeness.get("cosine"), (int, float)):
        facts.append(words("Likeness of the portrait: {cosine}", cosine=f"{likeness['cosine']:.2f}"))
    if result.get("published"):
        facts.append(words("The LoRA is listed as {name}.", name=Path(str(result["published"])).stem))
    said = "".join(f"<p>{escape(fact)}</p>" for fact in facts)
    if person is None:
        return f'<div class="easyphoto-made"><div>{said}</div></div>'
    if person.shows_face:
        label = words("Photograph {name} now", name=name)
        go = go_button(label, "photograph", order=person.id, to=CHOOSE, style="easyphoto-primary")
    else:
        go = go_button(words("To the tab Photograph"), "photograph", style="easyphoto-primary")
    go = f'<div class="easyphoto-orders">{go}</div>' if person.is_ready else ""
    return f'<div class="easyphoto-made">{_portrait(service, person, name, words)}<div>{said}{go}</div></div>'


def _person(service: Service, id: str) -> Person | None:
    try:
        return service.app.workspace.person(id)
    except EasyPhotoError:  # deleted since
        return None


def _portrait(service: Service, person: Person, name: str, words: Translator) -> str:
    file = portrait_of(service, person)
    if file is None:
        return ""
    link = compat.link_or_none(file, side=PORTRAIT_SIDE)
    if link is None:
        return ""
    return f'<img src="{link}" alt="{escape(words("Portrait of {name}", name=name))}">'


def _file(service: Service, job: Job, name: str) -> Path | None:
    try:
        return service.queue.file(job.id, name)
    except EasyPhotoError:
        return None
