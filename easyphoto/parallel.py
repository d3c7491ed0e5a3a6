"""Work on several processor cores at once, for what leaves Python's lock while it computes: pictures and networks."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
# More threads than this wait for each other: Python's lock, the networks' own threads, the disk.
_MOST_THREADS = 4


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


def thread_limit() -> int | None:
    """OMP_NUM_THREADS, the most threads that this process's networks may compute with; None where nobody says so."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(said) if said.isdecimal() and int(said) else None


def spare_threads() -> int:
    """How many threads may work at once: one for each core that this process may use, at most four."""
    return min(cores(), _MOST_THREADS)


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Generator[R, None, None]:
    """`work` of each item, in their order, by up to `threads` threads; by the caller's own where that is one.

    Only a few items ahead of the caller are begun. When the caller closes the generator, or an item raises, nothing
    more is begun, and what runs is waited for.
    """
    if threads <= 1:
        yield from map(work, items)
        return
    waiting, rest = deque[Future[R]](), iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="easyphoto") as pool:
        try:
            waiting.extend(pool.submit(work, item) for item in islice(rest, 2 * threads))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(rest, 1))
        finally:
            for begun in waiting:
                begun.cancel()


def side_by_side(work: Iterable[Callable[[], T]]) -> list[T]:
    """What each gives, in their order, as many at once as there are `spare_threads`."""
    return list(in_order(lambda each: each(), work, spare_threads()))


class Budget:
    """An amount, such as bytes of memory, that several threads share."""

    def __init__(self, most: int) -> None:
        self._most, self._taken = most, 0
        self._changed = threading.Condition()

    @contextmanager
    def spent(self, amount: int) -> Iterator[None]:
        """Waits until `amount` is left, or nothing is taken: what exceeds the whole budget is done alone."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken == 0 or self._taken + amount <= self._most)
            self._taken += amount
        try:
            yield
        finally:
            with self._changed:
                self._taken -= amount
                self._changed.notify_all()


class Spares(Generic[T]):
    """Things that only one thread may use at a time, such as OpenCV's networks, which keep their input."""

    def __init__(self, make: Callable[[], T]) -> None:
        """The first is made at once, so that what is wrong with it is said now."""
        self._make, self._idle = make, [make()]

    @contextmanager
    def one(self) -> Iterator[T]:
        """One that nobody else uses; it is made where there is none."""
        try:
            thing = self._idle.pop()
        except IndexError:
            thing = self._make()
        try:
            yield thing
        finally:
            self._idle.append(thing)
