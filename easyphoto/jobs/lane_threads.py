"""The threads of the lanes: each runs one job after another, in the order of `easyphoto.jobs.order`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

from easyphoto.jobs.lanes import FETCH, LOOK, Lane
from easyphoto.jobs.order import QueuedJob, assigned

_log = logging.getLogger(__name__)
W = TypeVar("W")


class LaneThreads(Generic[W]):
    """Jobs that wait, and the threads that run them. `changed` is the queue's lock; callers hold it."""

    def __init__(
        self,
        lanes: Iterable[Lane],
        changed: threading.Condition,
        do: Callable[[str, W, Lane], None],
        *,
        give_up: Callable[[str], None],
        stumbled: Callable[[Lane, BaseException], None],
    ) -> None:
        """`do` runs a job, `give_up` ends one that will never run, `stumbled` ends a lane's job when its thread
        failed.
        """
        self.all = (*lanes, LOOK, FETCH)
        self._changed, self._do, self._give_up, self._stumbled = changed, do, give_up, stumbled
        self._waiting: dict[str, tuple[QueuedJob, W]] = {}
        """By id, in the order of submission."""
        self._taken: dict[Lane, tuple[QueuedJob, W]] = {}
        self._last: dict[Lane, QueuedJob] = {}
        self._threads: dict[Lane, threading.Thread] = {}
        self.is_closing = False

    def add(self, job: QueuedJob, work: W) -> None:
        self._waiting[job.id] = (job, work)
        self._hand_out()

    def remove(self, id: str) -> None:
        """Let a waiting job never run; one that a lane has taken stays there."""
        if self._waiting.pop(id, None) is not None:
            self._hand_out()

    def end(self, id: str) -> None:
        """Free the lane whose job is over, although its thread may need a moment until it takes the next: whoever asks
        for another picture now gets it where the models are.
        """
        for lane in [lane for lane, (job, _) in self._taken.items() if job.id == id]:
            del self._taken[lane]
            self._hand_out()

    def close(self) -> None:
        """Take nothing more, and give up what waits."""
        self.is_closing = True
        waiting, self._waiting = self._waiting, {}
        for id in waiting:
            self._give_up(id)

    def join(self, seconds: float) -> None:
        """Wait up to `seconds` for the threads to finish their jobs, after `close`. Without the lock."""
        latest = time.monotonic() + seconds
        for thread in list(self._threads.values()):
            thread.join(max(0.0, latest - time.monotonic()))

    def _hand_out(self) -> None:
        """Give waiting jobs to free lanes."""
        free = [lane for lane in self.all if lane not in self._taken]
        running = [job for job, _ in self._taken.values()]
        for job, lane in assigned([job for job, _ in self._waiting.values()], running, free, self._last):
            self._taken[lane] = self._waiting.pop(job.id)
            self._last[lane] = job
            if lane not in self._threads or not self._threads[lane].is_alive():
                name = f"easyphoto-{lane.name}"
                self._threads[lane] = threading.Thread(target=self._serve, args=(lane,), name=name, daemon=True)
                self._threads[lane].start()
        self._changed.notify_all()

    def _serve(self, lane: Lane) -> None:
        """Run jobs until the queue closes. The loop survives every error; otherwise all later jobs would
        wait for ever.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: lane in self._taken or self.is_closing)
                if lane not in self._taken:
                    return
                job, work = self._taken[lane]
            try:
                self._do(job.id, work, lane)
            except BaseException as error:
                _log.exception("The jobs' lane %r stumbled; it goes on with the next job", lane.name)
                with suppress(BaseException):
                    self._stumbled(lane, error)
            finally:
                with self._changed:
                    self.end(job.id)
