"""Lets a server that is closing end its requests, however long they would run.

A server waits for its open requests when it closes. A web UI does so too at "Reload UI", without a limit: for the
events of a job that takes hours, an upload whose client sends nothing more, or a client of 2023 that waits for its
training.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from easyphoto.api.errors import ServerCloses, error_answer
from easyphoto.messages import text

SECONDS_BETWEEN_LOOKS = 0.25
SECONDS_TO_FINISH = 1.0
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass
class ClosesInTime:
    """Tells the application that its client has gone when the server closes, and cancels what then still runs."""

    app: Callable[[Message, Receive, Send], Awaitable[None]]
    is_closing: Callable[[], bool]
    _open: set[anyio.CancelScope] = field(default_factory=set, init=False)
    _looking: asyncio.Task[None] | None = field(default=None, init=False)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_begun = False

        async def receiving() -> Message:
            return {"type": "http.disconnect"} if self.is_closing() else await receive()

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        with anyio.CancelScope() as answering:
            self._watch(answering)
            try:
                await self.app(scope, receiving, sending)
            finally:
                self._open.discard(answering)
        if answering.cancel_called and not has_begun:
            closes = ServerCloses(text("The server is closing."), advice=text("Ask again in a moment."))
            await error_answer(closes)(scope, receive, send)

    def _watch(self, answering: anyio.CancelScope) -> None:
        """Look after one more request. One task looks for all, because each open page has a request that never ends."""
        self._open.add(answering)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._cut())

    async def _cut(self) -> None:
        while self._open and not self.is_closing():
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        while self._open:
            await asyncio.sleep(SECONDS_TO_FINISH)
            for answering in self._open:
                answering.cancel()
