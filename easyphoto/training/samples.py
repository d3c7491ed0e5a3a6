"""Test pictures of a run: drawn with the current model at every mark."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import ClassVar

from PIL import Image

from easyphoto.backends.base import Backend, Result
from easyphoto.images.pictures import DigitalSource, write_picture
from easyphoto.progress import Progress
from easyphoto.storage.records import write_json
from easyphoto.training.budget import OffloadedNetworks
from easyphoto.training.pictures import Picture, kept_pictures
from easyphoto.training.run import RunFolder, TrainRun


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
    letters: ClassVar[int] = 10
    """Size of the words on the sheet, in pixels."""
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
    def _painted(self, columns: Sequence[Column], progress: Progress) -> Sequence[Result]:
        """A picture for each of the columns, with the current weights."""

    def _score(self, picture: Image.Image) -> float | None:
        return None

    def judged(self, step: int, progress: Progress, *, whole: bool) -> tuple[Picture, ...]:
        """The live checkpoint's pictures: those of an earlier process if complete, else drawn now.

        Where the round is not whole, only the first column's is drawn, and none has a score; an earlier version drew
        and judged them all.
        """
        pictures = self.kept(step)
        if pictures is None:
            pictures = self.draw(step, progress, whole=whole)
            write_json(self.folder.scores(step), {"pictures": [asdict(picture) for picture in pictures]})
        return pictures if whole else tuple(replace(picture, score=None) for picture in pictures)

    def kept(self, step: int) -> tuple[Picture, ...] | None:
        """The pictures an earlier process drew and judged; None if they are incomplete."""
        return kept_pictures(self.folder, step)

    def draw(self, step: int, progress: Progress, *, whole: bool) -> tuple[Picture, ...]:
        """Draw a picture for every column with the current weights, write the pictures and score them; where the
        round is not whole, only the first, without a score."""
        progress.check()
        columns = self.columns if whole else self.columns[:1]
        with self.idle.at_hand():
            results = self._painted(columns, progress)
        return tuple(
            self._kept(step, column.number, result, whole=whole)
            for column, result in zip(columns, results, strict=True)
        )

    def _kept(self, step: int, number: int, result: Result, *, whole: bool) -> Picture:
        target = self.folder.sample(step, number)
        record = {"made_by": "validation", "step": step, "seed": result.seed}
        write_picture(target, result.image, record, source=self.source)
        score = self._score(result.image) if whole else None
        return Picture(step, number, str(target.relative_to(self.folder.root)), score)
