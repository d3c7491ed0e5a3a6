"""Answers what no route answers, in the API's shape.

The tabs are mounted at the root, which fits every path: without this, gradio would answer for a mistyped route.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute, Match, NoMatchFound, compile_path
from starlette.types import Receive, Scope, Send

from easyphoto.api.errors import MethodNotAllowed, NotFound, error_answer
from easyphoto.messages import text

# Also below the page in another language, whose address somebody may have completed.
_OURS = re.compile(r"(?:/[\w-]+)?/easyphoto(?:/.*)?", re.DOTALL)
DOCUMENT = "/easyphoto/v1/openapi.json"


class Elsewhere(BaseRoute):
    """The last of the API's routes: takes every request below /easyphoto that has come this far."""

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        """`routes` are method and path of each route, with parameters in braces."""
        self._routes = [(method, compile_path(path)[0]) for method, path in routes]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_ours = scope["type"] == "http" and _OURS.fullmatch(path_below(scope))
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_below(scope)
        methods = sorted({method for method, pattern in self._routes if pattern.fullmatch(path)})
        if not methods:
            answer = error_answer(
                NotFound(
                    text("There is nothing at this address."),
                    advice=text("{document} lists every route.", document=DOCUMENT),
                )
            )
        else:
            answer = error_answer(
                MethodNotAllowed(
                    text("{method} is not possible at this address.", method=str(scope["method"])[:20]),
                    advice=text("Possible: {names}.", names=", ".join(methods)),
                )
            )
            answer.headers["Allow"] = ", ".join(methods)
        await answer(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        raise NoMatchFound(name, path_params)


def path_below(scope: Scope) -> str:
    """Return the path below the one at which the application is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path") or "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
