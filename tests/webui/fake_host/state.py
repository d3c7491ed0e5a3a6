"""What the host tells of itself while it works: options, progress, exceptions it swallowed, its queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any


class OptionInfo:
    def __init__(self, default: Any = None, label: str = "", *_: Any, section: tuple[str, str] = ("", ""), **__: Any):
        self.default, self.label, self.section = default, label, section


class Options:
    """`data` holds what was saved once; a fresh user has saved nothing, and then the labels' defaults count."""

    def __init__(self, labels: dict[str, OptionInfo]):
        self.__dict__["data_labels"] = labels
        self.__dict__["data"] = {}

    def __getattr__(self, key: str) -> Any:
        if key in self.__dict__["data"]:
            return self.__dict__["data"][key]
        if key in self.__dict__["data_labels"]:
            return self.__dict__["data_labels"][key].default
        raise AttributeError(key)

    def __setattr__(self, key: str, value: Any) -> None:
        self.data[key] = value

    def set(self, key: str, value: Any, is_api: bool = False, run_callbacks: bool = True) -> bool:
        if key not in self.data_labels:
            raise KeyError(key)
        if self.data.get(key) == value:
            return False
        self.data[key] = value
        return True

    def get_default(self, key: str) -> Any:
        return self.data_labels[key].default

    def add_option(self, key: str, info: OptionInfo) -> None:
        self.data_labels[key] = info


class State:
    def __init__(self) -> None:
        self.job, self.job_no, self.job_count, self.job_timestamp = "", 0, 0, "0"
        self.sampling_step, self.sampling_steps = 0, 0
        self.skipped = self.interrupted = self.stopping_generation = False
        self.textinfo: str | None = None
        self.current_image: Any = None
        self.current_latent: Any = None
        self.id_live_preview = 0
        self.time_start: float | None = None
        self.begun: list[str] = []

    def begin(self, job: str = "(unknown)") -> None:
        self.job, self.job_no, self.job_count = job, 0, -1
        self.sampling_step, self.time_start = 0, time.time()
        self.skipped = self.interrupted = self.stopping_generation = False
        self.textinfo = None
        self.begun.append(job)

    def end(self) -> None:
        self.job, self.job_count = "", 0

    def interrupt(self) -> None:
        self.interrupted = True

    def skip(self) -> None:
        self.skipped = True

    def nextjob(self) -> None:
        self.job_no += 1
        self.sampling_step = 0

    def do_set_current_image(self) -> None:
        if self.current_latent is not None:
            self.current_image = self.current_latent
            self.id_live_preview += 1

    def snapshot(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("begun", "id_live_preview")}


class QueueLock:
    """Not re-entrant: a second call by the holder would wait for ever, so here it fails."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None
        self.taken = 0

    @property
    def is_held(self) -> bool:
        return self._lock.locked()

    def __enter__(self) -> None:
        assert self._holder != threading.get_ident(), "the queue lock is not re-entrant: this would wait for ever"
        self._lock.acquire()
        self._holder = threading.get_ident()
        self.taken += 1

    def __exit__(self, *_: Any) -> None:
        self._holder = None
        self._lock.release()


class Errors:
    """The last five exceptions, as the host keeps them; scripts' exceptions end here and nowhere else."""

    MOST = 5

    def __init__(self) -> None:
        self.exception_records: list[dict[str, Any]] = []

    def record(self, error: BaseException, where: str = "script.py") -> None:
        self.exception_records.append({"exception": str(error), "traceback": [[f"{where}, line 1, process", "…"]]})
        if len(self.exception_records) > self.MOST:
            self.exception_records.pop(0)

    def swallow(self, where: str, run: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        try:
            run(*args, **kwargs)
        except Exception as error:
            self.record(error, where)
