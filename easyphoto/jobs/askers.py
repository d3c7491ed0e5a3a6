"""Who asks for work: what an account, or somebody's browser, brought and had made is not shown to others."""

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
    """By default the program itself, or another one on a server without accounts."""

    account: str | None = None
    """None where the server has none."""
    browser: str | None = None
    """Which browser it is, as `browser_digest` says; None for what comes by no page."""

    @property
    def tag(self) -> str:
        """Stands in the names of uploads. An account's are the same from every browser."""
        if self.account is not None:
            return f"a{_digest(self.account, _TAG_DIGITS)}"
        return f"b{_digest(self.browser, _TAG_DIGITS)}" if self.browser is not None else ""

    def owns(self, other: Requester) -> bool:
        """Whether what the other asked for is this one's as well.

        Without accounts a page shows what its browser asked for, and what programs did; programs see everything:
        whoever reaches such a server is trusted.
        """
        if self.account is not None or other.account is not None:
            return self.account == other.account
        return None in (self.browser, other.browser) or self.browser == other.browser

    def owns_tag(self, tag: str) -> bool:
        """The same of an upload, by the tag in its name."""
        if self.account is not None or tag.startswith("a"):
            return tag == self.tag
        return self.browser is None or tag in ("", self.tag)


def browser_digest(token: str) -> str:
    """What is written down of the token that a browser keeps: nobody who reads it can pass for that browser."""
    return _digest(token, _DIGITS)


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:digits]


STRANGER = Requester(browser=browser_digest("a page without a cookie"))
"""Who cannot be told apart from others: nothing of anybody's is shown again to them."""
_ASKING: ContextVar[Requester] = ContextVar("easyphoto_asking", default=STRANGER)


def asking() -> Requester:
    """Who asks in this request or event; outside of any a stranger."""
    return _ASKING.get()


def begin_asking(asker: Requester) -> None:
    """To the end of this request: a stream is sent after its handler has returned."""
    _ASKING.set(asker)


@contextmanager
def asked_by(asker: Requester) -> Iterator[None]:
    token = _ASKING.set(asker)
    try:
        yield
    finally:
        _ASKING.reset(token)


ACCOUNT_IN_SCOPE = "easyphoto.account"
"""Where a front door leaves the account's name for the page and the routes behind it."""


def the_program() -> Requester:
    return Requester()
