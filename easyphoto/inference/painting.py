"""Runs the passes of pictures on a backend, several pictures together, and collects what a report says of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from PIL import Image

from easyphoto.backends.base import Backend, InpaintRequest, Result
from easyphoto.backends.requests import alike
from easyphoto.errors import EasyPhotoError
from easyphoto.inference.finish import overlaid
from easyphoto.inference.results import UNITS, RisingProgress, Slice, Stage, Stopwatch
from easyphoto.messages import Text, phase
from easyphoto.progress import Progress

T = TypeVar("T")


@dataclass(eq=False)
class Account:
    """What a report and a record say of a picture, or of one part of it."""

    stages: list[Stage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    applied: list[dict[str, Any]] = field(default_factory=list)
    """What each pass was, and which controls the backend applied."""

    def add(self, other: Account) -> None:
        self.stages.extend(other.stages)
        self.notes.extend(other.notes)
        self.applied.extend(other.applied)


@dataclass(frozen=True, eq=False)
class Pass:
    """One call of the backend that a picture needs before it can go on."""

    step: str
    request: InpaintRequest
    part: int | None
    """The face or place that it paints; None for the whole picture."""
    told: Text
    """The step, and for which part it is."""
    account: Account
    """Gets its stage, its notes, and what was applied."""


Passes = Generator[Pass, Image.Image, T]
"""A picture or a part of it while it is made: it yields each pass it needs, gets the picture back, and returns T."""


class Painter:
    """Paints what several pictures ask for at the same time, and counts their passes as one progress."""

    def __init__(
        self, backend: Backend, progress: Progress, clock: Stopwatch, *, units: int, part_key: str = "face"
    ) -> None:
        """`units` is the whole progress, `UNITS` a pass. `part_key` is what records call the number of a part."""
        self.backend, self.clock, self.part_key = backend, clock, part_key
        self.progress = RisingProgress(progress)
        self.unit, self.units = 0, units

    def batches(self, count: int, at_a_time: int, paint: Callable[[Sequence[int]], Sequence[T]]) -> Iterator[T]:
        """What `paint` makes of the numbers from 0 to `count`, `at_a_time` at once.

        A batch that fails is painted again one by one, and so is the rest: for one picture the memory may be enough,
        and what comes before a picture that cannot be painted is not lost.
        """
        first = 0
        while first < count:
            numbers, unit = range(first, min(first + at_a_time, count)), self.unit
            try:
                made = paint(numbers)
            except EasyPhotoError:
                if len(numbers) == 1:
                    raise
                made, at_a_time, self.unit = (), 1, unit
            yield from made
            first += len(made)

    def together(self, runs: Sequence[Passes[T]]) -> list[T]:
        """What each returns. The passes that they wait for at the same time are painted together where they are alike.

        Raises what the backend raises, and Cancelled.
        """
        made: dict[int, T] = {}
        painted: dict[int, Image.Image | None] = dict.fromkeys(range(len(runs)))
        while painted:
            wanted: dict[int, Pass] = {}
            for number, picture in painted.items():
                self.progress.check()
                try:
                    wanted[number] = next(runs[number]) if picture is None else runs[number].send(picture)
                except StopIteration as end:
                    made[number] = end.value
            painted = dict(zip(wanted, self._painted(list(wanted.values())), strict=True))
        return [made[number] for number in range(len(runs))]

    def count(self, said: str = "", *, passes: int = 1, preview: Image.Image | None = None) -> None:
        """Count passes, or steps that last about as long, as done."""
        self.unit += passes * UNITS
        self.progress.step(self.unit, self.units, said, preview=preview)

    def slice(self, said: str, *, passes: int = 1) -> Slice:
        """The progress of the next passes."""
        return Slice(self.progress, self.unit, self.units, said, units=passes * UNITS)

    def _painted(self, passes: Sequence[Pass]) -> list[Image.Image]:
        # A single one is not asked for what it has in common with others.
        groups = alike([each.request for each in passes]) if len(passes) > 1 else [[0]][: len(passes)]
        pictures: dict[int, Image.Image] = {}
        for numbers in groups:
            group = [passes[number] for number in numbers]
            results = self._results(group)
            pictures.update(zip(numbers, map(self._taken, group, results), strict=True))
        return [pictures[number] for number in range(len(passes))]

    def _results(self, group: Sequence[Pass]) -> Sequence[Result]:
        self.progress.check()
        part = self.slice(_said_of(group), passes=len(group))
        with self.clock.timed(group[0].step):
            if len(group) == 1:
                return (self.backend.inpaint(group[0].request, part),)
            return self.backend.inpaint_many([each.request for each in group], part)

    def _taken(self, asked: Pass, result: Result) -> Image.Image:
        """The pass's picture, recorded; outside the mask it stays what it was."""
        request, account = asked.request, asked.account
        picture = overlaid(request.image, result.image, request.mask)
        self.count(_said_of((asked,)), preview=picture)
        account.stages.append(Stage(asked.step, picture, asked.part))
        account.notes.extend(result.notes)
        account.applied.append(
            {"pass": asked.step, self.part_key: asked.part, "controls": list(result.applied_controls),
             "steps": request.steps, "denoise": request.denoise, "cfg": request.cfg,
             "sampler": request.sampler.value, "prompt": request.prompt}
        )  # fmt: skip
        return picture


def _said_of(group: Sequence[Pass]) -> Text:
    seeds = tuple(dict.fromkeys(each.request.seed for each in group))
    what = group[0].told if len({each.part for each in group}) == 1 else Text(group[0].step)
    if len(seeds) == 1:
        return phase("paint", "seed {seed}: {what}", seed=seeds[0], what=what)
    return phase("paint-several", "seeds {first} to {last}: {what}", first=seeds[0], last=seeds[-1], what=what)
