"""The lanes of the queue: each is a FIFO of jobs with a thread that runs them one after another."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)
W = TypeVar("W")


class Lane(Enum):
    """Work on the device runs one at a time; what looks at photos, or waits for a network, never waits for it."""

    WORK = "work"
    LOOK = "look"
    FETCH = "fetch"

    @classmethod
    def of(cls, kind: str) -> Lane:
        return {"check": cls.LOOK, "add": cls.LOOK, "weights": cls.FETCH}.get(kind, cls.WORK)


class Lanes(Generic[W]):
    """The waiting jobs of each lane by id, with their work. `changed` is the queue's lock; callers of `add` hold it."""

    def __init__(
        self,
        changed: threading.Condition,
        do: Callable[[str, W], None],
        *,
        give_up: Callable[[str], None],
        stumbled: Callable[[Lane, BaseException], None],
    ) -> None:
        """`do` runs a job, `give_up` ends one that will never run, `stumbled` ends a lane's jobs when its thread
        failed.
        """
        self._changed, self._do, self._give_up, self._stumbled = changed, do, give_up, stumbled
        self._waiting: dict[Lane, deque[tuple[str, W]]] = {lane: deque() for lane in Lane}
        self._threads: dict[Lane, threading.Thread] = {}
        self.is_closing = False

    def add(self, lane: Lane, id: str, work: W) -> None:
        self._waiting[lane].append((id, work))
        if lane not in self._threads or not self._threads[lane].is_alive():
            name = f"easyphoto-{lane.value}"
            self._threads[lane] = threading.Thread(target=self._serve, args=(lane,), name=name, daemon=True)
            self._threads[lane].start()

    def remove(self, id: str) -> None:
        for waiting in self._waiting.values():
            if work := next((each for each in waiting if each[0] == id), None):
                waiting.remove(work)

    def join(self, seconds: float) -> None:
        """Wait up to `seconds` for each thread to finish its job; `is_closing` must have been set."""
        for thread in self._threads.values():
            thread.join(seconds)

    def _serve(self, lane: Lane) -> None:
        """Run jobs until the queue closes. The loop survives every error; otherwise all later jobs would
        wait for ever.
        """
        while True:
            try:
                if not self._serve_next(lane):
                    return
            except BaseException as error:
                _log.exception("The jobs' lane %r stumbled; it goes on with the next job", lane.value)
                with suppress(BaseException):
                    self._stumbled(lane, error)

    def _serve_next(self, lane: Lane) -> bool:
        """Run the next job of the lane; returns False when the queue closes."""
        waiting = self._waiting[lane]
        with self._changed:
            self._changed.wait_for(lambda: waiting or self.is_closing)
            if self.is_closing:
                for id, _ in waiting:
                    self._give_up(id)
                return False
            id, work = waiting.popleft()
        self._do(id, work)
        return True
