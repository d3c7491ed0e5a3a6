"""Limits for unfinished requests: bytes over all of them, and time for each.

Without them, twenty uploads that are never finished hold a gigabyte, and silent connections stay for ever.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import Request

from easyphoto.api.errors import TooBusy, TooLarge, TooSlow
from easyphoto.messages import text

SECONDS_FOR_A_BODY = 60.0
SECONDS_OF_SILENCE = 30.0
BYTES_A_SECOND = 50_000
"""Every 50 kB received add a second to the time limit: a phone with bad reception is no faster."""


@dataclass
class Held:
    """The bytes of one request."""

    room: RequestMemory
    taken: int = 0

    def take(self, bytes: int) -> None:
        """Raises TooBusy if all requests together would hold too much."""
        self.room.take(bytes)
        self.taken += bytes


@dataclass
class RequestMemory:
    """Counts the bytes held by all requests until each is answered."""

    most: int
    _held: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, bytes: int) -> None:
        with self._lock:
            if self._held + bytes > self.most:
                raise TooBusy(
                    text("There are too many requests at once."),
                    advice=text("Ask again in a moment, one picture after the other."),
                )
            self._held += bytes

    @contextmanager
    def held(self) -> Iterator[Held]:
        """Yield the bytes of one request, which are released when the context ends."""
        held = Held(self)
        try:
            yield held
        finally:
            with self._lock:
                self._held -= held.taken


async def counted(request: Request, most: int, held: Held) -> AsyncIterator[bytes]:
    """Yield the body in pieces. Raises TooLarge once it exceeds `most`, TooSlow, TooBusy."""
    pieces, began = request.stream().__aiter__(), time.monotonic()
    while True:
        left = began + SECONDS_FOR_A_BODY + held.taken / BYTES_A_SECOND - time.monotonic()
        try:
            piece = await asyncio.wait_for(pieces.__anext__(), min(left, SECONDS_OF_SILENCE))
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError as error:  # not a TimeoutError in Python 3.10
            raise TooSlow(
                text("The request came too slowly."), advice=text("Send it again over a better connection.")
            ) from error
        held.take(len(piece))
        if held.taken > most:
            raise too_large(most)
        yield piece


def too_large(most: int) -> TooLarge:
    return TooLarge(
        text("The request is too large."),
        advice=text(
            "At most {most} MB are accepted at once; send pictures one by one to /easyphoto/v1/uploads.",
            most=most // 1_000_000,
        ),
    )
