"""The queue as rows: waiting, running and finished jobs, each with its actions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from easyphoto.jobs.records import Job, State
from easyphoto.jobs.runners import LaneFacts
from easyphoto.persons.traces import pictures_named
from easyphoto.ui.card import STATE_SIGNS, STATE_WORDS, capital, percent_of, time_html
from easyphoto.ui.lane_names import place_words
from easyphoto.ui.lanes_html import are_at_work, lanes_html
from easyphoto.ui.language import Translator
from easyphoto.ui.orders import order_button
from easyphoto.ui.photo_names import known_stem
from easyphoto.ui.sessions import KIND, TEMPLATES

MOST_EARLIER = 40
"""Number of ended jobs that are listed."""
MOST_WORDS = 48
"""Characters that are shown of the words from which a picture is drawn."""
SHOW, CANCEL, FORGET = "show", "cancel", "forget"


def going_jobs(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """Return all jobs that wait or run, the next one first; `jobs` are newest first."""
    return tuple(reversed([job for job in jobs if not job.state.is_over]))


def ended_jobs(jobs: Sequence[Job], kinds: Sequence[str]) -> tuple[Job, ...]:
    """Return the ended jobs of these kinds, newest first."""
    return tuple(job for job in jobs if job.state.is_over and job.kind in kinds)


@dataclass(frozen=True)
class JobRows:
    words: Translator
    kinds: Sequence[str]
    """Jobs of these kinds can be shown and forgotten here; others only cancelled."""
    to: str
    titles: Mapping[str, str] = field(default_factory=dict)
    """Titles of templates, by the stems of their files."""

    def html(self, jobs: Sequence[Job], shown: str | None, *, others: int = 0, lanes: Sequence[LaneFacts] = ()) -> str:
        """Return the devices where there are several, what waits and runs, then the ended jobs folded away.

        `others` is the number of other people's jobs that wait or run; nothing else of them is shown.
        """
        going, ended, devices = going_jobs(jobs), ended_jobs(jobs, self.kinds), lanes_html(lanes, jobs, self.words)
        said = self.words("Other people's jobs in the queue: {count}", count=others)
        beside = f'<p class="easyphoto-hint">{escape(said)}</p>' if others else ""
        if not (going or ended or devices):
            return beside
        # What others do on the devices is told as it changes, too.
        is_active = bool(going) or bool(devices and are_at_work(lanes))
        return (
            f'<div class="easyphoto-queue" lang="{self.words.tag}" data-active="{str(is_active).lower()}">'
            f"{devices}{self._going(going, shown)}{beside}{self._earlier(ended, shown)}</div>"
        )

    def _going(self, jobs: Sequence[Job], shown: str | None) -> str:
        if not jobs:
            return ""
        title = escape(self.words("Queue"))
        return f'<h3 class="easyphoto-heading">{title}</h3>{self._list(jobs, shown, title)}'

    def _earlier(self, jobs: Sequence[Job], shown: str | None) -> str:
        """Return the fold; the page's script keeps it open when the rows are replaced."""
        if not jobs:
            return ""
        title = escape(self.words("Earlier: {count}", count=len(jobs)))
        hidden = len(jobs) - MOST_EARLIER
        said = self.words("{count} older ones are not listed.", count=hidden)
        rest = f'<p class="easyphoto-hint">{escape(said)}</p>' if hidden > 0 else ""
        return (
            f'<details class="easyphoto-earlier" data-easyphoto-fold="{escape(self.to)}"><summary>{title}</summary>'
            f"{self._list(jobs[:MOST_EARLIER], shown, title)}{rest}</details>"
        )

    def _list(self, jobs: Sequence[Job], shown: str | None, label: str) -> str:
        rows = "".join(self._row(job, is_shown=job.id == shown) for job in jobs)
        return f'<ul class="easyphoto-jobs" aria-label="{label}">{rows}</ul>'

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
        stems = [Path(name).stem for name in pictures_named(job.request, TEMPLATES)]
        templates = [self.titles.get(stem, known_stem(stem)) for stem in stems]
        few = ", ".join(templates[:2]) + (f" + {len(templates) - 2}" if len(templates) > 2 else "")
        where = escape(place_words(job, self.words))
        return " · ".join(part for part in (where, escape(few or _drawn_words(job)), time_html(job.created)) if part)

    def _buttons(self, job: Job) -> str:
        words, title = self.words, self.words.translate(job.title)
        named = [(CANCEL, words("Cancel"))] if not job.state.is_over else [(FORGET, words("Remove"))]
        if job.kind in self.kinds:
            named = [(SHOW, words("Show")), *named]
        elif job.state.is_over:
            named = []
        return "".join(
            order_button(label, json.dumps([order, job.id]), to=self.to, label=f"{label}: {title}")
            for order, label in named
        )


def _drawn_words(job: Job) -> str:
    """Return the words from which the job draws; "" if it does not."""
    settings = job.request.get("settings")
    said = str(settings.get("prompt", "")) if job.kind == KIND and isinstance(settings, Mapping) else ""
    return said if len(said) <= MOST_WORDS else f"{said[:MOST_WORDS].rstrip()} …"


def read_order(order: str) -> tuple[str, str]:
    """Parse the verb and the job's id."""
    verb, id = json.loads(order)
    return str(verb), str(id)
