"""The training section of a report: curves, test pictures, which checkpoint is used, and where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from easyphoto.errors import InputError
from easyphoto.images.pictures import read_picture
from easyphoto.messages import text
from easyphoto.report.parts import Bars, Chart, Curve, Figure, Gallery, Notes, NoteTone, Part, Section
from easyphoto.training.events import Checkpoint, Done, Event, Sample, Step, from_line
from easyphoto.training.pictures import Picture, most_like
from easyphoto.training.run import RunFolder, TrainRun, choice_in

SMOOTHING = 0.08
_SIDE = 112
_ANOTHER = "To take another, look at the test pictures and run: easyphoto persons choose NAME STEP"


def events_of(run_folder: Path) -> tuple[Event, ...]:
    """Return the worker's events in order; empty if it never started."""
    source = RunFolder(run_folder).events
    if not source.is_file():
        return ()
    events = (from_line(line) for line in source.read_text("utf-8").splitlines())
    return tuple(event for event in events if event is not None)


def training_section(run_folder: Path) -> Section:
    """Return loss and likeness over the run, its test pictures, and what became the LoRA."""
    events = events_of(run_folder)
    done = next((event for event in reversed(events) if isinstance(event, Done)), None)
    parts: list[Part] = [loss_chart(events)]
    likeness = likeness_chart(events, done)
    parts += [likeness] if likeness else []
    parts += [gallery for gallery in (_samples(run_folder, events, done),) if gallery]
    if done is not None:
        parts += [Bars("Time per phase", tuple(done.seconds.items()))]
        parts += [Notes(done.notes)] if done.notes else []
    return Section("Training", tuple(parts), _words(done, events, RunFolder(run_folder)))


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
    title = text("Likeness ({embedder})", embedder=done.embedder) if done is not None and done.embedder else "Likeness"
    return Chart(title, curves, up="cosine")


def smoothed(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Return an exponential running mean; the first values count in full."""
    result: list[tuple[float, float]] = []
    mean = weight = 0.0
    for x, y in points:
        mean = (1 - SMOOTHING) * mean + SMOOTHING * y
        weight = (1 - SMOOTHING) * weight + SMOOTHING
        result.append((x, mean / weight))
    return tuple(result)


def _samples(run_folder: Path, events: tuple[Event, ...], done: Done | None) -> Gallery | None:
    shows_face = _shows_face(RunFolder(run_folder))
    samples = sorted(
        (event for event in events if isinstance(event, Sample)), key=lambda event: (event.step, event.template)
    )
    portrait = _portrait(samples, _used_step(done, events, RunFolder(run_folder)))
    figures = []
    for event in samples:
        picture = run_folder / event.path
        if not picture.is_file():
            continue
        score = _score(event.score) if shows_face else ""
        is_best = event.path == portrait
        figures.append(
            Figure(
                read_picture(picture, longest=2 * _SIDE),
                f"step {event.step}",
                badge="portrait" if is_best else "",
                tone=NoteTone.GOOD if is_best else NoteTone.PLAIN,
                detail=f"template {event.template} · {score}" if shows_face else "",
            )
        )
    return Gallery(tuple(figures), "Test pictures", side=_SIDE) if figures else None


def _used_step(done: Done | None, events: tuple[Event, ...], folder: RunFolder) -> int | None:
    """The checkpoint that is the LoRA; None where an earlier version merged several."""
    if (chosen := choice_in(folder)) is not None:
        return chosen
    if done is None or not done.weights:
        return _last_step(events)
    return int(next(iter(done.weights))) if len(done.weights) == 1 else None


def _last_step(events: tuple[Event, ...]) -> int | None:
    return max((event.step for event in events if isinstance(event, (Checkpoint, Sample, Step))), default=None)


def _portrait(samples: Sequence[Sample], used: int | None) -> str:
    """The path of the judged test picture that is the portrait; empty if none is."""
    judged = [each for each in samples if each.step == used and each.score is not None]
    found = most_like([Picture(each.step, each.template, each.path, each.score) for each in judged])
    return "" if found is None else found.path


def _score(score: float | None) -> str:
    return text("not measured") if score is None else f"likeness {score:.2f}"


def _shows_face(run_folder: RunFolder) -> bool:
    """Whether a person was learned; a run whose record cannot be read is taken for one of a person."""
    with suppress(InputError):
        return TrainRun.read(run_folder.run).shows_face
    return True


def _words(done: Done | None, events: tuple[Event, ...], folder: RunFolder) -> str:
    if done is None:
        return text("The training did not finish.")
    chosen = choice_in(folder)
    if chosen is not None:
        return f"The checkpoint of step {chosen} is used: it was chosen by hand."
    # `best_step` is another one where the last checkpoint's pictures could not be judged.
    last = f"The last checkpoint, of step {_last_step(events) or done.best_step}, is used."
    if not _shows_face(folder):
        return f"{last} {_ANOTHER}"
    if done.weights:
        # Of an earlier version, which merged the checkpoints that the test pictures voted for.
        steps = ", ".join(done.weights)
        of = f"checkpoint of step {steps}" if len(done.weights) == 1 else f"checkpoints of these steps: {steps}"
        return f"The LoRA is made of the {of}."
    if done.best is None:
        return f"{last} Likeness could not be measured."
    better = f"That of step {done.best_step} has {done.best:.3f}. {_ANOTHER}"
    if done.last is None:
        return f"{last} Its likeness could not be measured. {better}"
    said = f"The last checkpoint is used: likeness {done.last:.3f}."
    return said if done.best <= done.last else f"{said} {better}"
