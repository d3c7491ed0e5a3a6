"""The standalone server, without a web UI: tabs and API on one address."""

from __future__ import annotations

import errno
import gc
import importlib.util
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easyphoto.errors import DiskFailure, EnvironmentFailure, InputError
from easyphoto.jobs.hourly import Hourly
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.storage.files import cause_of
from easyphoto.storage.scratch import abandoned, clear, held_folder

if TYPE_CHECKING:
    from fastapi import FastAPI

LOOPBACK_ADDRESSES = ("127.0.0.1", "::1", "localhost")
SECONDS_TO_CLOSE = 3
MOST_PORT = 65535
GRADIO_FOLDER = "GRADIO_TEMP_DIR"
NO_PROXY = ("no_proxy", "NO_PROXY")
INDEX = (
    "<!doctype html><meta charset=utf-8><title>EasyPhoto</title><h1>EasyPhoto</h1>"
    "<p>The tabs need gradio: <code>pip install easyphoto[ui]</code>. "
    "The API is described by <a href=/easyphoto/v1/openapi.json>its OpenAPI document</a>.</p>"
)


def build_app(
    service: Service,
    accounts: Mapping[str, str] | None = None,
    *,
    hosts: frozenset[str] | None = None,
    tabs: bool = True,
) -> FastAPI:
    """Build the application; `hosts` are the host names that it answers to, None: every one."""
    from easyphoto.api.front import FrontDoor, StandaloneCheck

    app = _with_tabs(service, accounts) if tabs and _has_tabs() else _without_tabs(service, accounts, says_why=tabs)
    # The middleware added last runs first.
    check = StandaloneCheck(accounts, hosts)
    app.add_middleware(FrontDoor, check=check)  # type: ignore[arg-type,unused-ignore]
    return app


def serve(
    service: Service,
    accounts: Mapping[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 7870,
    without_accounts: bool = False,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted.

    Raises InputError for a network address without accounts, EnvironmentFailure if the port is taken. `ready` is called
    with the address as soon as the port is open.
    """
    is_local = host in LOOPBACK_ADDRESSES
    if not (is_local or accounts or without_accounts):
        raise InputError(
            text("Anybody on the network of {host} could see and change every person.", host=host),
            advice=text("Add --auth user:password, or --without-auth if this is what you want."),
        )
    with page_folder(service.app.workspace.page), closing(open_port(host, port)) as listening:
        # The port is open before the tabs are made, which takes seconds: one that is taken is said at once.
        with uncollected():
            uvicorn = _uvicorn()
            from easyphoto.api.closing import ClosesInTime
            from easyphoto.api.connections import ImpatientProtocol
            from easyphoto.api.front import LOOPBACK

            # On loopback, refuse host names that another site points here. With accounts such a name has no login and
            # is refused for that.
            app = build_app(service, accounts, hosts=LOOPBACK if is_local and not accounts else None)
        hourly = Hourly(service.sweep)
        try:
            if ready is not None:
                ready(address_of(host, listening))
            options = {"log_level": "warning", "timeout_graceful_shutdown": SECONDS_TO_CLOSE, "http": ImpatientProtocol}
            in_time = ClosesInTime(app, lambda: bool(server.should_exit))
            server = uvicorn.Server(uvicorn.Config(in_time, **options))
            server.run(sockets=[listening])
        finally:
            hourly.close()
            service.close()


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python's garbage collector away from what a start makes, which all stays.

    It would look through it again and again while it grows, for a third of the start's processor time, and at each
    full collection ever after.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def page_folder(folder: Path) -> Iterator[Path]:
    """Give gradio a folder for uploads and results below `folder`, which lives as long as the server.

    Gradio reads the location when its components are created; the default is the system's temporary folder. What a
    killed server left behind is removed by the next one.
    """
    for left in abandoned(folder):
        with suppress(DiskFailure):
            clear(folder.parent, left)
    before = os.environ.get(GRADIO_FOLDER)
    with held_folder(folder) as own:
        os.environ[GRADIO_FOLDER] = str(own)
        try:
            yield own
        finally:
            _put_back(GRADIO_FOLDER, before)


def _put_back(variable: str, before: str | None) -> None:
    if before is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = before


def open_port(host: str, port: int) -> socket.socket:
    """Bind and listen. Raises EnvironmentFailure; uvicorn would end the process instead."""
    if not 0 <= port <= MOST_PORT:
        # The system would silently take a larger number modulo 65536.
        raise InputError(
            text("There is no port {port}.", port=port),
            advice=text("Choose a --port up to {most_port}; 0 takes a free one.", most_port=MOST_PORT),
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        # On Windows the option lets two servers share a port; elsewhere it only allows a port that was just closed.
        if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # Listening now lets early clients wait a moment instead of being refused.
        listening.listen()
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise EnvironmentFailure(
                text("The port {port} is in use by another program, or by another EasyPhoto.", port=port),
                advice=text("Choose another --port; 0 takes a free one."),
            ) from error
        raise EnvironmentFailure(
            text("{host}:{port} cannot be opened: {cause}.", host=host, port=port, cause=cause_of(error)),
            advice=text("Choose another --port; 0 takes a free one."),
        ) from error
    return listening


def address_of(host: str, listening: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}/"


def _without_tabs(service: Service, accounts: Mapping[str, str] | None, *, says_why: bool) -> FastAPI:
    """Return the API, with a page at the root that says why there are no tabs."""
    from fastapi.responses import HTMLResponse

    from easyphoto.api.application import build_api

    app = build_api(service, accounts)
    if says_why:
        app.add_api_route("/", lambda: HTMLResponse(INDEX), include_in_schema=False)
    return app


def _with_tabs(service: Service, accounts: Mapping[str, str] | None) -> FastAPI:
    """Return the page at the root; its other languages and the API are built when they are first asked for."""
    from fastapi import FastAPI

    from easyphoto.api.deferred import DeferredRoutes
    from easyphoto.ui.editions import Editions

    def api() -> FastAPI:
        from easyphoto.api.application import build_api

        return build_api(service, accounts)

    editions = Editions(service.facts().language)
    with _without_proxies():
        from easyphoto.ui.door import PageDoor
        from easyphoto.ui.mounting import mounted_page

        root = mounted_page(service, editions.at_root, "")
    app = FastAPI(openapi_url=None)
    # The first route that fits answers, and the root fits everything. Below the page in another language, whose address
    # somebody may have completed, the API says that it is not there.
    others = editions.below_root
    app.router.routes.append(DeferredRoutes(api, "/easyphoto", *(f"{path}/easyphoto" for path in others.values())))
    for language, path in others.items():
        app.router.routes.append(DeferredRoutes(partial(mounted_page, service, language, path), path))
    app.mount("", root)
    app.add_middleware(PageDoor, folder=root.folder, editions=editions)  # type: ignore[arg-type,unused-ignore]
    return app


@contextmanager
def _without_proxies() -> Iterator[None]:
    """Hide the environment's proxies while gradio is imported and builds the page.

    It makes HTTP clients at its import, and httpx raises for a proxy that it cannot use, such as a SOCKS proxy without
    a package of its own. The page asks for nothing elsewhere; what does, such as a download, sees the proxies.
    """
    before = {name: os.environ.get(name) for name in NO_PROXY}
    os.environ.update(dict.fromkeys(NO_PROXY, "*"))
    try:
        yield
    finally:
        for name, value in before.items():
            _put_back(name, value)


def _has_tabs() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("gradio", "easyphoto.ui.page"))


def _uvicorn() -> Any:
    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise EnvironmentFailure(
            text("The server needs {package}.", package=error.name),
            advice=text("Install it: pip install easyphoto[ui]"),
        ) from error
    return uvicorn
