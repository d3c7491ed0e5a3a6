"""The visitor behind an event of the page: an account, and the browser, recognised by a cookie of its own.

`javascript/easyphoto.js` sets the cookie; on the standalone page its door does, out of reach of scripts. Gradio's own
session id changes whenever the page is loaded, and cannot recognise a returning visitor.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

import gradio as gr
from starlette.requests import HTTPConnection

from easyphoto.jobs.askers import STRANGER, Requester, asked_by, browser_digest

COOKIE = "easyphoto_browser"
ASKER_IN_SCOPE = "easyphoto.asker"
_TOKEN = re.compile(r"[0-9a-f]{32}")


def as_visitor(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap an event's handler so that `asking()` returns the visitor who caused it."""

    # Gradio passes the request for an argument of this type.
    def heard(request: gr.Request, *values: Any) -> Any:
        with asked_by(visitor_of(request)):
            return handler(*values)

    return heard


def visitor_of(request: Any) -> Requester:
    """`request` is gradio's. Values that a client writes into one, as gradio 3's queue permits, are ignored."""
    asked = getattr(request, "request", None)
    if not isinstance(asked, HTTPConnection):
        return STRANGER
    known = asked.scope.get(ASKER_IN_SCOPE)
    if isinstance(known, Requester):
        return known
    token = token_in(asked)
    return Requester(request.username or None, browser_digest(token) if token else STRANGER.browser)


def token_in(asked: HTTPConnection) -> str | None:
    token = asked.cookies.get(COOKIE, "")
    return token if _TOKEN.fullmatch(token) else None


def new_token() -> str:
    return secrets.token_hex(16)
