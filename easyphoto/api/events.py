"""A job's events as server-sent events, which browsers read natively."""

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
# A compressing or buffering proxy would hold events back.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}
SECONDS_BETWEEN_LOOKS = 0.25
SECONDS_BETWEEN_SIGNS = 15.0


async def event_lines(
    queue: JobQueue | OwnJobs, id: str, after: int, *, is_gone: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """Yield every event with a number above `after` as it happens, until the job is over or the client has gone.

    The queue is polled, because blocking in it would take one of the few threads that the host shares with the API.
    """
    quiet_since = time.monotonic()
    yield ": the events of one job\n\n"
    while not await is_gone():
        try:
            # In this order, so that events from before the end are not missed once the job is known to be over.
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
