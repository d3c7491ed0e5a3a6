"""Who requests work. What one account or browser uploaded or produced is not shown to another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_DIGITS = 32
_TAG_DIGITS = 12


@dataclass(frozen=True)
class Requester:
    """The sender of a request. The default is the program itself, or a program on a server without accounts."""

    account: str | None = None
    """None where the server has no accounts."""
    browser: str | None = None
    """The browser's `browser_digest`; None for requests that do not come from a page."""

    @property
    def tag(self) -> str:
        """Part of upload names. An account has the same tag in every browser."""
        if self.account is not None:
            return f"a{_digest(self.account, _TAG_DIGITS)}"
        return f"b{_digest(self.browser, _TAG_DIGITS)}" if self.browser is not None else ""

    def owns(self, other: Requester) -> bool:
        """Return whether this requester may see what `other` requested.

        Without accounts a page shows what its own browser and any program requested, and programs see everything:
        anybody who reaches such a server is trusted.
        """
        if self.account is not None or other.account is not None:
            return self.account == other.account
        return None in (self.browser, other.browser) or self.browser == other.browser

    def owns_tag(self, tag: str) -> bool:
        """Return whether this requester may see an upload with `tag` in its name."""
        if self.account is not None or tag.startswith("a"):
            return tag == self.tag
        return self.browser is None or tag in ("", self.tag)


def browser_digest(token: str) -> str:
    """Return the digest under which a browser's token is recorded; it cannot be used to impersonate the browser."""
    return _digest(token, _DIGITS)


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:digits]


STRANGER = Requester(browser=browser_digest("a page without a cookie"))
"""A requester that cannot be told apart from others, and is therefore shown nobody's jobs or uploads."""
_ASKING: ContextVar[Requester] = ContextVar("easyphoto_asking", default=STRANGER)


def asking() -> Requester:
    """Return the requester of the current request or event; `STRANGER` outside of one."""
    return _ASKING.get()


def begin_asking(asker: Requester) -> None:
    """Set the requester until the request ends, because a stream is sent after its handler has returned."""
    _ASKING.set(asker)


@contextmanager
def asked_by(asker: Requester) -> Iterator[None]:
    token = _ASKING.set(asker)
    try:
        yield
    finally:
        _ASKING.reset(token)


ACCOUNT_IN_SCOPE = "easyphoto.account"
"""Key of the ASGI scope under which a front door stores the account's name for the page and the routes."""


def the_program() -> Requester:
    return Requester()
