"""Messages between two processes over a pair of pipes, as pickles, which say themselves where they end.

The pipes of `subprocess` are used because they are the same everywhere: `multiprocessing.connection` would need
descriptors that Windows does not hand down. Pickle may run code: only a process's parent and child are on its pipes.
"""

from __future__ import annotations

import pickle
import threading
from contextlib import suppress
from typing import IO, Any


class Channel:
    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        """`incoming` must be buffered."""
        self._incoming, self._outgoing = incoming, outgoing
        self._sending = threading.Lock()

    def send(self, message: object) -> None:
        """Raises OSError where the other end is gone, and pickle's errors, before anything was sent."""
        written = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        with self._sending:
            try:
                self._outgoing.write(written)
                self._outgoing.flush()
            except ValueError as error:
                raise BrokenPipeError("the channel is closed") from error

    def receive(self) -> Any:
        """Return the next message. Raises EOFError where no whole one comes any more; one thread at a time."""
        try:
            return pickle.load(self._incoming)
        except Exception as error:  # bytes that are no message fail in many ways, and nothing after them can be read
            raise EOFError from error

    def close(self) -> None:
        """Send nothing more, which the other end receives as EOFError."""
        with suppress(OSError, ValueError):
            self._outgoing.close()
