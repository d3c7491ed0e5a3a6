"""A scene's or an object's test pictures: drawn from its words with the current model, and judged by nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from easyphoto.backends.base import GenerateRequest, Result, Sampler
from easyphoto.geometry import Size
from easyphoto.images.pictures import DigitalSource, read_picture
from easyphoto.progress import Progress
from easyphoto.training.data import Entry
from easyphoto.training.samples import Column, Samples

COUNT = 4
"""As many as a person has templates: each costs as much as the training's own steps."""


@dataclass(frozen=True, eq=False)
class DrawnSamples(Samples):
    """Draws from the captions of the training pictures, with the same seeds at every mark."""

    cell: ClassVar[int] = 256
    """Nobody counts the likeness: the user has to see it."""
    letters: ClassVar[int] = 20
    unscored: ClassVar[str] = ""
    source: ClassVar[DigitalSource] = DigitalSource.DRAWN
    entries: tuple[Entry, ...]
    """The training pictures, with which the drawn ones are compared."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(
            Column(number, read_picture(self.entries[number % len(self.entries)].image), "learned from")
            for number in range(COUNT)
        )

    def _painted(self, columns: Sequence[Column], progress: Progress) -> Sequence[Result]:
        return [self.backend.generate(self._request(column.number), progress) for column in columns]

    def _request(self, number: int) -> GenerateRequest:
        family, settings = self.run.kind, self.run.settings
        captions = list(dict.fromkeys(entry.caption for entry in self.entries))
        return GenerateRequest(
            prompt=captions[number % len(captions)],
            negative=family.negative,
            seed=settings.seed + number,
            steps=settings.validation_steps,
            cfg=settings.validation_cfg if settings.validation_cfg is not None else family.first_cfg,
            sampler=Sampler.DPMPP_2M_KARRAS,
            size=Size(family.resolution, family.resolution),
        )
