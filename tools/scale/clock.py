"""Discrete events: a clock, and servers that do one thing after another.

A heap and forty lines; SimPy would say the same with a process for each job, at several times the seconds that the
million events of an hour on 1,000 cards take here, and as one more package for everybody who runs the tests.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

Then = Callable[[], None]


class Clock:
    """Calls what was asked for at its time; of the same time, what was asked for first."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds."""
        self._coming: list[tuple[float, int, Then]] = []
        self._count = 0

    def at(self, time: float, then: Then) -> None:
        self._count += 1
        heapq.heappush(self._coming, (time, self._count, then))

    def run(self, until: float | None = None) -> None:
        """Until that time, None: until nothing more comes."""
        while self._coming and (until is None or self._coming[0][0] <= until):
            self.now, _, then = heapq.heappop(self._coming)
            then()
        if until is not None:
            self.now = until


class Server:
    """Does one thing after another, first in, first out."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._free, self._busy = clock, 0.0, 0.0

    def serve(self, seconds: float, then: Then | None = None) -> None:
        """Do something of so many seconds when everything before it is done, then go on."""
        self._free = max(self._free, self._clock.now) + seconds
        self._busy += seconds
        if then is not None:
            self._clock.at(self._free, then)

    @property
    def busy(self) -> float:
        """Seconds that it has worked until now."""
        return self._busy - self.behind

    @property
    def behind(self) -> float:
        """Seconds of work that wait."""
        return max(0.0, self._free - self._clock.now)
