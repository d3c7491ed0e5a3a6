"""The card of a job: what it does, its progress, curves and errors. Values in, HTML out.

Everything that comes from people, files or other programs is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from easyphoto.commands.fetch_weights import FetchWeights
from easyphoto.jobs.records import Job, JobEvent, State
from easyphoto.messages import parts_of
from easyphoto.report.charts import chart_svg
from easyphoto.report.learning import likeness_chart, loss_chart
from easyphoto.report.parts import Chart
from easyphoto.training.events import Done, Event, Sample, Warn, from_line
from easyphoto.ui.fetch_buttons import error_advice, note_html
from easyphoto.ui.lane_names import place_words
from easyphoto.ui.language import Translator
from easyphoto.ui.photo_names import NO_PHOTOS, PhotoNames

STATE_WORDS: Mapping[State, str] = {
    State.QUEUED: "Waiting",
    State.RUNNING: "Running",
    State.DONE: "Done",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
    State.INTERRUPTED: "Interrupted",
}
# Not by colour alone: each state has a sign and a word.
STATE_SIGNS: Mapping[State, str] = {
    State.QUEUED: "◌",
    State.RUNNING: "●",
    State.DONE: "✓",
    State.FAILED: "✕",
    State.CANCELLED: "–",
    State.INTERRUPTED: "‖",
}
# Percent between two announcements to a screen reader.
ANNOUNCED_EVERY = 10


def card_html(job: Job, words: Translator, *, more: str = "") -> str:
    """Return the card; `more` is HTML between progress and notes, such as curves."""
    active, names = not job.state.is_over, photo_names(job)
    parts = [
        _head(job, words),
        progress_html(job, words) + _notify_html(job, words) if active else "",
        more,
        notes_html(job.notes, words, names),
    ]
    parts += [error_html(job.error, words, names)] if job.error else []
    parts += [_interrupted(job, words)]
    return (
        f'<section class="easyphoto-card" lang="{words.tag}" data-active="{str(active).lower()}" data-job="{job.id}"'
        f' data-state="{job.state.value}" data-announce="{escape(announced(job, words))}"'
        f' aria-label="{escape(words.translate(job.title))}">{"".join(parts)}</section>'
    )


def photo_names(job: Job) -> PhotoNames:
    """Return the names of the photos that the job was asked about."""
    photos = job.request.get("photos", ())
    return PhotoNames.of(map(str, photos if isinstance(photos, (list, tuple)) else ()))


def announced(job: Job, words: Translator) -> str:
    """Return the text for a screen reader, which changes far less often than the card."""
    state = words(STATE_WORDS[job.state])
    if job.state is State.RUNNING:
        percent = percent_of(job) // ANNOUNCED_EVERY * ANNOUNCED_EVERY
        phase = photo_names(job).in_text(words.translate(parts_of(job.phase, " · ")[0]))
        return words(
            "{title}: {phase}, {percent} percent", title=words.translate(job.title), phase=phase, percent=percent
        )
    failed = photo_names(job).in_text(words.translate(job.error.get("message", ""))) if job.error else ""
    return ". ".join(part for part in (f"{words.translate(job.title)}: {state}", failed) if part)


def percent_of(job: Job) -> int:
    """Return the percent done; a job that is not over has something left to do, whatever it has counted."""
    most = 100 if job.state is State.DONE else 99
    return min(most, max(0, round(100 * job.done / job.total))) if job.total else 0


def duration_words(seconds: float, words: Translator) -> str:
    """Return the remaining time in words, no more precise than the estimate is."""
    if seconds < 60:
        return words("less than a minute left")
    minutes = round(seconds / 60)
    if minutes < 90:
        return words("about {minutes} min left", minutes=minutes)
    return words("about {hours} h {minutes} min left", hours=minutes // 60, minutes=minutes % 60)


def notes_html(notes: Sequence[str], words: Translator, names: PhotoNames = NO_PHOTOS) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{names.in_text(note_html(note, words))}</li>" for note in notes)
    return f'<ul class="easyphoto-notes" aria-label="{escape(words("Notes"))}">{items}</ul>'


def error_html(error: Mapping[str, str], words: Translator, names: PhotoNames = NO_PHOTOS) -> str:
    """Return what happened, then what to do."""
    said = names.in_text(error_advice(error, words))
    message = names.in_text(words.translate(error.get("message", "")) or words("Something went wrong."))
    return f'<div class="easyphoto-error" role="alert"><strong>{escape(message)}</strong>{said}</div>'


def message_html(text: str, *, is_good: bool = False) -> str:
    """Return a message of the tab itself, such as a completed action."""
    style = "easyphoto-good" if is_good else "easyphoto-message"
    return f'<div class="{style}" role="status">{escape(text)}</div>' if text else ""


def warnings_html(warnings: Sequence[str], words: Translator) -> str:
    """Return what the host lacks, and what to do about it, for the top of a tab."""
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(words.translate(warning))}</li>" for warning in warnings)
    return f'<div class="easyphoto-warnings" role="note"><ul>{items}</ul></div>'


def training_events(events: Iterable[JobEvent]) -> tuple[Event, ...]:
    """Return the training's events among its job's events."""
    heard = (from_line(str(event.values.get("line", ""))) for event in events if event.type == "train")
    return tuple(event for event in heard if event is not None)


def curves_html(events: tuple[Event, ...], words: Translator) -> str:
    """Return curves of loss and likeness; empty until there is something to draw."""
    done = next((event for event in reversed(events) if isinstance(event, Done)), None)
    charts = [loss_chart(events), likeness_chart(events, done)]
    drawn = [_figure(chart, words) for chart in charts if chart is not None and _has_points(chart)]
    return f'<div class="easyphoto-curves">{"".join(drawn)}</div>' if drawn else ""


def sheet_html(pictures: Sequence[tuple[str, str]], words: Translator, *, title: str) -> str:
    """Return small pictures with captions; `pictures` are pairs of data: URI and caption."""
    if not pictures:
        return ""
    figures = "".join(
        f'<figure><img src="{escape(link)}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
        for link, caption in pictures
    )
    head = f"<h3>{escape(words(title))}</h3>"
    return f'<section class="easyphoto-sheet" lang="{words.tag}">{head}<div>{figures}</div></section>'


def sample_captions(events: tuple[Event, ...], words: Translator) -> dict[str, str]:
    """Return the captions of validation pictures, by their names among the job's previews."""
    captions = {}
    for event in events:
        if isinstance(event, Sample):
            score = "" if event.score is None else " · " + words("likeness {score}", score=f"{event.score:.2f}")
            name = f"sample-{event.step:06d}-{event.template:02d}.png"
            captions[name] = words("step {step}", step=event.step) + score
    return captions


def log_html(lines: Sequence[str], words: Translator) -> str:
    said = "\n".join(lines)
    return (
        f'<pre class="easyphoto-log" tabindex="0" aria-label="{escape(words("Log"))}">{escape(said)}</pre>'
        if said
        else ""
    )


def event_lines(events: Iterable[JobEvent], words: Translator) -> list[str]:
    """Return the job's log, one line per event; repeated lines appear once."""
    lines: list[str] = []
    for event in events:
        said = _line(event, words)
        if said and (not lines or lines[-1].partition("  ")[2] != said):
            lines.append(f"{event.at[11:19]}  {said}")
    return lines


def said_in(event: JobEvent, name: str) -> str:
    """Return a text of an event; it may be of another type, because records can be edited."""
    said = event.values.get(name, "")
    return said if isinstance(said, str) else str(said)


def _line(event: JobEvent, words: Translator) -> str:
    match event.type:
        case "state":
            return words(STATE_WORDS[State(event.values["state"])])
        case "progress":
            return words.translate(parts_of(said_in(event, "phase"), " · ")[0])
        case "note":
            return words.translate(said_in(event, "text"))
        case "error":
            error: Any = event.values.get("error", {})
            message = error.get("message", "") if isinstance(error, Mapping) else ""
            return words.translate(message) if isinstance(message, str) else str(message)
        case "train":
            return _warning(str(event.values.get("line", "")), words)
    return ""


def _warning(line: str, words: Translator) -> str:
    said = from_line(line)
    return f"{said.code}: {words.translate(said.detail)}" if isinstance(said, Warn) else ""


def _head(job: Job, words: Translator) -> str:
    state = f"{STATE_SIGNS[job.state]} {words(STATE_WORDS[job.state])}"
    return (
        f'<header><span class="easyphoto-badge" data-state="{job.state.value}">{escape(state)}</span>'
        f"<strong>{escape(capital(words.translate(job.title)))}</strong>"
        f"{time_html(job.ended or job.started or job.created)}</header>"
    )


def time_html(at: str) -> str:
    """Return a record's time (ISO 8601, UTC); `javascript/easyphoto.js` shows it in the reader's own time zone."""
    return f'<time datetime="{escape(at)}">{escape(at[:16].replace("T", " "))} UTC</time>'


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def progress_html(job: Job, words: Translator) -> str:
    """Return the bar, and below it the step in words; without a total the bar only shows activity."""
    # The training's own phase ends with the time left; the card shows that once, for every kind of job.
    said = [words.translate(part) for part in parts_of(job.phase, " · ") if not part.endswith(" left")]
    counted = [_counted(job)] if job.total > 1 else []
    left = [duration_words(job.eta_seconds, words)] if job.eta_seconds is not None else []
    waiting = words("Waiting for its turn") if job.state is State.QUEUED else words("Starting")
    where = [place] if (place := place_words(job, words)) else []
    line = photo_names(job).in_text(" · ".join([*(said if job.phase else [waiting]), *counted, *left, *where]))
    percent = percent_of(job)
    values = f' aria-valuenow="{percent}"' if job.total else ""
    is_counted = "" if job.total else " easyphoto-uncounted"
    return (
        f'<div class="easyphoto-bar{is_counted}" role="progressbar" aria-label="{escape(words("Progress"))}"'
        f' aria-valuemin="0" aria-valuemax="100"{values} aria-valuetext="{escape(line)}">'
        f'<i style="width:{percent}%"></i></div><p class="easyphoto-phase">{escape(line)}</p>'
    )


def _counted(job: Job) -> str:
    if job.kind == FetchWeights.kind:
        return f"{job.done / 1e6:,.1f} / {job.total / 1e6:,.1f} MB"
    return f"{job.done} / {job.total}"


def _notify_html(job: Job, words: Translator) -> str:
    """Return the button that allows a notification; the script shows it where it has not been answered yet."""
    if job.kind == "check":
        return ""
    label = escape(words("Notify me when it is done"))
    return f'<button type="button" class="easyphoto-order easyphoto-notify" data-easyphoto-notify>{label}</button>'


def _interrupted(job: Job, words: Translator) -> str:
    if job.state not in (State.INTERRUPTED, State.CANCELLED) or job.run is None:
        return ""
    return f'<p class="easyphoto-hint">{escape(words("It can be resumed from its last checkpoint."))}</p>'


def _has_points(chart: Chart) -> bool:
    return any(len(curve.points) > 0 for curve in chart.curves)


def _figure(chart: Chart, words: Translator) -> str:
    said = replace(
        chart,
        title=words.translate(chart.title),
        curves=tuple(replace(curve, name=words.translate(curve.name)) for curve in chart.curves),
        across=words.translate(chart.across),
        up=words.translate(chart.up),
    )
    return f"<figure><figcaption>{escape(said.title)}</figcaption>{chart_svg(said)}</figure>"
