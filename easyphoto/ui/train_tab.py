"""The Train tab: photos, verdicts, a name, a few settings, and a card that shows the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import InputError, TooFewPhotos, TrainerMissing
from easyphoto.jobs.records import Job, JobEvent
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.training.environment import ADVICE
from easyphoto.ui import compat
from easyphoto.ui.card import log_html, warnings_html
from easyphoto.ui.configurations import Saving
from easyphoto.ui.first_run import FirstRun, Guiding, connect_guide, place_guide
from easyphoto.ui.handlers import Renewal, saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import LiveCard, connect_card, newest_job, place_card, show_job, show_nothing
from easyphoto.ui.picture_choice import latest
from easyphoto.ui.queue_part import QueuePart, connect_queue, place_queue, queue_updates
from easyphoto.ui.train_card import card_body, samples_html, worker_lines
from easyphoto.ui.train_checks import connect_photos
from easyphoto.ui.train_form import TrainForm, base_update, connect_form, place_form
from easyphoto.ui.train_kind import PREFIX, place_kind
from easyphoto.ui.train_photos import PhotoPart, PhotoSet, place_photos, upload_paths
from easyphoto.ui.train_resume import ResumePart, connect_resume, place_resume, resume_updates
from easyphoto.workspace.person_record import FACE

KINDS = ("train", "resume", "setup", "add")


@dataclass(frozen=True)
class TrainTab:
    photos: PhotoPart
    form: TrainForm
    start: Any
    add: Any
    add_hint: Any
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
            _heading(words("1 · Photos"))
            kind = place_kind(words)
            photos = place_photos(words)
        with gr.Column(scale=5, min_width=320):
            _heading(
                words("2 · Training"),
                words("A name and a base checkpoint are enough; everything else is set to good values."),
            )
            form = place_form(words, facts, kind)
            start, add, add_hint = _place_start(words)
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
        photos,
        form,
        start,
        add,
        add_hint,
        message,
        live,
        queue,
        sheet,
        *worker,
        resume,
        setup_said,
        setup,
        words,
        guide,
    )


def _place_start(words: Translator) -> tuple[Any, Any, Any]:
    """Return the buttons that begin, and what is said of the second."""
    with gr.Row(elem_classes=["easyphoto-buttons"]):
        start = gr.Button(words("Start training"), variant="primary", elem_id=f"{PREFIX}_start")
        add = gr.Button(words("Add without training"), elem_id=f"{PREFIX}_add")
    said = _hint(words("Adding takes seconds and keeps the photos; a training can follow at any time."))
    return start, add, gr.HTML(said, elem_id=f"{PREFIX}_add_hint")


def connect(tab: TrainTab, service: Service) -> None:
    connect_form(tab.form, service)
    _connect_kind(tab)
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


def _connect_kind(tab: TrainTab) -> None:
    """Of a scene or an object only a training makes something: it has no face to be taken from photos."""
    kind = tab.form.kind

    def chosen(shown: str | None) -> dict[Any, Any]:
        found = kind.which({kind.choice: shown})
        seen = compat.update(visible=found == FACE)
        return {**kind.shown(found), tab.add: seen, tab.add_hint: seen}

    outputs = {kind.hint, kind.call, tab.add, tab.add_hint}
    compat.listen(latest(kind.choice.input), chosen, inputs=[kind.choice], outputs=outputs)


@dataclass(frozen=True)
class Starting:
    """The handlers of the buttons that make a person; each returns updates by component."""

    tab: TrainTab
    service: Service

    def train(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        kind = self.tab.form.kind
        concept, call = kind.which(values), kind.called(values)
        settings = self.tab.form.train.read(values)
        command = TrainPerson(**self._asked(values), settings=settings, concept=concept, words=call)
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
        if form.kind.which(values) != FACE:
            held = held.without_faces
        if not (values[form.name] or "").strip():
            raise InputError(text("There is no name yet."), advice=text("Give a name; the LoRA is named after it."))
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


def _heading(text: str, hint: str = "") -> None:
    gr.HTML(f'<h2 class="easyphoto-heading">{escape(text)}</h2>{_hint(hint) if hint else ""}')


def _hint(text: str) -> str:
    return f'<p class="easyphoto-hint">{escape(text)}</p>'
