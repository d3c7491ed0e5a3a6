"""Turning a remote web UI's refusals into named errors. No error text may contain credentials."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

from easyphoto.errors import BackendError, BackendUnreachable, EasyPhotoError, OutOfMemory
from easyphoto.messages import Text, text
from easyphoto.weights.proxies import Proxy, proxy_advice

START_IT = text("Start the web UI with --api (and --listen for another machine), or check the address.")
_MOST_WORDS = 400
_PASSING = (502, 503, 504)


class Gone(BackendUnreachable):
    """404: the web UI answers but has no such path."""


def refusal(url: str, path: str, status: int, body: bytes, secret: str) -> EasyPhotoError:
    """The error for an HTTP status other than 200."""
    detail = redacted(secret, detail_of(body))
    if status in (401, 403):
        what = text("refused the name and password") if secret else text("asks for a name and a password")
        return BackendError(
            text("{url} {what}.", url=url, what=what),
            advice=text("Give those of its --api-auth: --backend-auth USER:PASSWORD, or EASYPHOTO_BACKEND_AUTH."),
        )
    if status == 404 and detail in ("", "Not Found"):
        return Gone(
            text("{url} has no {path}: its API is off, or it is something else.", url=url, path=_plain(path)),
            advice=START_IT,
        )
    if status in _PASSING:
        return BackendUnreachable(
            text("{url} is not available at the moment (HTTP {status}).", url=url, status=status),
            advice=text("Try again in a while."),
        )
    if "out of memory" in detail.lower() or "OutOfMemory" in detail:
        return OutOfMemory(
            text("The web UI at {url} ran out of memory.", url=url),
            advice=text("Choose a lower resolution, or start it with --medvram."),
        )
    return BackendError(
        text(
            "{url} answered {path} with HTTP {status}: {detail}.",
            url=url,
            path=_plain(path),
            status=status,
            detail=detail or text("without a reason"),
        ),
        advice=text("The web UI's own log says more."),
    )


def unreachable(url: str, why: str) -> BackendUnreachable:
    """The error for a failed connection; `why` is its cause in words."""
    if "CERTIFICATE_VERIFY_FAILED" in why:
        return BackendUnreachable(
            text("The certificate of {url} cannot be trusted.", url=url),
            advice=text("Name the authority that signed it: SSL_CERT_FILE=FILE.pem"),
        )
    return BackendUnreachable(text("{url} does not answer ({why}).", url=url, why=why), advice=START_IT)


def behind(url: str, proxy: Proxy, why: Text) -> BackendUnreachable:
    """The error for a web UI that a proxy stands before; `why` is what the proxy did."""
    return BackendUnreachable(
        text("{url} cannot be reached: {why}.", url=url, why=why),
        advice=proxy_advice(proxy, urlsplit(url).hostname or ""),
    )


def sent_on(url: str, target: str) -> BackendUnreachable:
    """The error for a redirect to `target`."""
    parts = urlsplit(target)
    return BackendUnreachable(
        text(
            "{url} redirects to {scheme}://{host}, which is not followed.",
            url=url,
            scheme=parts.scheme,
            host=parts.hostname or "",
        ),
        advice=text("Name the web UI's own address; where it has a login page, start it with --api-auth instead."),
    )


def broken(url: str, path: str) -> BackendError:
    """The error for an answer that is not JSON."""
    return BackendError(
        text("{url} does not answer {path} as a web UI does.", url=url, path=_plain(path)),
        advice=text("Is it one? {start_it}", start_it=START_IT),
    )


def too_large(url: str, path: str) -> BackendError:
    """The error for an answer larger than its limit."""
    return BackendError(
        text("The answer of {url} to {path} is too large.", url=url, path=_plain(path)),
        advice=text("It was not read. Is it a web UI?"),
    )


def detail_of(body: bytes) -> str:
    """The reason in an answer: FastAPI's `detail`, the web UI's `errors`, or the first characters of its text."""
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else text[:_MOST_WORDS]
    if not isinstance(content, dict):
        return ""
    found = [content.get(key) for key in ("error", "detail", "errors")]
    words = [each if isinstance(each, str) else json.dumps(each) for each in found if each]
    return ": ".join(dict.fromkeys(words))[:_MOST_WORDS]


def redacted(secret: str, text: str) -> str:
    """The text with the credentials replaced, in case a server echoes what it was sent."""
    if not secret:
        return text
    for part in (base64.b64encode(secret.encode()).decode(), secret, secret.partition(":")[2]):
        text = text.replace(part, "…") if part else text
    return text


def _plain(path: str) -> str:
    return path.partition("?")[0]
