"""Sends one request for a part of a file and reads the headers of the server's answer."""

from __future__ import annotations

import base64
import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from easyphoto.messages import Text, text
from easyphoto.storage.files import cause_of
from easyphoto.weights.proxies import (
    Proxy,
    blocked,
    is_refused,
    proxy_for,
    proxy_handler,
    refused,
    unusable,
    without_secret,
)
from easyphoto.weights.sources import common_headers

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_BEYOND = re.compile(r"bytes \*/(\d+)")
_HASH = re.compile(r"[0-9a-f]{64}")


class SourceFailed(Exception):
    """This source does not deliver the file; the next one may. `proxy` is the one that did not let it through."""

    def __init__(self, reason: Text, *, wrong_content: bool = False, proxy: Proxy | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wrong_content = wrong_content
        self.proxy = proxy


class NoAnswer(Exception):
    """No server answered, or the proxy did not let the request through."""

    def __init__(self, reason: Text | str, *, proxy: Proxy | None = None) -> None:
        super().__init__(reason)
        self.proxy = proxy
        self.reason = reason


class ConnectionDied(Exception):
    """The connection ended or stalled before the file was complete."""


@dataclass(frozen=True)
class Answer:
    """A server's answer with its body not yet read."""

    stream: Any
    start: int
    """Offset in bytes of the first byte of the body in the file."""
    total: int | None
    """Bytes of the whole file; None where the server does not say."""
    validator: str
    """ETag or date that proves later that the file is unchanged; empty where the server sends none."""
    linked_sha256: str
    """The hub's own hash of a large file; otherwise empty."""
    linked_bytes: int | None


@dataclass(frozen=True)
class Beyond:
    """The requested offset is at or beyond the end of the file, which has `total` bytes."""

    total: int | None


@dataclass
class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects and keeps the hub's headers, because the storage server behind it does not send them."""

    seen: dict[str, str] = field(default_factory=dict)

    def redirect_request(  # the signature is urllib's
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        self.seen.update(
            {name.lower(): value for name, value in headers.items() if name.lower().startswith("x-linked")}
        )
        if req.full_url.startswith("https://") and not newurl.startswith("https://"):
            raise SourceFailed(text("it leads to an address that is not encrypted: {newurl}", newurl=newurl))
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type,unused-ignore]


def ask(url: str, *, start: int, validator: str, secrets: dict[str, str], seconds: float) -> Answer | Beyond:
    """Request the file from byte `start` on. Raises SourceFailed or NoAnswer.

    Uses the proxies of the environment (`https_proxy`, `all_proxy`, `no_proxy`); what one refuses is named.
    """
    request = _request(url, secrets)
    if start:
        request.add_header("Range", f"bytes={start}-")
        if validator:
            # Where the file has changed, the server then sends it whole, so that new bytes never follow old ones.
            request.add_header("If-Range", validator)
    redirects, proxy = _Redirects(), proxy_for(url)
    if proxy is not None and proxy.is_socks:
        raise NoAnswer(unusable(proxy), proxy=proxy)
    try:
        response = urllib.request.build_opener(proxy_handler(url), redirects).open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:
            return Beyond(_number(_BEYOND, error.headers.get("Content-Range", "")))
        if proxy is not None and is_refused(error.code):
            raise NoAnswer(refused(proxy, error.code, error.reason), proxy=proxy) from error
        raise SourceFailed(_refusal(error)) from error
    except urllib.error.URLError as error:
        reason = error.reason
        raise _unanswered(reason, proxy) from error
    except (HTTPException, OSError, ValueError) as error:
        raise _unanswered(error, proxy) from error
    return _answer(response, redirects.seen, asked=start)


def _unanswered(cause: BaseException | str, proxy: Proxy | None) -> NoAnswer:
    if isinstance(cause, ssl.SSLCertVerificationError):
        # A proxy that reads along shows a certificate of its own.
        return NoAnswer(text("its certificate cannot be trusted; name the authority in SSL_CERT_FILE=FILE.pem"))
    if proxy is not None:
        return NoAnswer(blocked(proxy, cause), proxy=proxy)
    return NoAnswer(cause_of(cause) if isinstance(cause, BaseException) else cause)


def _request(url: str, secrets: dict[str, str]) -> urllib.request.Request:
    """The request, with a name and a password in the URL as a header: urllib would take them for a part of the host."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    request = urllib.request.Request(without_secret(url), headers=common_headers())
    own = {"Authorization": f"Basic {base64.b64encode(unquote(user).encode()).decode()}"} if at else {}
    for name, value in {**secrets, **own}.items():
        # The hub leads to another server, which must not get them.
        request.add_unredirected_header(name, value)
    return request


def _answer(response: Any, linked: dict[str, str], *, asked: int) -> Answer:
    headers = response.headers
    if headers.get_content_type() == "text/html":
        raise SourceFailed(text("{what} came instead of the file", what=text("a web page")), wrong_content=True)
    linked = {**linked, **{k.lower(): v for k, v in headers.items() if k.lower().startswith("x-linked")}}
    start, total = 0, _whole(headers.get("Content-Length"))
    if response.status == 206:
        said = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if said is None or not asked:
            raise SourceFailed(text("it sent the wrong part of the file"), wrong_content=True)
        start, total = int(said[1]), _whole(said[3])
    tag = headers.get("ETag", "")
    sha256 = linked.get("x-linked-etag", "").strip('"').lower()
    return Answer(
        response,
        start=start,
        total=total,
        # A weak ETag does not promise identical bytes.
        validator=tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", ""),
        linked_sha256=sha256 if _HASH.fullmatch(sha256) else "",
        linked_bytes=_whole(linked.get("x-linked-size")),
    )


def _refusal(error: urllib.error.HTTPError) -> Text:
    said = f"HTTP {error.code} {error.reason}".strip()
    if error.code in (401, 403):
        return text("{answer}: it may need a token, set HF_TOKEN", answer=said)
    return text("{answer}", answer=said)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.fullmatch(text.strip())
    return int(found[1]) if found else None
