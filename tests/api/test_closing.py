"""A server that is told to end does so while we still answer: uvicorn itself, without a limit to its patience."""

import asyncio
import http.client
import json
import threading
from contextlib import contextmanager

import pytest
import uvicorn

from easyphoto.api.closing import ClosesInTime
from easyphoto.cli.server import build_app, open_port
from tests.api.calls import V1, photos

MOST_SECONDS = 20
"""On a busy machine; it takes less than two. Without the mend it is as long as a job lasts."""


@contextmanager
def served(service):
    """The server in its thread, and the port; its thread has ended when this is left."""
    app = build_app(service, tabs=False)
    server = uvicorn.Server(uvicorn.Config(ClosesInTime(app, lambda: server.should_exit), log_level="error"))
    with open_port("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield server, thread, listening.getsockname()[1]
        finally:
            server.force_exit = server.should_exit = True
            thread.join()


@pytest.fixture
def working(workshop):
    """A service with a training that goes on until somebody ends it."""
    workshop.trainer.gate.clear()
    yield workshop
    workshop.trainer.gate.set()


def ended_in_time(server, thread):
    server.should_exit = True
    thread.join(MOST_SECONDS)
    return not thread.is_alive()


def posted(port, path, body):
    """A request whose answer has not come yet."""
    call = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    call.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return call


def test_the_events_of_a_job_that_goes_on_end_with_the_server_and_are_whole(working):
    with served(working.service) as (server, thread, port):
        job = json.loads(posted(port, f"{V1}/train", {"name": "anna", "photos": photos(5)}).getresponse().read())
        assert working.trainer.begun.wait(30)
        call = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        call.request("GET", f"{V1}/jobs/{job['id']}/events")
        events = call.getresponse()
        while not events.readline().startswith(b"data: "):
            pass

        assert ended_in_time(server, thread)

        # Read to its proper end: a browser asks again, for what comes after the last whole event.
        assert events.read().endswith(b"\n\n")
        assert not working.service.queue.get(job["id"]).state.is_over


def test_a_client_of_2023_that_waits_for_its_training_is_told_and_the_training_goes_on(working):
    with served(working.service) as (server, thread, port):
        call = posted(port, "/easyphoto/easyphoto_train_forward", {"user_id": "anna", "instance_images": five_photos()})
        assert working.trainer.begun.wait(30)

        assert ended_in_time(server, thread)

        answer = call.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (503, "ServerCloses")
        (job,) = working.service.queue.list()
        assert not job.state.is_over


@pytest.mark.parametrize("path", ["uploads", "persons:import"])
def test_a_body_that_does_not_come_to_its_end_holds_nothing(workshop, path):
    kind = {"uploads": "application/json", "persons:import": "application/zip"}[path]
    with served(workshop.service) as (server, thread, port):
        call = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        call.putrequest("POST", f"{V1}/{path}")
        call.putheader("Content-Type", kind)
        call.putheader("Content-Length", "1000")
        call.endheaders()
        call.send(b'{"files": [')
        other = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        other.request("GET", f"{V1}/jobs")
        assert other.getresponse().read() == b'{"jobs":[],"next":null}'

        assert ended_in_time(server, thread)

        # Told that the server closes, or, where nothing was read yet, that the body was cut off.
        assert call.getresponse().status in (503, 400)
        # Nothing of it is left lying about.
        assert list(workshop.root.rglob("*.zip")) == []


def test_one_task_looks_after_all_open_requests_and_goes_with_the_last():
    """Each open page has a request that never ends."""
    is_closing = asyncio.Event()

    async def endless(scope, receive, send):
        await asyncio.Event().wait()

    def looking():
        return [task for task in asyncio.all_tasks() if task.get_coro().__name__ == "_cut"]

    async def served():
        app = ClosesInTime(endless, is_closing.is_set)
        for _ in range(2):
            pages = [asyncio.create_task(app({"type": "http"}, nothing, nothing)) for _ in range(10)]
            await asyncio.sleep(0)
            assert len(looking()) == 1
            is_closing.set()
            await asyncio.wait_for(asyncio.gather(*pages), MOST_SECONDS)
            is_closing.clear()
        await asyncio.wait(looking() or [asyncio.create_task(nothing())], timeout=MOST_SECONDS)
        return looking()

    assert asyncio.run(served()) == []


async def nothing(*_):
    return None


def five_photos():
    return [photo["data"] for photo in photos(5)]
