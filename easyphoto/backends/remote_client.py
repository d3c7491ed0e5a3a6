"""An HTTP client for a remote web UI: one address, JSON in and out, time limits, and errors that say what to do.

It uses the standard library, which is always available; of httpx and httpx2 a machine may have either or none. The most
important property, that a painting is never requested twice, is easiest to verify if every connection is opened here
and closed after one answer.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from easyphoto.backends.remote_refusals import Gone, behind, broken, refusal, sent_on, too_large, unreachable
from easyphoto.errors import BackendUnreachable, InputError
from easyphoto.messages import text
from easyphoto.storage.files import cause_of
from easyphoto.weights.proxies import LOOPBACK, Proxy, blocked, is_refused, proxy_for, proxy_handler, refused, unusable

ROOM = 32 << 20
"""Most bytes of an answer without pictures; the list of LoRAs includes every file's metadata."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class RequestLimits:
    """Time limits and retries for requests to a web UI."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    """For every request but a painting."""
    paint_seconds: float = 3600.0
    """For a painting, which may wait in the host's queue; meanwhile the host is polled to see whether it is alive."""
    tries: int = 3
    """Attempts of a request that is safe to repeat."""
    pause_seconds: float = 1.0
    poll_seconds: float = 1.0
    dead_polls: int = 5
    """Consecutive unanswered polls after which a painting is given up."""
    stop_seconds: float = 30.0
    """How long a cancel keeps interrupting the host before it gives up."""


@dataclass(frozen=True)
class Address:
    """A web UI's URL and the credentials for it. The credentials never appear in its repr."""

    url: str
    secret: str = field(default="", repr=False)
    """`user:password`; empty if none."""

    @property
    def is_open_to_listeners(self) -> bool:
        """Whether a password would leave this machine unencrypted."""
        parts = urlsplit(self.url)
        return bool(self.secret) and parts.scheme == "http" and parts.hostname not in LOOPBACK


def address_from(written: str, auth: str | None = None) -> Address:
    """Parse `http://host:7860`, with credentials before the host (`user:password@`) or in `auth`. Raises InputError."""
    advice = text("Give it as http://HOST:PORT, with --backend-auth USER:PASSWORD if it asks for them.")
    try:
        parts = urlsplit(written.strip())
        port = parts.port
    except ValueError:
        # The text may hold a password, so the error does not repeat it.
        raise InputError(text("That is not a web address."), advice=advice) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InputError(text("That is not a web address."), advice=advice)
    secret = auth or ""
    if not secret and parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    if secret and (":" not in secret or secret.startswith(":")):
        raise InputError(
            text("The web UI's name and password are incomplete."), advice=text("Write them as USER:PASSWORD.")
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = f"{host}:{port}" if port else host
    return Address(f"{parts.scheme}://{place}{parts.path.rstrip('/')}", secret)


class _NotConnected(OSError):
    """The connection failed before anything was sent."""


class _Plain(http.client.HTTPConnection):
    connect_seconds = 10.0

    def connect(self) -> None:
        _connected(self, super().connect)


class _Encrypted(http.client.HTTPSConnection):
    connect_seconds = 10.0

    def connect(self) -> None:
        _connected(self, super().connect)


def _connected(connection: Any, connect: Any) -> None:
    """Connect with `connect_seconds`, then set the request's own time-out. urllib has only one time-out, but a host
    that is off should be noticed sooner than a host that paints."""
    patience, connection.timeout = connection.timeout, connection.connect_seconds
    try:
        connect()
    except OSError as error:
        raise _NotConnected(_words(error)) from error
    connection.sock.settimeout(patience)


class _Plainly(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Plain, req)


class _Encryptedly(urllib.request.HTTPSHandler):
    def __init__(self) -> None:
        # The system's certificates, or those of SSL_CERT_FILE; host names are checked.
        self._trust = ssl.create_default_context()
        super().__init__(context=self._trust)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Encrypted, req, context=self._trust)


class _SentOn(Exception):
    pass


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: a web UI's API never redirects, so a redirect leads to a login page or leaks the password."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        raise _SentOn(newurl)


class WebUi:
    """A client of one web UI. Thread-safe."""

    def __init__(self, address: Address, patience: RequestLimits | None = None) -> None:
        self.address = address
        self.patience = patience or RequestLimits()
        through, self._proxy = proxy_handler(address.url), proxy_for(address.url)
        self._opener = urllib.request.build_opener(through, _Plainly(), _Encryptedly(), _NoRedirects())

    def get(self, path: str, *, tries: int | None = None, room: int = ROOM) -> Any:
        """GET `path` and return the parsed JSON; retried if the connection fails. `room` is the most bytes of the
        answer.

        Raises BackendUnreachable, BackendError.
        """
        for attempt in reversed(range(tries or self.patience.tries)):
            try:
                return self._ask(path, None, seconds=self.patience.read_seconds, room=room)
            except BackendUnreachable:
                if not attempt:
                    raise
            time.sleep(self.patience.pause_seconds)
        raise AssertionError("there is at least one try")

    def get_or_none(self, path: str) -> Any:
        """Like `get`, but None on 404: the web UI lacks an extension or is too old."""
        try:
            return self.get(path)
        except Gone:
            return None

    def post(self, path: str, content: dict[str, Any], *, seconds: float | None = None, room: int = ROOM) -> Any:
        """POST `content` as JSON and return the parsed answer. Retried only if connecting failed: never sent twice."""
        for attempt in reversed(range(self.patience.tries)):
            try:
                return self._ask(path, content, seconds=seconds or self.patience.read_seconds, room=room)
            except BackendUnreachable as error:
                if not attempt or not isinstance(error.__cause__, _NotConnected):
                    raise
            time.sleep(self.patience.pause_seconds)
        raise AssertionError("there is at least one try")

    def _ask(self, path: str, content: dict[str, Any] | None, *, seconds: float, room: int) -> Any:
        proxy = self._proxy
        if proxy is not None and proxy.is_socks:
            raise behind(self.address.url, proxy, unusable(proxy))
        try:
            with self._opener.open(self._request(path, content), timeout=seconds) as response:
                body = self._read(path, response, room)
        except urllib.error.HTTPError as error:
            if proxy is not None and is_refused(error.code):
                raise behind(self.address.url, proxy, refused(proxy, error.code, error.reason)) from None
            raise refusal(self.address.url, path, error.code, _body_of(error), self.address.secret) from None
        except _SentOn as error:
            raise sent_on(self.address.url, str(error)) from None
        except urllib.error.URLError as error:
            reason = error.reason if isinstance(error.reason, OSError) else OSError(str(error.reason))
            raise self._unreachable(reason, proxy) from reason
        except (http.client.HTTPException, OSError) as error:
            raise self._unreachable(error, proxy) from error
        try:
            return json.loads(body) if body else None
        except (ValueError, RecursionError):
            raise broken(self.address.url, path) from None

    def _unreachable(self, error: Exception, proxy: Proxy | None) -> BackendUnreachable:
        if proxy is None or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return unreachable(self.address.url, _words(error))
        return behind(self.address.url, proxy, blocked(proxy, error))

    def _request(self, path: str, content: dict[str, Any] | None) -> urllib.request.Request:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.address.url + path, body, {"Accept": "application/json"})
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self.address.secret:
            coded = base64.b64encode(self.address.secret.encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {coded}")
        return request

    def _read(self, path: str, response: Any, room: int) -> bytes:
        said = response.headers.get("Content-Length", "")
        if said.isdecimal() and int(said) > room:
            raise too_large(self.address.url, path)
        blocks: list[bytes] = []
        while block := response.read(_BLOCK):
            blocks.append(block)
            if len(blocks) * _BLOCK > room + _BLOCK:
                raise too_large(self.address.url, path)
        whole = b"".join(blocks)
        if said.isdecimal() and len(whole) < int(said):
            raise http.client.IncompleteRead(whole[:0])
        return whole


def _body_of(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(1 << 16)
    except (http.client.HTTPException, OSError):
        return b""


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return text("no answer in time")
    return cause_of(error)
