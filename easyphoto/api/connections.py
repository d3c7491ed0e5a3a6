"""The standalone server's connections: how many are accepted, and how long one may stay silent.

uvicorn waits for ever for a request's headers and for the rest of its body.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from easyphoto.api.waiting import BYTES_A_SECOND, SECONDS_FOR_A_BODY

SECONDS_FOR_HEADERS = 30.0
SECONDS_BETWEEN_LOOKS = 5.0
MOST_CONNECTIONS = 256
"""A page holds six at most; by default a process may open about a thousand files."""


class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Aborts a connection whose request does not arrive. One that waits for or receives an answer stays."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._heard, self._since, self._seen = 0, time.monotonic(), None
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._look()

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        super().data_received(data)

    def _look(self) -> None:
        """Check now and every few seconds, until the connection closes or becomes a web socket (another protocol)."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self.cycle is not self._seen or not self._is_arriving():
            self._seen, self._since, self._heard = self.cycle, time.monotonic(), 0
        if time.monotonic() - self._since > self._patience():
            self.transport.abort()
            return
        asyncio.get_running_loop().call_later(SECONDS_BETWEEN_LOOKS, self._look)

    def _is_arriving(self) -> bool:
        """Return whether headers or body of a request are still incomplete."""
        return bool(self.cycle is None or self.cycle.response_complete or self.cycle.more_body)

    def _patience(self) -> float:
        if self.cycle is None or self.cycle.response_complete:
            return SECONDS_FOR_HEADERS
        return SECONDS_FOR_A_BODY + self._heard / BYTES_A_SECOND
