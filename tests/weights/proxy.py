"""A proxy on this machine that lets through, or refuses in the ways in which proxies do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FakeProxy:
    """`status` answers every request; with 200, a plain one is given `content` in its server's place."""

    status: int = 200
    reason: str = "OK"
    content: bytes = b""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and address, as they came."""
    secrets: list[str | None] = field(default_factory=list)
    """The header Proxy-Authorization of each request."""
    place: str = ""
    """HOST:PORT."""


@contextmanager
def running(proxy: FakeProxy) -> Iterator[FakeProxy]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            proxy.asked.append((self.command, self.path))
            proxy.secrets.append(self.headers.get("Proxy-Authorization"))
            self.send_response(proxy.status, proxy.reason)
            self.send_header("Content-Length", str(len(proxy.content)))
            self.end_headers()
            self.wfile.write(proxy.content)

        do_GET = do_CONNECT = do_POST = _answer  # the names are http.server's

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.place = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
