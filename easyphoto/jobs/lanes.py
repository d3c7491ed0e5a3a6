"""The waiting lines of the queue, and a thread for each that does what stands in it one after another."""

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
    """What waits for whom: work for the device, one at a time, and looking at photos, which nobody should wait for."""

    WORK = "work"
    LOOK = "look"

    @classmethod
    def of(cls, kind: str) -> Lane:
        return cls.LOOK if kind == "check" else cls.WORK


class Lanes(Generic[W]):
    """Jobs by their ids, each with its work. `changed` is the queue's own lock, held where something is added."""

    def __init__(
        self,
        changed: threading.Condition,
        do: Callable[[str, W], None],
        *,
        give_up: Callable[[str], None],
        stumbled: Callable[[Lane, BaseException], None],
    ) -> None:
        """`do` does a job, `give_up` ends one that nobody will do, `stumbled` those of a lane whose thread failed."""
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
        """Let each thread end its job, or wait that long for it; `is_closing` has been set before."""
        for thread in self._threads.values():
            thread.join(seconds)

    def _serve(self, lane: Lane) -> None:
        """Whatever goes wrong, the lane goes on: else all jobs after this one would wait for ever, and nobody knew."""
        while True:
            try:
                if not self._serve_next(lane):
                    return
            except BaseException as error:
                _log.exception("The jobs' lane %r stumbled; it goes on with the next job", lane.value)
                with suppress(BaseException):
                    self._stumbled(lane, error)

    def _serve_next(self, lane: Lane) -> bool:
        """Do the next job of the lane; False where the queue closes."""
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
