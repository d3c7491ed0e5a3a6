"""The records of a run's test pictures, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from easyphoto.errors import InputError
from easyphoto.storage.files import inside
from easyphoto.storage.records import read_json, typed
from easyphoto.training.run import RunFolder

DRAW = 0.02
"""Means of four test pictures that differ by less are a draw."""


@dataclass(frozen=True)
class Picture:
    """The record of one test picture."""

    step: int
    template: int
    """The number of its column on the sheet."""
    path: str
    """Relative to the run's folder."""
    score: float | None
    """Cosine similarity to the person's mean embedding; None without an embedder or a face of its kind."""


@dataclass(frozen=True)
class _Judged:
    """The record of one checkpoint's pictures."""

    pictures: tuple[Picture, ...]


def kept_pictures(folder: RunFolder, step: int) -> tuple[Picture, ...] | None:
    """A checkpoint's pictures, by their record; None if they are incomplete."""
    record = folder.scores(step)
    if not record.is_file():
        return None
    try:
        kept = typed(_Judged, read_json(record), f"The record of step {step}").pictures
        complete = all(inside(folder.root, picture.path).is_file() for picture in kept)
    except InputError:
        # A damaged record: drawing again costs a minute and nothing of the training.
        return None
    return kept if complete else None


def mean_score(pictures: Sequence[Picture]) -> float | None:
    """Mean score of the judged pictures; None if none was judged."""
    scores = [picture.score for picture in pictures if picture.score is not None]
    return sum(scores) / len(scores) if scores else None


def by_step(pictures: Sequence[Picture]) -> Mapping[int, tuple[Picture, ...]]:
    """The pictures of each step, in order of the steps."""
    steps = sorted({picture.step for picture in pictures})
    return {step: tuple(picture for picture in pictures if picture.step == step) for step in steps}


def step_means(pictures: Sequence[Picture]) -> Mapping[int, float]:
    """The mean score of each step of which pictures were judged."""
    means = {step: mean_score(of_step) for step, of_step in by_step(pictures).items()}
    return {step: mean for step, mean in means.items() if mean is not None}


def latest_best(means: Mapping[int, float]) -> int | None:
    """The latest step whose mean is a draw with the highest; None if nothing was judged."""
    return max((step for step, mean in means.items() if mean >= max(means.values()) - DRAW), default=None)


def most_like(pictures: Sequence[Picture]) -> Picture | None:
    """The picture with the highest score, of equals the first; the first where none was judged."""
    return max(pictures, key=lambda each: (each.score or 0.0, -each.template), default=None)


def record_of(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """The mean and the scores of each step, for curves.json."""
    return [
        {"step": step, "mean": mean_score(of_step), "scores": [picture.score for picture in of_step]}
        for step, of_step in by_step(pictures).items()
    ]
