"""The front door: checks every request of the standalone server, and the API's requests inside a web UI.

A page on the internet can send requests to this machine's address, and can point a host name of its own at this
machine. Both are refused: the Host header must name this server, and a request that changes something must come from
its own page.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from easyphoto.api.errors import ForeignOrigin, error_answer
from easyphoto.api.guard import READING, check_account
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.askers import ACCOUNT_IN_SCOPE
from easyphoto.messages import text

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
DEFAULT_PORTS = {"http": "80", "https": "443"}
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Visit:
    """What is known of a request before its body is read."""

    headers: Mapping[str, str]
    """Keys are in lower case."""
    is_change: bool


@dataclass(frozen=True)
class StandaloneCheck:
    accounts: Mapping[str, str] | None = None
    hosts: frozenset[str] | None = None
    """Host names that the server answers to; None: every one."""

    def __call__(self, visit: Visit) -> str | None:
        """Check a request as `FrontDoor.check`. Raises ForeignOrigin, Unauthorised."""
        check_host(visit.headers.get("host", ""), self.hosts)
        check_origin(visit.headers, is_change=visit.is_change)
        return check_account(visit.headers.get("authorization"), self.accounts)


@dataclass(frozen=True)
class FrontDoor:
    app: Callable[[Scope, Receive, Send], Awaitable[None]]
    check: Callable[[Visit], str | None]
    """Returns the account's name if there are accounts. Raises an EasyPhotoError to refuse the request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            account = self.check(Visit(headers, scope["type"] == "websocket" or scope["method"] not in READING))
        except EasyPhotoError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await error_answer(error)(scope, receive, send)
            return
        await self.app({**scope, ACCOUNT_IN_SCOPE: account}, receive, unframed(send))


def unframed(send: Send) -> Send:
    """Forbid other sites to show these pages in a frame, where clicks could be hijacked."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]}
        await send(message)

    return sending


def check_host(host: str, hosts: frozenset[str] | None) -> None:
    """Raises ForeignOrigin for a foreign host name, such as another site's that points at this machine."""
    if hosts is not None and without_port(host) not in hosts:
        raise ForeignOrigin(
            text("This server does not answer to the name {host!r}.", host=host[:100]),
            advice=text("Open it as {hosts}, or set up an account.", hosts=" or ".join(sorted(hosts))),
        )


def check_origin(headers: Mapping[str, str], *, is_change: bool = True) -> None:
    """Raises ForeignOrigin if a browser says that the request comes from another site's page.

    Programs send no such headers and are accepted. Reading is also allowed by a link on another site, which sends no
    origin; a script of that site sends one.
    """
    origin, host = headers.get("origin"), headers.get("host", "").lower()
    is_ours = origin is None or with_port(origin.lower()) == with_port(f"{origin.split('://')[0].lower()}://{host}")
    if not is_ours or (is_change and headers.get("sec-fetch-site") == "cross-site"):
        raise ForeignOrigin(
            text("The request came from a page of another site."), advice=text("Use this server's own page.")
        )


def without_port(host: str) -> str:
    name = host.lower()
    return name[: name.index("]") + 1] if name.startswith("[") and "]" in name else name.split(":")[0]


def with_port(origin: str) -> str:
    """Return `http://name` as `name:80`; anything but an address, like "null", is returned unchanged."""
    scheme, found, place = origin.partition("://")
    if not found:
        return origin
    name = without_port(place)
    port = place[len(name) :].removeprefix(":") or DEFAULT_PORTS.get(scheme, "")
    return f"{name}:{port}"
