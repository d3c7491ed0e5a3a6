"""One operation of the API, and what its documentation follows from: nothing is documented that it cannot answer."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBasic

from easyphoto.api.errors import (
    BadRequest,
    ForeignOrigin,
    IdempotencyKeyReused,
    ServerCloses,
    TooBusy,
    TooLarge,
    TooSlow,
    Unauthorised,
    WrongMediaType,
    status_of,
)
from easyphoto.api.events import MEDIA_TYPE
from easyphoto.api.guard import JSON, READING, BodyRule, guarded_route
from easyphoto.api.idempotency import REPLAYED
from easyphoto.api.schemas import ErrorAnswer, JobAnswer
from easyphoto.errors import DiskFailure, EasyPhotoError, EnvironmentFailure, HostBusy

FAULT = "InternalError"
JOB_HEADERS = {
    "Location": {"description": "Where the job is.", "schema": {"type": "string"}},
    REPLAYED: {
        "description": "`true` where an earlier request with the same key has made the job.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


class ToldAccount(HTTPBasic):
    """Documents that an account is needed; the route class has already checked it."""

    def __init__(self) -> None:
        super().__init__(
            scheme_name="account", description="An account of the server. One without accounts asks for none."
        )

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        return None


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    id: str
    """The operation's id, which generated clients name their function after: it never changes."""
    words: str
    """The summary."""
    handler: Callable[..., Any]
    answer: Any
    """The model of the answer; None for other content, which is of `kinds`."""
    told: str
    """What the answer is."""
    errors: tuple[type[EasyPhotoError], ...] = ()
    """What it can refuse besides what every route can, see `errors_of`."""
    status: int = 200
    kinds: tuple[str, ...] = ()
    headers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    more: Mapping[int, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    """Its other answers that are no errors."""
    body: Mapping[str, Any] | None = None
    """The body's documentation where no model has it."""

    @property
    def has_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class RouteGroup:
    """Routes under one tag that take the same bodies."""

    tag: str
    prefix: str
    rule: BodyRule
    routes: tuple[Route, ...]

    def router(self, accounts: Mapping[str, str] | None, *, is_guarded: bool) -> APIRouter:
        """`is_guarded`: accounts are asked for, here or by a door in front."""
        router = APIRouter(
            prefix=self.prefix,
            route_class=guarded_route(accounts, self.rule),
            dependencies=[Depends(ToldAccount())] if is_guarded else [],
        )
        for route in self.routes:
            router.add_api_route(
                route.path,
                route.handler,
                methods=[route.method],
                status_code=route.status,
                response_model=route.answer,
                summary=route.words,
                tags=[self.tag],
                operation_id=route.id,
                responses=answers_of(route, is_guarded=is_guarded),
                response_class=Response if route.kinds else JSONResponse,
                openapi_extra=None if route.body is None else {"requestBody": dict(route.body)},
            )
        return router


def job_route(
    path: str, id: str, words: str, handler: Callable[..., JobAnswer], *errors: type[EasyPhotoError]
) -> Route:
    """Return a route that makes a job."""
    refused: tuple[type[EasyPhotoError], ...] = (IdempotencyKeyReused, HostBusy, *errors)
    told = "The job, which has its turn later."
    return Route("POST", path, id, words, handler, JobAnswer, told, refused, status=202, headers=JOB_HEADERS)


def answers_of(route: Route, *, is_guarded: bool) -> dict[int | str, dict[str, Any]]:
    """Return the route's answers by status, as FastAPI takes them."""
    own: dict[str, Any] = {"description": route.told}
    if route.kinds:
        own["content"] = {kind: {"schema": schema_of(kind)} for kind in route.kinds}
    if route.headers:
        own["headers"] = dict(route.headers)
    answers: dict[int | str, dict[str, Any]] = {
        route.status: own,
        **{status: dict(said) for status, said in route.more.items()},
    }
    for status, codes in sorted(codes_of(route, is_guarded=is_guarded).items()):
        words = f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}."
        answers[status] = {"model": ErrorAnswer, "description": words}
        if status == HTTPStatus.UNAUTHORIZED:
            answers[status]["headers"] = {
                "WWW-Authenticate": {"description": "HTTP Basic.", "schema": {"type": "string"}}
            }
    return answers


def schema_of(kind: str) -> dict[str, str]:
    """Return the schema of a file's content; generators make no function for an answer without one."""
    # Of an event stream it would be the schema of each event.
    if kind in (JSON, MEDIA_TYPE):
        return {}
    return {"type": "string"} if kind.startswith("text/") else {"type": "string", "format": "binary"}


def codes_of(route: Route, *, is_guarded: bool) -> Mapping[int, tuple[str, ...]]:
    """Return the codes of the route's errors by status."""
    codes: dict[int, list[str]] = defaultdict(list)
    for kind in dict.fromkeys((*route.errors, *errors_of(route, is_guarded=is_guarded))):
        codes[status_of(kind(""))].append(kind.__name__)
    codes[HTTPStatus.INTERNAL_SERVER_ERROR].append(FAULT)
    return {status: tuple(sorted(found)) for status, found in codes.items()}


def errors_of(route: Route, *, is_guarded: bool) -> Iterator[type[EasyPhotoError]]:
    """Yield what any route of this kind can refuse, whatever it is about."""
    yield ForeignOrigin
    if is_guarded:
        yield Unauthorised
    if route.has_body:
        yield from (TooSlow, TooLarge, WrongMediaType, BadRequest, TooBusy)
    yield from (ServerCloses, EnvironmentFailure) if route.method in READING else (ServerCloses, DiskFailure)
