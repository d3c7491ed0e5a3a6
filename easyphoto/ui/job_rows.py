"""The queue as rows: waiting, running and finished jobs, each with its actions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from easyphoto.jobs.records import Job, State
from easyphoto.ui.card import STATE_SIGNS, STATE_WORDS, capital, percent_of, time_html
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import order_button
from easyphoto.ui.photo_names import known_stem

MOST_ROWS = 12
SHOW, CANCEL, FORGET = "show", "cancel", "forget"


def shown_jobs(jobs: Sequence[Job], kind: str) -> tuple[Job, ...]:
    """Return all unfinished jobs in queue order, then the latest finished ones of `kind`, newest first."""
    going = [job for job in jobs if not job.state.is_over]
    ended = [job for job in jobs if job.state.is_over and job.kind == kind]
    return (*reversed(going), *ended[: max(0, MOST_ROWS - len(going))])


@dataclass(frozen=True)
class JobRows:
    words: Translator
    kind: str
    """Jobs of this kind can be shown and forgotten here; others only cancelled."""
    to: str
    titles: Mapping[str, str] = field(default_factory=dict)
    """Titles of templates, by the stems of their files."""

    def html(self, jobs: Sequence[Job], shown: str | None, *, others: int = 0) -> str:
        """`others` is the number of other people's jobs that wait or run; nothing else of them is shown."""
        rows, said = shown_jobs(jobs, self.kind), self.words("Other people's jobs in the queue: {count}", count=others)
        beside = f'<p class="easyphoto-hint">{escape(said)}</p>' if others else ""
        if not rows:
            return f'<p class="easyphoto-empty">{escape(self.words("No jobs yet."))}</p>{beside}'
        items = "".join(self._row(job, is_shown=job.id == shown) for job in rows)
        going = any(not job.state.is_over for job in rows)
        return (
            f'<ul class="easyphoto-jobs" lang="{self.words.tag}" data-active="{str(going).lower()}"'
            f' aria-label="{escape(self.words("Queue"))}">{items}</ul>{beside}'
        )

    def _row(self, job: Job, *, is_shown: bool) -> str:
        words = self.words
        state = f"{STATE_SIGNS[job.state]} {words(STATE_WORDS[job.state])}"
        percent = f" {percent_of(job)} %" if job.state is State.RUNNING and job.total else ""
        current = ' aria-current="true"' if is_shown else ""
        badge = f'<span class="easyphoto-badge" data-state="{job.state.value}">{escape(state + percent)}</span>'
        return (
            f"<li{current}>{badge}"
            f"<span><strong>{escape(capital(words.translate(job.title)))}</strong> {self._about(job)}</span>"
            f'<span class="easyphoto-orders">{self._buttons(job)}</span></li>'
        )

    def _about(self, job: Job) -> str:
        stems = [Path(str(name)).stem for name in job.request.get("templates", ())]
        templates = [self.titles.get(stem, known_stem(stem)) for stem in stems]
        few = ", ".join(templates[:2]) + (f" + {len(templates) - 2}" if len(templates) > 2 else "")
        return " · ".join(part for part in (escape(few), time_html(job.created)) if part)

    def _buttons(self, job: Job) -> str:
        words, title = self.words, self.words.translate(job.title)
        named = [(CANCEL, words("Cancel"))] if not job.state.is_over else [(FORGET, words("Remove"))]
        if job.kind == self.kind:
            named = [(SHOW, words("Show")), *named]
        elif job.state.is_over:
            named = []
        return "".join(
            order_button(label, json.dumps([order, job.id]), to=self.to, label=f"{label}: {title}")
            for order, label in named
        )


def read_order(order: str) -> tuple[str, str]:
    """Parse the verb and the job's id."""
    verb, id = json.loads(order)
    return str(verb), str(id)
