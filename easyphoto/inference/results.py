"""What a photograph session returns: ranked pictures with everything that made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face, Likeness
from easyphoto.progress import Progress

UNITS = 100
"""Units of progress in one diffusion pass."""


@dataclass(frozen=True, eq=False)
class Stage:
    """The picture of one step, for the report."""

    name: str
    image: Image.Image
    face: int | None = None
    """Index of the face on the template, from the left; None for steps on the whole picture."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """One finished picture."""

    image: Image.Image
    seed: int
    likeness: tuple[Likeness | None, ...]
    """One for each replaced face, from the left; None where the engine cannot measure it."""
    stages: tuple[Stage, ...]
    notes: tuple[str, ...]
    mask: np.ndarray
    """(height, width) float32 in 0..1, of the image: how much each pixel was painted over. Where it is 0, the pixel is
    the template's byte for byte, unless the whole picture was enlarged."""
    made_by: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        return mean_cosine(self.likeness)

    def record(self) -> dict[str, Any]:
        """What made the picture, for its PNG note: plain values only."""
        likeness = [None if one is None else asdict(one) for one in self.likeness]
        return {**self.made_by, "seed": self.seed, "likeness": likeness, "notes": list(self.notes)}


@dataclass(frozen=True, eq=False)
class Photographs:
    """All results of one template, best first."""

    results: tuple[Photograph, ...]
    faces: tuple[Face, ...]
    """Every face found on the template, from the left."""
    seated: tuple[tuple[int, str], ...]
    """Pairs of an index into `faces` and the name of the subject there."""
    notes: tuple[str, ...]
    seconds: Mapping[str, float]
    """Seconds by phase, over all results."""

    @property
    def best(self) -> Photograph:
        return self.results[0]


def mean_cosine(likeness: Sequence[Likeness | None]) -> float | None:
    """Mean cosine similarity over the faces; None where any is unknown."""
    known = [one.cosine for one in likeness if one is not None]
    return sum(known) / len(known) if known and len(known) == len(likeness) else None


class Stopwatch:
    """Adds up seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + perf_counter() - started


class Slice:
    """A part of the whole progress, for a step that counts from 0 itself."""

    def __init__(self, whole: Progress, first: int, total: int, message: str, *, units: int = UNITS) -> None:
        """From `first` to `first + units` of `total`."""
        self._whole, self._first, self._total, self._message = whole, first, total, message
        self._units = units

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        share = round(self._units * done / max(total, 1))
        self._whole.step(self._first + min(share, self._units), self._total, self._message, preview=preview)

    def check(self) -> None:
        self._whole.check()


class RisingProgress:
    """A progress that never goes back: what is done again counts when it is further than before."""

    def __init__(self, whole: Progress) -> None:
        self._whole, self._most = whole, 0

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        self._most = max(self._most, done)
        self._whole.step(self._most, total, message, preview=preview)

    def check(self) -> None:
        self._whole.check()
