"""An application inside another one, built at its first request.

Building 40 routes takes a few tenths of a second with the FastAPI of web UIs, and an extension should not add that to
their start; nor should a server whose page is all that anybody asks for, or its page in a second language.
"""

import threading
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from easyphoto.api.elsewhere import path_below
from easyphoto.api.errors import error_answer
from easyphoto.errors import EasyPhotoError


class DeferredRoutes(BaseRoute):
    """Serves everything below the prefixes with the application that `build` returns at the first request."""

    def __init__(self, build: Callable[[], ASGIApp], *prefixes: str) -> None:
        self._build, self._beginnings = build, tuple(f"{prefix}/" for prefix in prefixes)
        self._app: ASGIApp | None = None
        self._building = threading.Lock()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        return (Match.FULL if path_below(scope).startswith(self._beginnings) else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if app is None:
            try:
                app = await run_in_threadpool(self._built)
            except EasyPhotoError as error:
                # For instance a workspace of a later version. The next request tries again.
                await error_answer(error)(scope, receive, send)
                return
        await app(scope, receive, send)

    def _built(self) -> ASGIApp:
        """Build it once, although two first requests may come at the same time."""
        with self._building:
            if self._app is None:
                self._app = self._build()
            return self._app

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        raise NoMatchFound(name, path_params)
