"""Checks of a request before its body is read: account, media type and size."""

import base64
import binascii
import json
import logging
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from easyphoto.api.errors import (
    BadRequest,
    Unauthorised,
    WrongMediaType,
    error_answer,
    fault_answer,
    invalid_answer,
    plain_answer,
)
from easyphoto.api.waiting import Held, RequestMemory, counted, too_large
from easyphoto.errors import EasyPhotoError, EnvironmentFailure
from easyphoto.jobs.askers import ACCOUNT_IN_SCOPE, Requester, begin_asking
from easyphoto.messages import text
from easyphoto.storage.files import disk_failure

log = logging.getLogger(__name__)
MOST_BODY = 64_000_000
"""Limit for one request in bytes; a picture has at most jobs.uploads.MOST_BYTES, and base64 adds a third."""
MOST_HELD = 128_000_000
"""Limit for all unanswered requests in bytes; on its way to a file a body is in memory up to four times."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
JSON, FORM, ZIP = "application/json", "multipart/form-data", "application/zip"
ZIPS, BYTES = (ZIP, "application/x-zip-compressed"), "application/octet-stream"
_HALF_A_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class BodyRule:
    """The bodies that the routes of a router take."""

    kinds: tuple[str, ...] = (JSON,)
    most: int = MOST_BODY
    is_streamed: bool = False
    """Whether the route reads the body itself, by `counted` and with `request.state.held`."""
    room: RequestMemory = field(default_factory=lambda: RequestMemory(MOST_HELD))
    """Shared by all routes that keep bodies in the same place."""


def guarded_route(accounts: Mapping[str, str] | None, rule: BodyRule) -> type[APIRoute]:
    """Return a route class that requires an account, and answers every error in the API's shape.

    It is a route class because FastAPI reads a body before it runs dependencies.
    """

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()
            has_body = bool(set(self.methods or ()) & {"POST", "PUT", "PATCH"})

            async def answered(request: Request, held: Held) -> Response:
                account = check_account(request.headers.get("authorization"), accounts)
                begin_asking(Requester(account or request.scope.get(ACCOUNT_IN_SCOPE)))
                if has_body:
                    await take_body(request, rule, held)
                answer = await handle(request)
                # Browsers must not take other content for a page, whatever a picture's bytes look like.
                answer.headers.setdefault("X-Content-Type-Options", "nosniff")
                return answer

            async def guarded(request: Request) -> Response:
                try:
                    with rule.room.held() as held:
                        return await answered(request, held)
                except EasyPhotoError as error:
                    return error_answer(error)
                except RequestValidationError as error:
                    return invalid_answer(error)
                except ClientDisconnect:
                    # The client is gone, so nobody reads the answer; this is not an error of the server.
                    return plain_answer(400, "The request was cut off.")
                except HTTPException as error:
                    # The framework's own 400 is for JSON that it cannot read, as when it is nested too deeply.
                    if error.status_code == 400:
                        return error_answer(bad_json())
                    return plain_answer(error.status_code, error.detail)
                except OSError as error:
                    log.exception("a request failed")
                    return error_answer(disk_failure(error) if request.method not in READING else unreadable(error))
                except Exception as error:
                    return fault_answer(error)

            return guarded

    return GuardedRoute


def check_account(authorization: str | None, accounts: Mapping[str, str] | None) -> str | None:
    """Return the account that the header names, or raise Unauthorised; None if there are no accounts."""
    name = known_account(authorization, accounts) if accounts else None
    if accounts and name is None:
        raise Unauthorised(
            text("This needs an account."), advice=text("Send HTTP Basic authentication with user and password.")
        )
    return name


def known_account(authorization: str | None, accounts: Mapping[str, str]) -> str | None:
    """Return the name of the account in the header if it is one of `accounts`."""
    name, password = basic_account(authorization or "")
    # Every account is compared, so that the time does not reveal which names exist.
    matches = [
        secrets.compare_digest(name.encode(), known.encode()) & secrets.compare_digest(password.encode(), word.encode())
        for known, word in accounts.items()
    ]
    return name if any(matches) else None


def basic_account(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, password


def kind_of(request: Request) -> str:
    """Return the media type of the body, without its parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def take_body(request: Request, rule: BodyRule, held: Held) -> None:
    """Check type and size, read the body up to the limit, and store it where the framework looks for it."""
    kind = kind_of(request)
    if kind not in rule.kinds:
        # Another site's page can send plain text and forms without a preflight, but not JSON.
        raise WrongMediaType(
            text("The content type {kind!r} is not accepted here.", kind=kind or text("none")),
            advice=text("Send {kinds}.", kinds=" or ".join(rule.kinds)),
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > rule.most:
        raise too_large(rule.most)
    request.state.held = held
    if rule.is_streamed:
        return
    body = b"".join([piece async for piece in counted(request, rule.most, held)])
    if kind == JSON:
        check_text(body)
    request._body = body


def check_text(body: bytes) -> None:
    """Raises BadRequest for JSON with unpaired surrogates in its texts, which cannot be written to a file."""
    if not _HALF_A_CHARACTER.search(body):
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise bad_json() from error


def bad_json() -> BadRequest:
    return BadRequest(text("The request is not valid JSON in UTF-8."), advice=text("Send UTF-8."))


def unreadable(error: OSError) -> EnvironmentFailure:
    """Return the error for a file that could not be read. It is no DiskFailure: nothing was to be written."""
    return EnvironmentFailure(
        disk_failure(error).message,
        advice=text("Check the disk, and that the workspace's files can be read; then try again."),
    )
