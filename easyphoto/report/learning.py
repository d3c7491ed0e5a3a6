"""The training section of a report: curves, validation sheet, votes, and where the time went."""

from __future__ import annotations

from pathlib import Path

from easyphoto.images.pictures import read_picture
from easyphoto.messages import text
from easyphoto.report.parts import Bars, Chart, Curve, Figure, Gallery, Notes, NoteTone, Part, Section, Table
from easyphoto.training.events import Done, Event, Sample, Step, from_line
from easyphoto.training.run import RunFolder

SMOOTHING = 0.08
_SIDE = 112


def events_of(run_folder: Path) -> tuple[Event, ...]:
    """Return the worker's events in order; empty if it never started."""
    source = RunFolder(run_folder).events
    if not source.is_file():
        return ()
    events = (from_line(line) for line in source.read_text("utf-8").splitlines())
    return tuple(event for event in events if event is not None)


def training_section(run_folder: Path) -> Section:
    """Return loss and likeness over the run, the pictures that voted, and the outcome of the votes."""
    events = events_of(run_folder)
    done = next((event for event in reversed(events) if isinstance(event, Done)), None)
    parts: list[Part] = [loss_chart(events)]
    likeness = likeness_chart(events, done)
    parts += [likeness] if likeness else []
    parts += [gallery for gallery in (_samples(run_folder, events),) if gallery]
    if done is not None:
        parts += [_votes(done), Bars("Time per phase", tuple(done.seconds.items()))]
        parts += [Notes(done.notes)] if done.notes else []
    return Section("Training", tuple(parts), _words(done))


def loss_chart(events: tuple[Event, ...]) -> Chart:
    points = tuple(
        (float(event.step), event.loss) for event in events if isinstance(event, Step) and event.loss is not None
    )
    return Chart("Loss", (Curve("each step", points, faint=True), Curve("smoothed", smoothed(points))))


def likeness_chart(events: tuple[Event, ...], done: Done | None) -> Chart | None:
    """Return one curve for each validation template; None if nothing was judged."""
    scored = [event for event in events if isinstance(event, Sample) and event.score is not None]
    if not scored:
        return None
    by_template: dict[int, list[tuple[float, float]]] = {}
    for event in scored:
        by_template.setdefault(event.template, []).append((float(event.step), event.score or 0.0))
    curves = tuple(
        Curve(text("template {number}", number=number), tuple(points)) for number, points in sorted(by_template.items())
    )
    marks = ((done.merged, "merged"),) if done is not None and done.merged is not None else ()
    title = text("Likeness ({embedder})", embedder=done.embedder) if done is not None and done.embedder else "Likeness"
    return Chart(title, curves, up="cosine", marks=marks)


def smoothed(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Return an exponential running mean; the first values count in full."""
    result: list[tuple[float, float]] = []
    mean = weight = 0.0
    for x, y in points:
        mean = (1 - SMOOTHING) * mean + SMOOTHING * y
        weight = (1 - SMOOTHING) * weight + SMOOTHING
        result.append((x, mean / weight))
    return tuple(result)


def _samples(run_folder: Path, events: tuple[Event, ...]) -> Gallery | None:
    samples = sorted(
        (event for event in events if isinstance(event, Sample)), key=lambda event: (event.step, event.template)
    )
    best = max((event.score for event in samples if event.score is not None), default=None)
    figures = []
    for event in samples:
        picture = run_folder / event.path
        if not picture.is_file():
            continue
        score = text("not measured") if event.score is None else f"likeness {event.score:.2f}"
        is_best = best is not None and event.score == best
        figures.append(
            Figure(
                read_picture(picture, longest=2 * _SIDE),
                f"step {event.step}",
                badge="portrait" if is_best else "",
                tone=NoteTone.GOOD if is_best else NoteTone.PLAIN,
                detail=f"template {event.template} · {score}",
            )
        )
    return Gallery(tuple(figures), "Test pictures", side=_SIDE) if figures else None


def _votes(done: Done) -> Table:
    rows = tuple((step, f"{100 * share:.0f} %") for step, share in done.weights.items())
    return Table(("checkpoint", "share in the merge"), rows, "Merged checkpoints")


def _words(done: Done | None) -> str:
    if done is None:
        return text("The training did not finish.")
    if done.merged is None:
        return f"The checkpoint of step {done.best_step} is used: likeness could not be measured."
    best = "" if done.best is None else f" (best single checkpoint {done.best:.3f} at step {done.best_step})"
    return f"The LoRA is merged from the checkpoints with the best test pictures: likeness {done.merged:.3f}{best}."
