"""The Train tab: photos, verdicts, a name, a few settings, and a card that shows the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import EasyPhotoError, InputError, TooFewPhotos, TrainerMissing
from easyphoto.jobs.records import Job, JobEvent, State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.training.environment import ADVICE
from easyphoto.training.run import RunFolder
from easyphoto.ui import compat
from easyphoto.ui.card import curves_html, log_html, sample_captions, sheet_html, training_events, warnings_html
from easyphoto.ui.configurations import Saving
from easyphoto.ui.first_run import FirstRun, Guiding, connect_guide, place_guide
from easyphoto.ui.handlers import Renewal, saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import LiveCard, connect_card, newest_job, place_card, show_job, show_nothing
from easyphoto.ui.naming import label_of
from easyphoto.ui.orders import go_button
from easyphoto.ui.photograph_form import portrait_of
from easyphoto.ui.photograph_layout import CHOOSE
from easyphoto.ui.queue_part import QueuePart, connect_queue, place_queue, queue_updates
from easyphoto.ui.train_checks import connect_photos
from easyphoto.ui.train_form import PREFIX, TrainForm, base_update, connect_form, place_form
from easyphoto.ui.train_photos import PhotoPart, PhotoSet, place_photos, upload_paths
from easyphoto.ui.train_resume import ResumePart, connect_resume, place_resume, resume_updates
from easyphoto.workspace.folders import Person

KINDS = ("train", "resume", "setup", "add")
SAMPLE_SIDE, PORTRAIT_SIDE = 192, 384
LOG_LINES = 40


@dataclass(frozen=True)
class TrainTab:
    photos: PhotoPart
    form: TrainForm
    start: Any
    add: Any
    message: Any
    live: LiveCard
    queue: QueuePart
    sheet: Any
    worker_fold: Any
    worker_log: Any
    resume: ResumePart
    setup_said: Any
    setup: Any
    words: Translator
    guide: FirstRun

    @property
    def beside(self) -> tuple[Any, ...]:
        """The outputs that change with the job besides its card."""
        worker = (self.worker_fold, self.worker_log)
        return (self.sheet, *worker, *self.resume.outputs, self.setup_said, self.setup)


def build(service: Service, words: Translator) -> TrainTab:
    facts = service.facts()
    guide = place_guide(words)
    gr.HTML(warnings_html(facts.warnings, words), elem_id=f"{PREFIX}_warnings")
    missing = missing_trainer(service)
    with gr.Row(elem_classes=["easyphoto-setup"]):
        setup_said = gr.HTML(trainer_html(missing, words), elem_id=f"{PREFIX}_setup_said")
        setup = gr.Button(words("Set up training"), visible=missing is not None, elem_id=f"{PREFIX}_setup", size="sm")
    with gr.Row(elem_classes=["easyphoto-columns"]):
        with gr.Column(scale=6, min_width=320):
            _heading(words("1 · Photos"), words("Sharp, with the face clearly visible, ideally alone in the picture."))
            photos = place_photos(words)
        with gr.Column(scale=5, min_width=320):
            _heading(
                words("2 · Training"),
                words("A name and a base checkpoint are enough; everything else is set to good values."),
            )
            form = place_form(words, facts)
            with gr.Row(elem_classes=["easyphoto-buttons"]):
                start = gr.Button(words("Start training"), variant="primary", elem_id=f"{PREFIX}_start")
                add = gr.Button(words("Add without training"), elem_id=f"{PREFIX}_add")
            gr.HTML(_hint(words("Adding takes seconds and keeps the photos; a training can follow at any time.")))
            message = gr.HTML("", elem_id=f"{PREFIX}_message")
            live = place_card(PREFIX, words)
            fold = gr.Accordion(words("The trainer's own log"), open=False, visible=False, elem_id=f"{PREFIX}_worker")
            with fold:
                worker_log = gr.HTML("", elem_id=f"{PREFIX}_worker_log")
            sheet = gr.HTML("", elem_id=f"{PREFIX}_sheet")
            queue = place_queue(PREFIX, KINDS, words)
            resume = place_resume(service, words)
    worker = (fold, worker_log)
    return TrainTab(
        photos, form, start, add, message, live, queue, sheet, *worker, resume, setup_said, setup, words, guide
    )


def connect(tab: TrainTab, service: Service) -> None:
    connect_form(tab.form, service)
    connect_photos(tab.photos, tab.form, service, tab.words)
    connect_card(
        tab.live,
        service,
        tab.words,
        kinds=KINDS,
        body=lambda job, events: card_body(service, job, events, tab.words),
        extra=lambda job, events: beside_updates(tab, service, job, events),
        extra_outputs=tab.beside,
    )
    connect_resume(tab.resume, service, tab.live, tab.message, words=tab.words)
    _connect_start(tab, service)
    starting = Starting(tab, service)
    guiding = Guiding(tab.guide, tab.photos, tab.form, service, {"add": starting.add, "train": starting.train})
    connect_guide(guiding, tab.photos.tick, tab.live.tick, outputs=starting.outputs)
    _connect_queue(tab, service)


def renewal(tab: TrainTab, service: Service) -> Renewal:
    """Refresh checkpoints, interrupted trainings, and whether training is set up."""
    guiding = Guiding(tab.guide, tab.photos, tab.form, service)
    base, saving = tab.form.base, Saving(tab.form.saved, tab.form.configured, service)

    def renewed(chosen: str | None, closed: bool = False, held: Mapping[str, Any] | None = None) -> dict[Any, Any]:
        return {
            **guiding.shown(closed, held, chosen),
            base: base_update(service, tab.form.bases, chosen),
            **resume_updates(tab.resume, service, tab.words),
            **setup_updates(tab, service),
            **saving.listed(),
        }

    outputs = {base, *tab.resume.outputs, tab.setup, tab.setup_said, tab.form.saved.rows, tab.guide.said}
    return Renewal(renewed, outputs, [base, tab.guide.closed, tab.photos.held])


@dataclass(frozen=True)
class Starting:
    """The handlers of the buttons that make a person; each returns updates by component."""

    tab: TrainTab
    service: Service

    def train(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        command = TrainPerson(**self._asked(values), settings=self.tab.form.train.read(values))
        try:
            return self._shown(self.service.submit(command))
        except TooFewPhotos:
            raise no_photos() from None

    def add(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        command = AddPerson(**self._asked(values))
        if not command.photos:
            raise no_photos()
        return self._shown(self.service.submit(command))

    def set_up(self) -> dict[Any, Any]:
        return show_job(self.tab.live, self.service, self.service.submit(SetupTrainer()).id, words=self.tab.words)

    @property
    def outputs(self) -> set[Any]:
        return {self.tab.message, self.tab.sheet, self.tab.form.name_said, *self.tab.live.outputs}

    def _asked(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the fields that a training and an addition share."""
        form, held = self.tab.form, PhotoSet.of(values[self.tab.photos.held])
        if not (values[form.name] or "").strip():
            raise InputError(
                text("The person has no name yet."), advice=text("Give a name; the LoRA is named after it.")
            )
        return {
            "name": values[form.name],
            "photos": upload_paths(self.service, held.photos),
            "chosen_faces": held.faces or {},
            "reference": held.reference,
            "preprocess": form.preprocess.read(values),
            "options": form.options(values),
        }

    def _shown(self, job: Job) -> dict[Any, Any]:
        shown = show_job(self.tab.live, self.service, job.id, words=self.tab.words)
        return {**shown, self.tab.sheet: "", self.tab.form.name_said: ""}


def _connect_start(tab: TrainTab, service: Service) -> None:
    starting = Starting(tab, service)
    inputs, outputs = {tab.photos.held, *tab.form.inputs}, starting.outputs
    for button, handler in ((tab.start, starting.train), (tab.add, starting.add)):
        compat.listen(button.click, saying(tab.message, tab.words, handler), inputs=inputs, outputs=outputs)
    compat.listen(tab.setup.click, saying(tab.message, tab.words, starting.set_up), outputs=outputs)


def _connect_queue(tab: TrainTab, service: Service) -> None:
    """Show all of the visitor's jobs that wait or run, and the earlier trainings, each of which can be shown again."""
    live, queue = tab.live, tab.queue

    def beside(id: str | None, seen: str) -> dict[Any, Any]:
        return queue_updates(queue, service, id or newest_job(service, KINDS), seen or "")

    def after_order(id: str | None, is_wanted: bool) -> dict[Any, Any]:
        rows = queue_updates(queue, service, id)
        if id is None:
            return {**show_nothing(live), tab.sheet: "", **rows}
        if not is_wanted:
            return rows
        card = show_job(
            live, service, id, words=tab.words,
            body=lambda job, events: card_body(service, job, events, tab.words),
            extra=lambda job, events: {tab.sheet: "", **beside_updates(tab, service, job, events)},
        )  # fmt: skip
        return {**card, **rows}

    compat.listen(live.tick.click, beside, inputs=[live.job, queue.seen], outputs=queue.outputs)
    outputs = {*live.outputs, *tab.beside}
    connect_queue(queue, service, tab.message, after_order, inputs=[live.job], outputs=outputs)


def no_photos() -> InputError:
    return InputError(text("There are no photos yet."), advice=text("Drop 5 to 20 photos of the person first."))


def card_body(service: Service, job: Job, events: Sequence[JobEvent], words: Translator) -> str:
    """Return the curves while training; at the end the portrait and its result."""
    made = _made_html(service, job, words) if job.state is State.DONE and job.kind != "setup" else ""
    return made + curves_html(training_events(events), words)


def beside_updates(tab: TrainTab, service: Service, job: Job, events: Sequence[JobEvent]) -> dict[Any, Any]:
    """Return validation pictures, the worker's log, resumable trainings, and whether training is set up."""
    lines = worker_lines(service, job)
    updates: dict[Any, Any] = {
        tab.worker_fold: compat.update(visible=bool(lines)),
        tab.worker_log: log_html(lines, tab.words),
    }
    if job.previews and (job.state.is_over or (events and events[-1].type in ("preview", "train"))):
        updates[tab.sheet] = samples_html(service, job, events, tab.words)
    if job.state.is_over:
        updates |= {**resume_updates(tab.resume, service, tab.words), **setup_updates(tab, service)}
    return updates


def setup_updates(tab: TrainTab, service: Service) -> dict[Any, Any]:
    missing = missing_trainer(service)
    return {
        tab.setup: compat.update(visible=missing is not None),
        tab.setup_said: trainer_html(missing, tab.words),
    }


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


def missing_trainer(service: Service) -> TrainerMissing | None:
    try:
        service.app.host.trainer(service.app.workspace)
    except TrainerMissing as error:
        return error
    return None


def trainer_html(missing: TrainerMissing | None, words: Translator) -> str:
    if missing is None:
        return ""
    message, advice = words.translate(missing.message), words.translate(missing.advice)
    if missing.advice == ADVICE:
        line = words("Training is not set up yet. That happens automatically before the first one, or now:")
        return f'<p class="easyphoto-setup-line" role="note" title="{escape(message)}">{escape(line)}</p>'
    return (
        f'<div class="easyphoto-warnings" role="note"><strong>{escape(message)}</strong> <p>{escape(advice)}</p></div>'
    )


def _made_html(service: Service, job: Job, words: Translator) -> str:
    result = job.result or {}
    person = _person(service, str(result.get("person", "")))
    name = label_of(service.app.workspace, person) if person else result.get("name", "")
    if job.kind == AddPerson.kind:
        facts = [words("{name} is added with {count} photos, not trained.", name=name, count=result.get("kept", 0))]
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
    go = go_button(
        words("Photograph {name} now", name=name), "photograph", order=person.id, to=CHOOSE, style="easyphoto-primary"
    )
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


def _heading(text: str, hint: str) -> None:
    gr.HTML(f'<h2 class="easyphoto-heading">{escape(text)}</h2>{_hint(hint)}')


def _hint(text: str) -> str:
    return f'<p class="easyphoto-hint">{escape(text)}</p>'
