"""Discrete events: a clock, and servers that do one thing after another, or everything at once.

A heap and a hundred lines; SimPy would say the same with a process for each job, at several times the seconds that the
million events of an hour on 1,000 cards take here, and as one more package for everybody who runs the tests.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial

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


class SharedServer:
    """Does everything that it was given at once, each at an equal share of its speed, as a link carries files in
    pieces.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._each = self._seen = self._busy = 0.0
        """What it has done for each that was there all the time; until when that is counted; seconds with work."""
        self._ends: list[tuple[float, int, Then]] = []
        """By what will have been done for each when it ends."""
        self._count = 0

    def serve(self, seconds: float, then: Then) -> None:
        """Do something of so many seconds, were it alone, then go on."""
        if seconds <= 0:
            self._clock.at(self._clock.now, then)
            return
        self._advance()
        self._count += 1
        heapq.heappush(self._ends, (self._each + seconds, self._count, then))
        self._expect()

    @property
    def busy(self) -> float:
        self._advance()
        return self._busy

    @property
    def behind(self) -> float:
        self._advance()
        return sum(end - self._each for end, _, _ in self._ends)

    def _advance(self) -> None:
        passed, self._seen = self._clock.now - self._seen, self._clock.now
        if self._ends:
            self._each += passed / len(self._ends)
            self._busy += passed

    def _expect(self) -> None:
        """Come back when the first of them is done, unless another comes before that."""
        if self._ends:
            left = max(0.0, self._ends[0][0] - self._each) * len(self._ends)
            self._clock.at(self._clock.now + left, partial(self._end, self._count))

    def _end(self, count: int) -> None:
        if count != self._count:
            return
        self._advance()
        self._each, _, then = heapq.heappop(self._ends)
        self._count += 1
        self._expect()
        then()
