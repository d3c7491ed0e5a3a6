"""The standalone page's access control: which of gradio's routes are open, to whom, and for which files.

Gradio serves more than a page needs (files of the working directory, proxied URLs, recordings), and accepts any path in
an event as an upload. Here only the routes that the page uses are open, and an event may only name uploads of the same
visitor. Inside a web UI the host controls access; there only `ui.client_files` guards the files.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from easyphoto.jobs.askers import ACCOUNT_IN_SCOPE, Requester, browser_digest
from easyphoto.jobs.uploads import MOST_ARCHIVE
from easyphoto.ui.editions import Editions, speaking
from easyphoto.ui.exports import is_for
from easyphoto.ui.visitors import ASKER_IN_SCOPE, COOKIE, new_token, token_in

OURS = "/easyphoto/"
"""The API's routes, which are guarded separately."""
MOST_EVENT = 64_000_000
"""Limit for an event in bytes; the page's own have less than a tenth of it."""
MOST_REMEMBERED = 20_000
"""Number of uploads whose owner is remembered; a page must upload a forgotten one again."""
MOST_UPLOAD = MOST_ARCHIVE + 1_000_000
"""In bytes, with the form around the file."""
_UPLOAD, _EVENT, _FILE = "/upload", re.compile(r"/(?:run|api)/[^/]+/?"), "/file="
_OPEN = {
    "GET": re.compile(
        r"/|/(?:config|info|theme\.css|favicon\.ico|manifest\.json|app_id|upload_progress)/?"
        r"|/(?:static|assets|svelte)/.*|/heartbeat/\w+|/file=.*"
    ),
    "POST": re.compile(rf"{_UPLOAD}|{_EVENT.pattern}|/reset/?"),
}
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class PageDoor:
    app: Callable[[Scope, Receive, Send], Awaitable[None]]
    folder: Path
    """Gradio's folder for uploads."""
    editions: Editions
    brought: OrderedDict[str, Requester] = field(default_factory=OrderedDict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self.editions.within(str(scope.get("path", ""))).startswith(OURS):
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            # Gradio 3's queue is a web socket, which the page does not use.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._opened(scope, receive, send)

    async def _opened(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"].replace("HEAD", "GET")
        path = self.editions.within(scope["path"]).removeprefix("/gradio_api") or "/"
        token = token_in(Request(scope))
        if token is None:
            token = new_token()
            send = _remembered(send, token)
        asker = Requester(scope.get(ACCOUNT_IN_SCOPE), browser_digest(token))
        scope = {**scope, ASKER_IN_SCOPE: asker}
        elsewhere = self.editions.answer(Request(scope))
        if elsewhere is not None:
            await elsewhere(scope, receive, send)
        elif method not in _OPEN or _OPEN[method].fullmatch(path) is None:
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
        elif path.startswith(_FILE):
            is_theirs = await run_in_threadpool(self._may_see, path.removeprefix(_FILE), asker)
            await (self.app if is_theirs else PlainTextResponse("Forbidden", 403))(scope, receive, send)
        elif path == "/" and scope["method"] == "GET":
            await self.app(_uncompressed(scope), receive, _spoken(send, self.editions.tag(scope["path"])))
        elif method == "GET":
            await self.app(scope, receive, send)
        elif (length := length_of(scope)) is None or length > (MOST_UPLOAD if path == _UPLOAD else MOST_EVENT):
            await PlainTextResponse("Too large, or of unknown length.", 413)(scope, receive, send)
        else:
            await (self._upload if path == _UPLOAD else self._event)(scope, receive, send, asker)

    def _may_see(self, name: str, asker: Requester) -> bool:
        """Return whether it is the visitor's upload, or a file made for a page, whose name cannot be guessed."""
        try:
            root, path = os.path.realpath(self.folder), os.path.realpath(name)
            is_file = path.startswith(os.path.join(root, "")) and stat.S_ISREG(os.lstat(path).st_mode)
        except (OSError, ValueError):
            return False
        return is_file and self.brought.get(path, asker) == asker and is_for(Path(path), asker.tag)

    async def _upload(self, scope: Scope, receive: Receive, send: Send, asker: Requester) -> None:
        """Answer only when the owner of the paths is recorded: gradio may move the files after its answer."""
        told: list[MutableMapping[str, Any]] = []

        async def hearing(message: MutableMapping[str, Any]) -> None:
            told.append(message)

        await self.app(scope, receive, hearing)
        if told and told[0].get("status") == 200:
            self._remember(b"".join(each.get("body", b"") for each in told), asker)
        for each in told:
            await send(each)

    def _remember(self, answer: bytes, asker: Requester) -> None:
        for path in map(os.path.realpath, json.loads(answer)):
            self.brought[path] = asker
            self.brought.move_to_end(path)
        while len(self.brought) > MOST_REMEMBERED:
            self.brought.popitem(last=False)

    async def _event(self, scope: Scope, receive: Receive, send: Send, asker: Requester) -> None:
        body = b"".join([piece async for piece in _pieces(receive)])
        try:
            is_theirs = await run_in_threadpool(self._brought_all, body, asker)
        except (ValueError, RecursionError):
            await PlainTextResponse("This is no event.", 400)(scope, receive, send)
            return
        if is_theirs:
            await self.app(scope, _again(body, receive), send)
        else:
            await PlainTextResponse("This file did not come in through this page.", 403)(scope, receive, send)

    def _brought_all(self, event: bytes, asker: Requester) -> bool:
        """Return whether the visitor uploaded all files of the event. Raises ValueError, RecursionError
        for bad JSON.
        """
        return all(self.brought.get(os.path.realpath(str(name))) == asker for name in claims_in(json.loads(event)))


def claims_in(event: Any) -> Iterator[Any]:
    """Yield everything in an event that any version of gradio could take for a file's path."""
    if isinstance(event, Mapping):
        if "path" in event:
            yield event["path"]
        if "is_file" in event or {"name", "data"} <= event.keys():
            yield event.get("name")
        for value in event.values():
            yield from claims_in(value)
    elif isinstance(event, list):
        for value in event:
            yield from claims_in(value)


def _remembered(send: Send, token: str) -> Send:
    """Set the cookie in the answer; scripts cannot read it (HttpOnly), other sites do not send it (SameSite)."""
    cookie = f"{COOKIE}={token}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"set-cookie", cookie.encode("ascii"))]}
        await send(message)

    return sending


def _uncompressed(scope: Scope) -> Scope:
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]}


def _spoken(send: Send, tag: str) -> Send:
    """Send gradio's page, which comes whole, in the edition's language."""
    began: list[MutableMapping[str, Any]] = []
    body = bytearray()

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] != "http.response.body":
            began.append(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        html = speaking(bytes(body), tag)
        for start in began:
            headers = [(name, value) for name, value in start.get("headers", ()) if name != b"content-length"]
            await send({**start, "headers": [*headers, (b"content-length", str(len(html)).encode())]})
        await send({**message, "body": html})

    return sending


def length_of(scope: Scope) -> int | None:
    """Return the declared length of the body, which the server enforces."""
    said = next((value for name, value in scope["headers"] if name.lower() == b"content-length"), b"")
    return int(said) if said.isdigit() else None


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that repeats the body, then continues with `receive`."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return receiving
