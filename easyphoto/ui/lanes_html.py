"""The devices on which jobs run side by side, and what each does now. Values in, HTML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from easyphoto.jobs.records import Job
from easyphoto.jobs.runners import BUSY, IDLE, LOST, STARTING, LaneFacts
from easyphoto.ui.card import capital, percent_of
from easyphoto.ui.lane_names import lane_title
from easyphoto.ui.language import Translator

LANE_WORDS: Mapping[str, str] = {IDLE: "Free", STARTING: "Starting", BUSY: "Busy", LOST: "Stopped"}
# Not by colour alone: each state has a sign and a word. Colours are those of jobs.
_SIGNS: Mapping[str, tuple[str, str]] = {
    IDLE: ("○", "cancelled"),
    STARTING: ("◌", "queued"),
    BUSY: ("●", "running"),
    LOST: ("✕", "failed"),
}


def are_at_work(lanes: Sequence[LaneFacts]) -> bool:
    return any(lane.state in (STARTING, BUSY) for lane in lanes)


def lanes_html(lanes: Sequence[LaneFacts], jobs: Sequence[Job], words: Translator) -> str:
    """Return a row for each lane; nothing where there is only one. `jobs` are those that the visitor may see."""
    if len(lanes) < 2:
        return ""
    known = {job.id: job for job in jobs}
    title = escape(words("Devices"))
    rows = "".join(_row(lane, known.get(lane.job or ""), words) for lane in lanes)
    return (
        f'<h3 class="easyphoto-heading">{title}</h3>'
        f'<ul class="easyphoto-jobs easyphoto-lanes" aria-label="{title}">{rows}</ul>'
    )


def _row(lane: LaneFacts, job: Job | None, words: Translator) -> str:
    sign, colour = _SIGNS.get(lane.state, _SIGNS[LOST])
    state = f"{sign} {words(LANE_WORDS.get(lane.state, LANE_WORDS[LOST]))}"
    title, device = lane_title(lane.name, words) or words("The web UI itself"), words.translate(lane.device)
    doing = _doing(lane, job, words)
    return (
        f'<li><span class="easyphoto-badge" data-state="{colour}">{escape(state)}</span>'
        f"<span><strong>{escape(title)}</strong>{escape(f' · {device}' if device else '')}</span>"
        f"{f'<span>{escape(doing)}</span>' if doing else ''}</li>"
    )


def _doing(lane: LaneFacts, job: Job | None, words: Translator) -> str:
    if job is not None:
        title = capital(words.translate(job.title))
        return f"{title} · {percent_of(job)} %" if job.total else title
    if lane.state == BUSY:
        return words("Somebody else's job")
    if lane.state == LOST:
        return words("Restarts with its next job")
    return words("Only for trainings") if lane.takes else ""
