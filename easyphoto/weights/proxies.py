"""The proxies of the environment and of the system, and what is said of one that does not let a connection through.

urllib reads `http_proxy`, `https_proxy` and `no_proxy`; ALL_PROXY, which other programs read as well, is added here.
"""

from __future__ import annotations

import os
import re
import urllib.request
from dataclasses import dataclass, field
from http.client import InvalidURL
from urllib.parse import urlsplit, urlunsplit

from easyphoto.messages import Text, text
from easyphoto.storage.files import cause_of

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SCHEMES = ("http", "https")
_TUNNEL = re.compile(r"Tunnel connection failed: (\d+)\s*(.*)")
_REFUSED = 407


@dataclass(frozen=True)
class Proxy:
    """A proxy by its URL. The name and the password in it never appear in its repr."""

    url: str = field(repr=False)
    setting: str
    """The variable that names it; where it is the system's setting, empty."""

    @property
    def shown(self) -> str:
        # A password that was not encoded may hold a slash, so the last @ of all ends it.
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2].partition('/')[0]}"

    @property
    def is_socks(self) -> bool:
        return urlsplit(self.url).scheme.startswith("socks")

    @property
    def named(self) -> Text:
        """The proxy with where it comes from, for use inside a sentence."""
        if self.setting:
            return text("the proxy {proxy} ({setting})", proxy=self.shown, setting=self.setting)
        return text("the proxy {proxy} (the system's setting)", proxy=self.shown)


def proxies() -> dict[str, str]:
    """Scheme → URL of its proxy; for `http` and `https` only, and without those that have none."""
    known = urllib.request.getproxies()
    found = {scheme: known.get(scheme) or known.get("all", "") for scheme in _SCHEMES}
    return {scheme: _with_scheme(url) for scheme, url in found.items() if url}


def proxy_for(url: str) -> Proxy | None:
    """The proxy through which a URL is asked for; None: it is asked for directly, as this machine's own always are."""
    parts = urlsplit(url)
    proxy = proxies().get(parts.scheme)
    if proxy is None or parts.hostname in LOOPBACK or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    named = (f"{parts.scheme}_proxy", f"{parts.scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    return Proxy(proxy, next((name for name in named if os.environ.get(name)), ""))


def proxy_handler(url: str) -> urllib.request.ProxyHandler:
    """What an opener needs to ask for a URL, and for those that it leads to."""
    return urllib.request.ProxyHandler({} if urlsplit(url).hostname in LOOPBACK else proxies())


def unusable(proxy: Proxy) -> Text:
    return text("{proxy} is a SOCKS proxy, through which EasyPhoto cannot connect", proxy=proxy.named)


def blocked(proxy: Proxy, error: BaseException | str) -> Text:
    """What a failed connection through the proxy says."""
    if isinstance(error, InvalidURL):
        # Its words repeat what was taken for a port, which may be a part of the password.
        return text("{proxy} is no address", proxy=proxy.named)
    cause = cause_of(error) if isinstance(error, BaseException) else error
    refusal = _TUNNEL.search(cause)
    if refusal is None:
        return text("{proxy} does not answer ({cause})", proxy=proxy.named, cause=cause)
    return refused(proxy, int(refusal[1]), refusal[2])


def refused(proxy: Proxy, status: int, reason: str) -> Text:
    """What the proxy's own answer says."""
    said = f"HTTP {status} {reason}".strip()
    if status == _REFUSED:
        return text("{proxy} asks for a name and a password ({answer})", proxy=proxy.named, answer=said)
    return text("{proxy} refused the connection ({answer})", proxy=proxy.named, answer=said)


def is_refused(status: int) -> bool:
    """Whether an HTTP status is a proxy's and never the server's behind it."""
    return status == _REFUSED


def proxy_advice(proxy: Proxy, host: str) -> Text:
    setting = proxy.setting or "https_proxy"
    if proxy.is_socks:
        return text(
            "Name an HTTP proxy in https_proxy (many programs offer both on one port), or let {host} be asked for "
            "directly: NO_PROXY={host}.",
            host=host,
        )
    return text(
        "Correct the proxy, with name and password if it asks for them: {setting}=http://USER:PASSWORD@HOST:PORT. Or "
        "let {host} be asked for directly: NO_PROXY={host}.",
        setting=setting,
        host=host,
    )


def without_secret(url: str) -> str:
    """A URL without a name and a password, to be shown."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"
