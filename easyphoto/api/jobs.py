"""Jobs over HTTP: list, show, follow, download files, cancel, forget."""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeAlias

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from easyphoto.api.answers import job_answer, job_summary
from easyphoto.api.errors import BadRequest
from easyphoto.api.events import HEADERS, MEDIA_TYPE, event_lines
from easyphoto.api.schemas import JobAnswer, JobsAnswer, KindName
from easyphoto.api.sending import file_answer
from easyphoto.errors import UnknownJob
from easyphoto.jobs.listing import JobFilter, Place, page_of
from easyphoto.jobs.records import State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.storage.records import utc_written

# A report opens in the host's own origin; it needs only its own style and pictures.
SEALED = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'"

MOST_USUALLY, MOST_LISTED = 50, 500
States: TypeAlias = list[State]
Kinds: TypeAlias = list[KindName]  # type: ignore[valid-type]  # a value, from the commands
STATE = Query(None, description="Only jobs in one of these states; may be named several times.")
KIND = Query(None, description="Only jobs of these kinds, such as `train`; may be named several times.")
PERSON = Query(None, max_length=200, description="Only jobs about the person of this id.")
SINCE = Query(None, description="Only jobs asked for at that time or later; without a zone it is UTC.")
LIMIT = Query(MOST_USUALLY, ge=1, le=MOST_LISTED, description="How many jobs a page has at most.")
CURSOR = Query(None, max_length=200, description="Where the page begins: what `next` of the page before says.")


@dataclass(frozen=True)
class JobRoutes:
    service: Service

    def list(
        self,
        request: Request,
        state: States | None = STATE,
        kind: Kinds | None = KIND,
        person: str | None = PERSON,
        since: datetime | None = SINCE,
        limit: int = LIMIT,
        cursor: str | None = CURSOR,
    ) -> JobsAnswer:
        """Jobs in short, newest first. A page begins after the job that the one before ended with, so that none is
        missing or comes twice when others arrive meanwhile.
        """
        after = None if since is None else written_time(since, request.query_params["since"])
        wanted = JobFilter(frozenset(state or ()), frozenset(kind or ()), person, after)
        before = None if cursor is None else place_in(cursor)
        page, last = page_of(self.service.queue.list(), wanted, limit, before=before)
        return JobsAnswer(jobs=[job_summary(job) for job in page], next=None if last is None else "~".join(last))

    def get(self, id: str) -> JobAnswer:
        """The job with what was asked for and what came of it."""
        return job_answer(self.service.queue.get(id))

    async def events(
        self,
        id: str,
        request: Request,
        after: int = Query(0, ge=0, le=2**53, description="Number of the last event known."),
    ) -> Response:
        """Server-sent events, each with its number as id; the stream ends when the job is over.

        `Last-Event-ID`, which browsers send when they reconnect, takes precedence over `after`. The answer is 204 if
        the job is over and there is no event after that number.
        """
        queue = self.service.queue
        after = last_event(request.headers.get("last-event-id"), after)
        job = await run_in_threadpool(queue.get, id)
        if job.state.is_over and not await run_in_threadpool(queue.events, id, after):
            return Response(status_code=204)
        return StreamingResponse(
            event_lines(queue, id, after, is_gone=request.is_disconnected), headers=HEADERS, media_type=MEDIA_TYPE
        )

    def file(self, id: str, name: str) -> StreamingResponse:
        """A file that the job's record names: a preview, a picture, the report."""
        path = self.service.queue.file(id, name)
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": SEALED}
        return file_answer(
            path, headers=headers, gone=UnknownJob(text("The file {name!r} of the job {id} is gone.", name=name, id=id))
        )

    def end(
        self, id: str, forget: bool = Query(False, description="Delete the job, which must be over, with its files.")
    ) -> JobAnswer:
        """Cancel the job; one that waits is cancelled at once. With `forget` a job that is over is deleted."""
        if not forget:
            return job_answer(self.service.queue.cancel(id))
        job = self.service.queue.get(id)
        self.service.queue.forget(id)
        return job_answer(job)


def place_in(cursor: str) -> Place:
    """Raises BadRequest for what is no cursor."""
    created, found, id = cursor.partition("~")
    if not (found and created and id):
        raise BadRequest(text("There is no such page."), advice=text("Send what `next` of a page says, or nothing."))
    return created, id


def written_time(time: datetime, sent: str) -> str:
    """Return the time as records write it; one without a zone is UTC. Raises BadRequest for a number.

    pydantic takes those for seconds or milliseconds since 1970, whichever it finds more likely.
    """
    if "-" not in sent[1:]:
        raise BadRequest(text("{sent!r} is no time.", sent=sent), advice=text("Send one as 2026-01-31T12:00:00Z."))
    try:
        moment = time.replace(tzinfo=time.tzinfo or timezone.utc).astimezone(timezone.utc)
    except OverflowError:  # within a day of the calendar's ends, where the zone makes no difference to any job
        moment = time.replace(tzinfo=timezone.utc)
    return utc_written(moment, milliseconds=True)


def last_event(header: str | None, after: int) -> int:
    """Return the number of the last event known. Raises BadRequest if the header is not a number."""
    if header is None or not header.strip():
        return after
    if not (header.strip().isascii() and header.strip().isdecimal() and len(header) < 17):
        raise BadRequest(
            text("Last-Event-ID is not a number."), advice=text("Send the id of the last event, or nothing.")
        )
    return int(header)
