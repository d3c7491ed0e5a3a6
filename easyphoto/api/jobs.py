"""Jobs over HTTP: list, show, follow, download files, cancel, forget."""

from dataclasses import dataclass

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from easyphoto.api.answers import job_answer
from easyphoto.api.errors import BadRequest
from easyphoto.api.events import HEADERS, MEDIA_TYPE, event_lines
from easyphoto.api.schemas import JobAnswer, JobsAnswer
from easyphoto.api.sending import file_answer
from easyphoto.errors import UnknownJob
from easyphoto.jobs.service import Service
from easyphoto.messages import text

# A report opens in the host's own origin; it needs only its own style and pictures.
SEALED = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class JobRoutes:
    service: Service

    def list(self) -> JobsAnswer:
        """Every job of the workspace, newest first."""
        return JobsAnswer(jobs=[job_answer(job) for job in self.service.queue.list()])

    def get(self, id: str) -> JobAnswer:
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


def last_event(header: str | None, after: int) -> int:
    """Return the number of the last event known. Raises BadRequest if the header is not a number."""
    if header is None or not header.strip():
        return after
    if not (header.strip().isascii() and header.strip().isdecimal() and len(header) < 17):
        raise BadRequest(
            text("Last-Event-ID is not a number."), advice=text("Send the id of the last event, or nothing.")
        )
    return int(header)
