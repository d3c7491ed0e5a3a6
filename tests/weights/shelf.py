"""A real HTTP server on this machine that can be told to misbehave, and small files for it to serve."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Manner = Callable[["Visit"], None]


@dataclass
class Shelf:
    """What the server says for each path: one manner after the other, the last one for ever. `asked` is what came."""

    manners: dict[str, list[Manner]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, path: str, *manners: Manner) -> str:
        """The URL under which it is served."""
        self.manners[path] = list(manners)
        return self.url + path

    def next_for(self, path: str, headers: dict[str, str]) -> Manner:
        with self._guard:
            self.asked.append((path, headers))
            manners = self.manners.get(path, [refuses(404)])
            return manners.pop(0) if len(manners) > 1 else manners[0]

    def ranges(self) -> list[str | None]:
        return [headers.get("range") for _, headers in self.asked]


@dataclass
class Visit:
    """One request, with the means to answer it."""

    handler: BaseHTTPRequestHandler
    shelf: Shelf

    @property
    def start(self) -> int:
        said = self.handler.headers.get("Range", "")
        return int(said.removeprefix("bytes=").removesuffix("-")) if said else 0

    def answer(self, status: int, body: bytes, **headers: Any) -> None:
        self.handler.send_response(status)
        for name, value in {"content_length": len(body), **headers}.items():
            if value is not None:
                self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()
        self.handler.wfile.write(body)
        self.handler.wfile.flush()


def gives(content: bytes, *, tag: str = '"one"', ranges: bool = True, slowly: float = 0.0, **more: Any) -> Manner:
    """A good server: knows ranges, and If-Range."""

    def manner(visit: Visit) -> None:
        if slowly:
            visit.shelf.closing.wait(slowly)
        start = visit.start if ranges and visit.handler.headers.get("If-Range", tag) == tag else 0
        if start >= len(content) and start:
            visit.answer(416, b"", content_range=f"bytes */{len(content)}")
        elif start:
            said = f"bytes {start}-{len(content) - 1}/{len(content)}"
            visit.answer(206, content[start:], content_range=said, etag=tag, **more)
        else:
            visit.answer(200, content, etag=tag, **more)

    return manner


def dies_after(count: int, content: bytes, *, tag: str = '"one"') -> Manner:
    """Promises everything from where it was asked, sends `count` bytes of it and hangs up."""

    def manner(visit: Visit) -> None:
        start = visit.start
        said = {"content_range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        body = content[start : start + count]
        visit.answer(206 if start else 200, body, content_length=len(content) - start, etag=tag, **said)

    return manner


def stalls_after(count: int, content: bytes, *, tag: str = '"one"') -> Manner:
    """Sends `count` bytes and then nothing, with the connection open."""

    def manner(visit: Visit) -> None:
        dies_after(count, content, tag=tag)(visit)
        visit.shelf.closing.wait(20)

    return manner


def refuses(status: int) -> Manner:
    return lambda visit: visit.answer(status, b"no")


def says(status: int, body: bytes, **headers: Any) -> Manner:
    return lambda visit: visit.answer(status, body, **headers)


def open_server() -> tuple[ThreadingHTTPServer, Shelf]:
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                shelf.next_for(self.path, headers)(Visit(self, shelf))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shelf.url = f"http://127.0.0.1:{server.server_address[1]}"
    # Looked at often, so that closing does not wait.
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server, shelf


def safetensors_bytes(count: int, fill: int = 7) -> bytes:
    """A whole safetensors file with one tensor of `count` bytes."""
    header = json.dumps({"a": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes([fill]) * count


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
