"""Test pictures of a run: drawn with the current model at every mark, and kept with their records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from PIL import Image

from easyphoto.backends.base import Backend, Result
from easyphoto.errors import InputError
from easyphoto.images.pictures import DigitalSource, write_picture
from easyphoto.progress import Progress
from easyphoto.storage.files import inside
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.training.budget import OffloadedNetworks
from easyphoto.training.run import RunFolder, TrainRun


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


@dataclass(frozen=True, eq=False)
class Column:
    """The head of a column of the sheet: what its pictures are compared with."""

    number: int
    image: Image.Image
    label: str


@dataclass(frozen=True, eq=False)
class Samples(ABC):
    """Draws test pictures. Its backend shares the live networks, so nothing is loaded again."""

    run: TrainRun
    folder: RunFolder
    backend: Backend
    idle: OffloadedNetworks = field(default_factory=OffloadedNetworks, kw_only=True)

    cell: ClassVar[int] = 128
    """Side of a picture on the sheet, in pixels."""
    unscored: ClassVar[str] = "not judged"
    """What the sheet says under a picture without a score."""
    source: ClassVar[DigitalSource] = DigitalSource.COMPOSITE

    @property
    @abstractmethod
    def columns(self) -> tuple[Column, ...]:
        """One for each test picture of a checkpoint."""

    @property
    def embedder(self) -> str | None:
        """Id of what scores the pictures; None where nothing does."""
        return None

    @abstractmethod
    def _painted(self, progress: Progress) -> Sequence[Result]:
        """A picture for each column, with the current weights."""

    def _score(self, picture: Image.Image) -> float | None:
        return None

    def judged(self, step: int, progress: Progress) -> tuple[Picture, ...]:
        """The live checkpoint's pictures: those of an earlier process if complete, else drawn now."""
        kept = self.kept(step)
        if kept is not None:
            return kept
        pictures = self.draw(step, f"step-{step:06d}", progress)
        write_json(self.folder.scores(step), {"pictures": [asdict(picture) for picture in pictures]})
        return pictures

    def kept(self, step: int) -> tuple[Picture, ...] | None:
        """The pictures an earlier process drew and judged; None if they are incomplete."""
        return kept_pictures(self.folder, step)

    def draw(self, step: int, label: str, progress: Progress) -> tuple[Picture, ...]:
        """Draw a picture for every column with the current weights, write the pictures and score them."""
        progress.check()
        with self.idle.at_hand():
            results = self._painted(progress)
        return tuple(
            self._kept(step, label, column.number, result) for column, result in zip(self.columns, results, strict=True)
        )

    def _kept(self, step: int, label: str, number: int, result: Result) -> Picture:
        target = self.folder.sample(label, number)
        record = {"made_by": "validation", "step": step, "seed": result.seed}
        write_picture(target, result.image, record, source=self.source)
        return Picture(step, number, str(target.relative_to(self.folder.root)), self._score(result.image))


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


def record_of(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """The mean and the scores of each step, for curves.json."""
    return [
        {"step": step, "mean": mean_score(of_step), "scores": [picture.score for picture in of_step]}
        for step, of_step in by_step(pictures).items()
    ]
