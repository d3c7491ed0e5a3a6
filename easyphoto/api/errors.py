"""Errors over HTTP: the API's own errors, the status of every error class, and the shape of error answers."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from easyphoto.api.paths import told
from easyphoto.errors import (
    BadPicture,
    DiskFailure,
    EasyPhotoError,
    EnvironmentFailure,
    HostBusy,
    InputError,
    NameTaken,
    OutOfMemory,
    RunBusy,
    UnknownCheckpoint,
    UnknownConfiguration,
    UnknownJob,
    UnknownPerson,
    UnknownPose,
    UnknownScene,
    UnknownStyle,
    WeightsMissing,
)
from easyphoto.messages import Text, packed, text

log = logging.getLogger(__name__)
SECONDS_TO_WAIT = "5"
REALM = 'Basic realm="EasyPhoto", charset="UTF-8"'


class BadRequest(InputError):
    """The request itself is malformed: invalid JSON, an unknown field, a value out of range."""


class UrlRefused(BadPicture):
    """A URL in place of a picture's content; nothing is fetched for a client."""


class TooLarge(InputError):
    """A body, or a picture in it, is too large."""


class TooSlow(InputError):
    """A body that does not arrive in time."""


class TooBusy(EnvironmentFailure):
    """All requests together hold as many bytes as the server allows."""


class WrongMediaType(InputError):
    """A body of a media type that the route does not take."""


class Unauthorised(InputError):
    """No account, or a wrong one."""


class ForeignOrigin(InputError):
    """The request comes from another site's page."""


class NotFound(InputError):
    """No route has that address."""


class MethodNotAllowed(InputError):
    """The address has routes, but not for this method; the header Allow names those that it has."""


class IdempotencyKeyReused(InputError):
    """The key has made a job for another request."""


class ServerCloses(EnvironmentFailure):
    """The server is being closed or restarted."""


class UnknownTemplate(InputError):
    """No such template."""


class UnknownUpload(InputError):
    """No such upload, or another account's."""


class UnknownRun(InputError):
    """No training that could be resumed has that name."""


class UnknownFile(InputError):
    """A job's file or a portrait that does not exist."""


STATUS: Mapping[type[EasyPhotoError], int] = {
    Unauthorised: 401,
    ForeignOrigin: 403,
    UnknownPerson: 404,
    UnknownScene: 404,
    UnknownCheckpoint: 404,
    UnknownConfiguration: 404,
    UnknownStyle: 404,
    UnknownPose: 404,
    UnknownJob: 404,
    UnknownTemplate: 404,
    UnknownUpload: 404,
    UnknownRun: 404,
    UnknownFile: 404,
    NotFound: 404,
    MethodNotAllowed: 405,
    TooSlow: 408,
    NameTaken: 409,
    HostBusy: 409,
    RunBusy: 409,
    TooLarge: 413,
    WrongMediaType: 415,
    InputError: 422,
    DiskFailure: 507,
    OutOfMemory: 503,
    TooBusy: 503,
    EnvironmentFailure: 503,
    EasyPhotoError: 500,
}
"""A class that is not listed has the status of its nearest parent."""
_CUT_OFF = (TooSlow, TooBusy, TooLarge, WrongMediaType, Unauthorised)


def status_of(error: EasyPhotoError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def error_body(
    code: str, message: str, advice: str = "", *, details: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message, "advice": advice}
    if isinstance(message, Text):
        error["values"] = dict(message.values)
    body: dict[str, Any] = {"error": {**error, "details": list(details)} if details else error}
    return packed(body)


def error_answer(error: EasyPhotoError) -> JSONResponse:
    status = status_of(error)
    headers = {"WWW-Authenticate": REALM} if status == 401 else {}
    if isinstance(error, TooBusy | ServerCloses):
        headers["Retry-After"] = SECONDS_TO_WAIT
    if isinstance(error, _CUT_OFF):
        # The rest of the request is not read; otherwise a client that sends it byte by byte would keep the connection.
        headers["Connection"] = "close"
    body = error_body(error.code, told(error.message), told(error.advice))
    if isinstance(error, WeightsMissing) and error.weights:
        body["error"]["weights"] = " ".join(error.weights)
    return JSONResponse(body, status_code=status, headers=headers)


def invalid_answer(error: RequestValidationError) -> JSONResponse:
    """Name the invalid place in the request, never its content, which may be a photo."""
    details = [
        {"where": ".".join(str(step) for step in each["loc"]), "message": each["msg"], "type": each["type"]}
        for each in error.errors()
    ]
    advice = text("The OpenAPI document and /easyphoto/v1/capabilities describe the API.")
    return JSONResponse(
        error_body("BadRequest", text("The request does not match the API."), advice, details=details[:50]),
        status_code=422,
    )


def plain_answer(status: int, detail: Any) -> JSONResponse:
    """Return an answer for what the framework itself refuses, such as a body that is not JSON."""
    code = {400: "BadRequest", 404: "NotFound", 405: "MethodNotAllowed"}.get(status, "HttpError")
    return JSONResponse(error_body(code, str(detail)), status_code=status)


def fault_answer(error: Exception) -> JSONResponse:
    """Return the answer for a bug: its traceback goes to the log, its class to the client."""
    log.exception("a request failed")
    message = text("EasyPhoto ran into an internal error: {kind}.", kind=type(error).__name__)
    return JSONResponse(error_body("InternalError", message, text("The traceback is in the log.")), status_code=500)
