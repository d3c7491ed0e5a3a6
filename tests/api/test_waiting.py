"""Unfinished requests: bounded in bytes over all of them and in time, on every connection."""

import asyncio
import json
import socket
import threading
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from fastapi import FastAPI

from easyphoto.api import connections, guard, routes, waiting
from easyphoto.api.connections import ImpatientProtocol
from easyphoto.api.errors import TooBusy
from easyphoto.api.routes import build_router
from easyphoto.api.waiting import RequestMemory
from tests.api.calls import V1, inline

ASKED = json.dumps(inline(1)).encode()


def ask(app, receive):
    """Status, headers and body of an answer to an upload that arrives as `receive` says."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": f"{V1}/uploads", "raw_path": b"",
        "query_string": b"", "root_path": "",
        "headers": [(b"content-type", b"application/json")], "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "app": app,
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(b"".join(each.get("body", b"") for each in sent[1:]))


@pytest.fixture
def app(workshop):
    app = FastAPI()
    app.include_router(build_router(workshop.service, accounts=None))
    return app


def test_all_requests_together_hold_no_more_than_is_allowed(workshop, monkeypatch):
    monkeypatch.setattr(routes, "MOST_HELD", len(ASKED) + 10)
    app = FastAPI()
    app.include_router(build_router(workshop.service, accounts=None))
    answers = []

    async def other():
        return {"type": "http.request", "body": b" " * 20, "more_body": False}

    assert ask(app, other)[0] == 422
    first = True

    async def receive():
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": ASKED[:-1], "more_body": True}
        # While this one is on its way another comes.
        answers.append(await asyncio.to_thread(ask, app, other))
        return {"type": "http.request", "body": ASKED[-1:], "more_body": False}

    assert ask(app, receive)[0] == 201
    status, headers, body = answers[0]
    assert (status, body["error"]["code"]) == (503, "TooBusy")
    assert headers[b"retry-after"] == b"5"
    assert headers[b"connection"] == b"close"
    # And what was held is given back.
    assert ask(app, other)[0] == 422


def test_a_room_takes_again_what_was_given_back():
    room = RequestMemory(10)
    with room.held() as held:
        held.take(8)
        with pytest.raises(TooBusy), room.held() as other:
            other.take(3)
        with room.held() as other:
            other.take(2)
    with room.held() as held:
        held.take(10)


def test_a_body_that_does_not_come_is_waited_for_no_longer(app, monkeypatch):
    monkeypatch.setattr(waiting, "SECONDS_OF_SILENCE", 0.05)

    async def receive():
        await asyncio.sleep(3600)

    status, headers, body = ask(app, receive)

    assert (status, body["error"]["code"]) == (408, "TooSlow")
    assert headers[b"connection"] == b"close"


@contextmanager
def served(app):
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=ImpatientProtocol, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


async def hello(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost:", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"]
)
def test_a_connection_whose_request_does_not_arrive_is_closed(monkeypatch, begun):
    for name, seconds in (("SECONDS_FOR_HEADERS", 0.2), ("SECONDS_FOR_A_BODY", 0.2), ("SECONDS_BETWEEN_LOOKS", 0.05)):
        monkeypatch.setattr(connections, name, seconds)

    async def waits(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    with served(waits) as address, socket.create_connection(address, timeout=20) as client:
        client.sendall(begun)
        with suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_a_connection_more_than_allowed_is_closed_and_the_others_are_served(monkeypatch):
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 1)

    with served(hello) as address, socket.create_connection(address, timeout=20) as first:
        first.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert first.recv(12) == b"HTTP/1.1 200"
        with socket.create_connection(address, timeout=20) as second:
            try:
                second.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert second.recv(12) == b""
            except (ConnectionResetError, BrokenPipeError):
                pass


def test_the_bounds_fit_each_other():
    assert guard.MOST_BODY <= guard.MOST_HELD
