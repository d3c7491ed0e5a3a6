"""Access to the API inside a web UI, which protects only its own routes, while ours hand out photos of people.

Without `--api` there are no routes: the page needs only what gradio serves behind its own login. With `--api` they
require an account of `--api-auth`, one of the page's, or a login on the page. If the web UI has no account at all they
are as open as its page, except to host names that a site on the internet may have pointed at this machine.
"""

from __future__ import annotations

import ipaddress
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import cookie_parser

from easyphoto.api.errors import ForeignOrigin, Unauthorised
from easyphoto.api.front import Visit, check_origin, without_port
from easyphoto.api.guard import known_account
from easyphoto.api.routes import parse_accounts
from easyphoto.messages import text

LOGIN = "access-token"
"""Prefix of gradio's login cookies; since 4.0 each server adds a suffix of its own."""
NO_SITES = (".local", ".localhost", ".lan", ".internal", ".home.arpa")
"""Suffixes of host names that no site on the internet has."""


@dataclass(frozen=True)
class HostCheck:
    flags: Any
    """The web UI's command-line flags."""
    server: Any
    """Its FastAPI application. "Reload UI" creates a new one, in which nobody is logged in yet."""

    @property
    def has_accounts(self) -> bool:
        return bool(self._api_accounts) or getattr(self.server, "auth", None) is not None

    def __call__(self, visit: Visit) -> str | None:
        """Return the account's name if there are accounts. Raises Unauthorised, ForeignOrigin."""
        if not is_allowed_origin(visit.headers.get("origin"), self.flags):
            check_origin(visit.headers, is_change=visit.is_change)
        if not self.has_accounts:
            check_no_site(visit.headers.get("host", ""))
            return None
        account = self._known(visit.headers.get("authorization")) or logged_in(visit.headers, self.server)
        if account is None:
            raise Unauthorised(
                text("This needs an account of the web UI."),
                advice=text(
                    "Log in on its page, or send HTTP Basic authentication with an account of its page or API."
                ),
            )
        return account

    def _known(self, authorization: str | None) -> str | None:
        page = getattr(self.server, "auth", None)
        accounts = (self._api_accounts, page if isinstance(page, Mapping) else {})
        found = [known_account(authorization, each) for each in accounts]
        return next((name for name in found if name is not None), None)

    @property
    def _api_accounts(self) -> Mapping[str, str]:
        return parse_accounts(getattr(self.flags, "api_auth", None)) or {}


def logged_in(headers: Mapping[str, str], server: Any) -> str | None:
    """Return the name with which the browser has logged in on the page, as gradio remembers it."""
    cookies, tokens = cookie_parser(headers.get("cookie", "")), getattr(server, "tokens", {})
    names = [tokens[value] for name, value in cookies.items() if name.startswith(LOGIN) and value in tokens]
    return str(names[0]) if names else None


def is_allowed_origin(origin: str | None, flags: Any) -> bool:
    """Return whether the web UI allows that origin by name or pattern. A wildcard for all sites does not count here."""
    if origin is None:
        return False
    named = str(getattr(flags, "cors_allow_origins", None) or "").split(",")
    pattern = getattr(flags, "cors_allow_origins_regex", None)
    return origin in named or bool(pattern and re.fullmatch(str(pattern), origin))


def check_no_site(host: str) -> None:
    """Raises ForeignOrigin for a name that may belong to a site, whose pages would then count as this server's own."""
    name = without_port(host)
    if "." not in name or name.endswith(NO_SITES):
        return
    try:
        ipaddress.ip_address(name)
    except ValueError:
        raise ForeignOrigin(
            text("Without an account, requests for the name {name!r} are not answered.", name=name[:100]),
            advice=text(
                "Start the web UI with --api-auth user:password or --gradio-auth user:password, or use its address."
            ),
        ) from None


def is_closing(demo: Any) -> bool:
    """Return whether the page's server is told to end; without a page, the server that the process listens with."""
    server = getattr(demo, "server", None) or getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
