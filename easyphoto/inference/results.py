"""What a photograph session hands back: ranked pictures with everything that made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.faces.engine import Face, Likeness


@dataclass(frozen=True, eq=False)
class Stage:
    """One step's picture, for the report."""

    name: str
    image: Image.Image
    face: int | None = None
    """Which face of the template, from the left; None where the step is about the whole picture."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """One finished picture."""

    image: Image.Image
    seed: int
    likeness: tuple[Likeness | None, ...]
    """One for each seated face, from the left; None where the engine cannot tell."""
    stages: tuple[Stage, ...]
    notes: tuple[str, ...]
    mask: np.ndarray
    """float32 (height, width) of the image: how much each pixel was painted over. Where it is 0 every byte of the
    template stayed, unless the whole was enlarged."""
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
    """Index into `faces` and the subject's name."""
    notes: tuple[str, ...]
    seconds: Mapping[str, float]
    """By phase, over all results."""

    @property
    def best(self) -> Photograph:
        return self.results[0]


def mean_cosine(likeness: Sequence[Likeness | None]) -> float | None:
    """Over the faces; None where any is unknown."""
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
    """Hands a part of the whole work's progress to somebody who counts from 0 himself."""

    def __init__(self, whole: Any, first: int, total: int, message: str) -> None:
        self._whole, self._first, self._total, self._message = whole, first, total, message

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        share = round(UNITS * done / max(total, 1))
        self._whole.step(self._first + min(share, UNITS), self._total, self._message, preview=preview)

    def check(self) -> None:
        self._whole.check()


UNITS = 100
"""Units of progress of one diffusion pass."""
