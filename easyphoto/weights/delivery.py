"""Files of the catalogue fetched one after the other, with the bytes of all of them as one progress."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.errors import EnvironmentFailure
from easyphoto.messages import Text, joined, note, text
from easyphoto.progress import Progress
from easyphoto.weights.catalog import LicenceSet, WeightFile, files_named
from easyphoto.weights.refusals import not_allowed
from easyphoto.weights.store import WeightStore

# Seconds between two speeds: a single block of a megabyte says nothing about the line.
_SECONDS_MEASURED = 1.0


@dataclass(frozen=True)
class Delivery:
    """What became of one file: it lies at `place`, or one of the others says why not."""

    file: WeightFile
    place: Path | None = None
    failed: EnvironmentFailure | None = None


@dataclass(frozen=True)
class Order:
    """The files of sets and ids that can be had under a licence set."""

    files: tuple[WeightFile, ...]
    left_out: tuple[WeightFile, ...]
    """Files of the sets that the licence set excludes; another of their files stands in for each."""
    licences: LicenceSet

    @property
    def note(self) -> Text | None:
        """What is left out and how to get it; None if nothing is."""
        if not self.left_out:
            return None
        named = (
            text("{id} ({alternative} instead)", id=file.id, alternative=file.alternative) for file in self.left_out
        )
        return note(
            "weight-refused",
            "Left out, because the licence setting {licences} does not allow it: {files}. With --licences research "
            "it is fetched too.",
            licences=self.licences.value,
            files=joined(named),
        )


def order_of(names: tuple[str, ...], licences: LicenceSet) -> Order:
    """What the sets and ids bring.

    Raises InputError for a name that the catalogue does not know, LicenceRefused for a set that is of no use without a
    file that is excluded. A file that is named by its id is in the order even if it is excluded.
    """
    files = files_named(names)
    ids = {file.id for file in files}
    refused = [file for file in files if file.id not in names and not licences.allows(file.commercial)]
    for file in refused:
        if file.alternative not in ids:
            raise not_allowed(file, licences.value)
    return Order(tuple(file for file in files if file not in refused), tuple(refused), licences)


def deliveries(store: WeightStore, order: Order, progress: Progress) -> Iterator[Delivery]:
    """Fetch every file of the order that is not at hand; one that fails does not stop the others."""
    for file in order.files:
        try:
            place = store.require(file.id, progress)
        except EnvironmentFailure as error:
            yield Delivery(file, failed=error)
        else:
            yield Delivery(file, place)


class AllFiles:
    """A progress that counts the bytes of several files together, and says how fast they come."""

    def __init__(self, progress: Progress, ahead: dict[str, int]) -> None:
        """`ahead` are the bytes of the files to come, by id; 0 where nobody knows them before."""
        self._progress = progress
        self._ahead = dict(ahead)
        self._before, self._here, self._whole = 0, 0, 0
        self._measured: tuple[float, int] | None = None
        self._speed: float | None = None

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        if getattr(message, "code", "") == "fetch":
            self._here, self._whole = done, total
            self._measure()
            message = joined([message, self._said_speed()], " · ") if self._speed else message
        self._progress.step(self._before + self._here, self._total, message, preview=preview)

    def check(self) -> None:
        self._progress.check()

    def begin(self, file: WeightFile) -> None:
        """`file` comes next. What its server says of its size replaces what the catalogue says."""
        self._whole = self._ahead.pop(file.id, 0)

    def end(self) -> None:
        """The file is over; the next one is counted on top of it."""
        self._before, self._here, self._whole = self._before + self._here, 0, 0
        self._measured = None

    @property
    def _total(self) -> int:
        return self._before + max(self._whole, self._here) + sum(self._ahead.values())

    def _measure(self) -> None:
        now = time.monotonic()
        if self._measured is None:
            self._measured = (now, self._here)
        elif now - self._measured[0] >= _SECONDS_MEASURED:
            since, bytes = self._measured
            self._speed = (self._here - bytes) / (now - since)
            self._measured = (now, self._here)

    def _said_speed(self) -> Text:
        return note("fetch-speed", "{speed:.1f} MB/s", speed=(self._speed or 0.0) / 1e6)
