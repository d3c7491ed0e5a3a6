"""A job's card that updates itself: `javascript/easyphoto.js` clicks the hidden tick button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from easyphoto.errors import UnknownJob
from easyphoto.jobs.records import Job, JobEvent
from easyphoto.jobs.service import Service
from easyphoto.ui import compat
from easyphoto.ui.card import card_html, event_lines, log_html, photo_names
from easyphoto.ui.language import Translator

MOST_LOG_LINES = 200
Extra = Callable[[Job, Sequence[JobEvent]], dict[Any, Any]]
Body = Callable[[Job, Sequence[JobEvent]], str]


def no_body(job: Job, events: Sequence[JobEvent]) -> str:
    return ""


def no_extra(job: Job, events: Sequence[JobEvent]) -> dict[Any, Any]:
    return {}


@dataclass(frozen=True)
class LiveCard:
    """The components of one card. `job` holds the id of the shown job, None before there is one."""

    job: Any
    seen: Any
    """The state that the page shows already, so that nothing is sent twice."""
    card: Any
    cancel: Any
    log: Any
    fold: Any
    tick: Any

    @property
    def outputs(self) -> set[Any]:
        return {self.job, self.seen, self.card, self.cancel, self.log, self.fold}


def place_card(prefix: str, words: Translator) -> LiveCard:
    job, seen = gr.State(None), gr.State("")
    card = gr.HTML("", elem_id=f"{prefix}_card")
    cancel = gr.Button(words("Cancel"), elem_id=f"{prefix}_cancel", variant="stop", visible=False)
    with gr.Accordion(words("Log"), open=False, visible=False, elem_id=f"{prefix}_log_fold") as fold:
        log = gr.HTML("", elem_id=f"{prefix}_log")
    tick = gr.Button("tick", elem_id=f"{prefix}_tick", elem_classes=[compat.HIDDEN])
    return LiveCard(job, seen, card, cancel, log, fold, tick)


def show_job(
    live: LiveCard,
    service: Service,
    id: str,
    *,
    words: Translator,
    seen: str = "",
    body: Body = no_body,
    extra: Extra = no_extra,
) -> dict[Any, Any]:
    """Return updates that show the job; only `seen` if nothing has happened since. Raises UnknownJob."""
    job, events = service.queue.get(id), service.queue.events(id)
    is_stopping = service.queue.is_stopping(id)
    now = f"{id} {len(events)} {job.state.value} {is_stopping}"
    if now == seen:
        return {live.seen: now}
    lines = event_lines(events, words)[-MOST_LOG_LINES:]
    return {
        live.job: id,
        live.seen: now,
        live.card: card_html(job, words, more=body(job, events)),
        live.cancel: cancel_button(job, words, is_stopping=is_stopping),
        live.fold: compat.update(visible=True),
        live.log: photo_names(job).in_text(log_html(lines, words)),
        **extra(job, events),
    }


def cancel_button(job: Job, words: Translator, *, is_stopping: bool) -> Any:
    """Return the button as this job has it: the one that the page showed before may have been asked to stop."""
    label = words("Stopping …") if is_stopping else words("Cancel")
    return compat.update(value=label, interactive=not is_stopping, visible=not job.state.is_over)


def show_nothing(live: LiveCard) -> dict[Any, Any]:
    return {
        live.job: None,
        live.seen: "",
        live.card: "",
        live.cancel: compat.update(visible=False),
        live.fold: compat.update(visible=False),
    }


def connect_card(
    live: LiveCard,
    service: Service,
    words: Translator,
    *,
    kinds: Sequence[str],
    body: Body = no_body,
    extra: Extra = no_extra,
    extra_outputs: Sequence[Any] = (),
) -> None:
    """Connect tick and cancel. A newly loaded page shows the newest job of these kinds."""

    def ticked(id: str | None, seen: str) -> dict[Any, Any]:
        id = id or newest_job(service, kinds)
        if id is None:
            return {live.seen: ""}
        try:
            return show_job(live, service, id, words=words, seen=seen or "", body=body, extra=extra)
        except UnknownJob:  # its person was deleted, or the job was cleared away
            return show_nothing(live)

    def cancelled(id: str | None) -> dict[Any, Any]:
        if id is None:
            return {live.seen: ""}
        try:
            job = service.queue.cancel(id)
        except UnknownJob:  # the next tick shows that it is gone
            return {live.seen: ""}
        return {live.seen: "", live.cancel: cancel_button(job, words, is_stopping=service.queue.is_stopping(id))}

    outputs = {*live.outputs, *extra_outputs}
    compat.listen(live.tick.click, ticked, inputs=[live.job, live.seen], outputs=outputs)
    compat.listen(live.cancel.click, cancelled, inputs=[live.job], outputs={live.seen, live.cancel})


def newest_job(service: Service, kinds: Sequence[str]) -> str | None:
    """Return the running or next job, else the one that ended last."""
    jobs = [job for job in service.queue.list() if job.kind in kinds]
    going = [job for job in jobs if not job.state.is_over]
    return next((job.id for job in (*reversed(going), *jobs)), None)
