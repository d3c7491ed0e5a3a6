"""Background work that a server does at its start and every hour."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

SECONDS = 3600.0
_log = logging.getLogger(__name__)


class Hourly:
    """Calls `work` at once and then every hour, in its own thread, until it is closed.

    Exceptions are logged, and the work is tried again an hour later.
    """

    def __init__(self, work: Callable[[], object], *, seconds: float = SECONDS) -> None:
        self._work, self._seconds = work, seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="easyphoto-hourly", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 5.0) -> None:
        self._closing.set()
        self._thread.join(seconds)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                self._work()
            except Exception:
                _log.exception("The workspace could not be put in order; it is tried again in an hour.")
            self._closing.wait(self._seconds)
