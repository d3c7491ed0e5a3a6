"""A job's events as a stream that browsers read by themselves."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
from starlette.concurrency import run_in_threadpool

from easyphoto.api.paths import told
from easyphoto.errors import UnknownJob
from easyphoto.jobs.own import OwnJobs
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import JobEvent
from easyphoto.messages import packed

MEDIA_TYPE = "text/event-stream"
# A compressing or buffering server in between would hold events back.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}
SECONDS_BETWEEN_LOOKS = 0.25
SECONDS_BETWEEN_SIGNS = 15.0


async def event_lines(
    queue: JobQueue | OwnJobs, id: str, after: int, *, is_gone: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """Every event after that number, as it happens, until the job is over or the client has gone.

    It looks instead of waiting in the queue, because a wait holds one of the few threads that the host shares with us.
    """
    quiet_since = time.monotonic()
    yield ": the events of one job\n\n"
    while not await is_gone():
        try:
            # Asked for in this order: what is told before the end is read after it is known.
            is_over = (await run_in_threadpool(queue.get, id)).state.is_over
            news = await run_in_threadpool(queue.events, id, after)
        except UnknownJob:
            return
        for event in news:
            yield event_text(event)
            after, quiet_since = event.number, time.monotonic()
        if is_over:
            return
        if time.monotonic() - quiet_since > SECONDS_BETWEEN_SIGNS:
            yield ": still here\n\n"
            quiet_since = time.monotonic()
        await anyio.sleep(SECONDS_BETWEEN_LOOKS)


def event_text(event: JobEvent) -> str:
    record = json.dumps(packed(told(event.record())), ensure_ascii=False)
    return f"id: {event.number}\nevent: {event.type}\ndata: {record}\n\n"
