"""The router: every route of the API with its status and its documentation."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBasic

from easyphoto.api.capabilities import Capabilities
from easyphoto.api.events import MEDIA_TYPE
from easyphoto.api.guard import FORM, JSON, MOST_HELD, ZIP, BodyRule, guarded_route
from easyphoto.api.jobs import Jobs
from easyphoto.api.legacy import Legacy
from easyphoto.api.persons import Persons
from easyphoto.api.schemas import (
    CapabilitiesAnswer,
    DeletedAnswer,
    ErrorAnswer,
    JobAnswer,
    JobsAnswer,
    PersonAnswer,
    PersonDeletedAnswer,
    PersonsAnswer,
    TemplateAnswer,
    TemplatesAnswer,
    UploadsAnswer,
)
from easyphoto.api.templates import Templates
from easyphoto.api.uploads import BODY, Uploads
from easyphoto.api.verbs import PREFIX, Verbs
from easyphoto.api.waiting import Room
from easyphoto.errors import InputError
from easyphoto.jobs.desk import Desk
from easyphoto.jobs.uploads import MOST_ARCHIVE

REFUSALS = (400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503, 507)
LOCATION = {"headers": {"Location": {"description": "Where the job is.", "schema": {"type": "string"}}}}


def build_router(desk: Desk, *, accounts: Mapping[str, str] | None) -> APIRouter:
    """Every route below /easyphoto; with `accounts` (user → password) each of them asks who is there."""
    router, desk = APIRouter(), desk.for_clients()
    memory = Room(MOST_HELD)
    plain = _router(accounts, BodyRule(room=memory), PREFIX)
    _add_verbs(plain, Verbs(desk))
    _add_jobs(plain, Jobs(desk))
    _add_persons(plain, Persons(desk))
    _add_templates(plain, Templates(desk))
    _get(plain, "/capabilities", Capabilities(desk).get, CapabilitiesAnswer, "Capabilities")
    router.include_router(plain)
    router.include_router(_uploads(desk, accounts, memory))
    router.include_router(_imports(desk, accounts))
    router.include_router(_legacy(desk, accounts, memory))
    return router


def parse_accounts(text: str | None) -> dict[str, str] | None:
    """`user:password,user2:password2`, as web UIs take it; None where there is nothing.

    Raises InputError for what names no account: who wrote it did not mean to let everybody in.
    """
    if not (text or "").strip():
        return None
    pairs = [account.strip().partition(":") for account in str(text).split(",")]
    if not all(user and colon for user, colon, _ in pairs):
        raise InputError("The accounts of the API cannot be read.", advice="Write user:password, with commas between.")
    return {user: password for user, _, password in pairs}


class ToldAccount(HTTPBasic):
    """Says in the document that an account is needed; the class of routes has checked it long before."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        return None


def _router(accounts: Mapping[str, str] | None, rule: BodyRule, prefix: str) -> APIRouter:
    responses: dict[int | str, dict[str, Any]] = {status: {"model": ErrorAnswer} for status in REFUSALS}
    told = [Depends(ToldAccount())] if accounts else []
    return APIRouter(prefix=prefix, route_class=guarded_route(accounts, rule), responses=responses, dependencies=told)


def _add_verbs(router: APIRouter, verbs: Verbs) -> None:
    for path, verb, words in (
        ("/photos:check", verbs.check, "Check photos"),
        ("/train", verbs.train, "Train a person"),
        ("/photograph", verbs.photograph, "Photograph persons"),
        ("/templates:draw", verbs.draw, "Draw a template"),
        ("/resume", verbs.resume, "Resume a training"),
        ("/setup", verbs.setup, "Set up the trainer"),
    ):
        router.add_api_route(
            path, verb, methods=["POST"], status_code=202, response_model=JobAnswer, summary=words, tags=["work"],
            responses={202: LOCATION},
        )  # fmt: skip


def _add_jobs(router: APIRouter, jobs: Jobs) -> None:
    _get(router, "/jobs", jobs.list, JobsAnswer, "Jobs")
    _get(router, "/jobs/{id}", jobs.get, JobAnswer, "Job")
    _get(
        router,
        "/jobs/{id}/events",
        jobs.events,
        None,
        "Follow a job",
        {MEDIA_TYPE: {}},
        {204: {"description": "Over."}},
    )
    kinds = ("image/jpeg", "image/png", "text/html", JSON, "text/plain", "application/octet-stream")
    _get(router, "/jobs/{id}/files/{name}", jobs.file, None, "A job's file", {kind: {} for kind in kinds})
    router.add_api_route(
        "/jobs/{id}", jobs.end, methods=["DELETE"], response_model=JobAnswer, summary="Cancel or forget", tags=["jobs"]
    )


def _add_persons(router: APIRouter, persons: Persons) -> None:
    _get(router, "/persons", persons.list, PersonsAnswer, "Persons")
    _get(router, "/persons/{id}", persons.get, PersonAnswer, "Person")
    _get(router, "/persons/{id}/portrait", persons.portrait, None, "Portrait", {"image/png": {}, "image/jpeg": {}})
    _get(router, "/persons/{id}/export", persons.export, None, "Export", {ZIP: {}})
    router.add_api_route(
        "/persons/{id}", persons.rename, methods=["PATCH"], response_model=PersonAnswer, summary="Rename",
        tags=["persons"],
    )  # fmt: skip
    router.add_api_route(
        "/persons/{id}", persons.delete, methods=["DELETE"], response_model=PersonDeletedAnswer,
        summary="Delete a person", tags=["persons"],
        responses={202: {"model": PersonDeletedAnswer, "description": "Begun; something has not gone yet."}},
    )  # fmt: skip


def _add_templates(router: APIRouter, templates: Templates) -> None:
    _get(router, "/templates", templates.list, TemplatesAnswer, "Templates")
    kinds = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff")
    _get(
        router, "/templates/{id}/picture", templates.picture, None, "A template's picture", {kind: {} for kind in kinds}
    )
    router.add_api_route(
        "/templates", templates.add, methods=["POST"], status_code=201, response_model=TemplateAnswer,
        summary="Add a template", tags=["templates"],
    )  # fmt: skip
    router.add_api_route(
        "/templates/{id}", templates.delete, methods=["DELETE"], response_model=DeletedAnswer,
        summary="Delete a template", tags=["templates"],
    )  # fmt: skip


def _uploads(desk: Desk, accounts: Mapping[str, str] | None, memory: Room) -> APIRouter:
    router = _router(accounts, BodyRule((JSON, FORM), room=memory), PREFIX)
    router.add_api_route(
        "/uploads", Uploads(desk).add, methods=["POST"], status_code=201, response_model=UploadsAnswer,
        summary="Upload pictures", tags=["uploads"], openapi_extra={"requestBody": BODY},
    )  # fmt: skip
    return router


def _imports(desk: Desk, accounts: Mapping[str, str] | None) -> APIRouter:
    # They go to the disk; a second one may arrive meanwhile.
    rule = BodyRule((ZIP, "application/x-zip-compressed"), MOST_ARCHIVE, is_streamed=True, room=Room(2 * MOST_ARCHIVE))
    router = _router(accounts, rule, PREFIX)
    body = {"required": True, "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}}
    router.add_api_route(
        "/persons:import", Persons(desk).take_in, methods=["POST"], status_code=201, response_model=PersonAnswer,
        summary="Import a person", tags=["persons"], openapi_extra={"requestBody": body},
    )  # fmt: skip
    return router


def _legacy(desk: Desk, accounts: Mapping[str, str] | None, memory: Room) -> APIRouter:
    router, legacy = _router(accounts, BodyRule(room=memory), "/easyphoto"), Legacy(desk)
    for path, verb, words in (
        ("/easyphoto_train_forward", legacy.train, "Train, as in 2023"),
        ("/easyphoto_infer_forward", legacy.infer, "Photograph, as in 2023"),
    ):
        router.add_api_route(path, verb, methods=["POST"], response_model=None, summary=words, tags=["2023"])
    return router


def _get(
    router: APIRouter,
    path: str,
    handler: Any,
    model: Any,
    words: str,
    content: dict[str, Any] | None = None,
    more: dict[int | str, dict[str, Any]] | None = None,
) -> None:
    """`content`: media types of an answer that is no JSON of a model."""
    responses: dict[int | str, dict[str, Any]] = dict(more or {})
    if content:
        responses[200] = {"content": content}
    tag = path.split("/")[1]
    router.add_api_route(
        path, handler, methods=["GET"], response_model=model, summary=words, tags=[tag], responses=responses,
        response_class=JSONResponse if model else Response,
    )  # fmt: skip
