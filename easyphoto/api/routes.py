"""The router: every route of the API with its status and its documentation."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBasic

from easyphoto.api.capabilities import CapabilityRoutes
from easyphoto.api.configurations import ConfigurationRoutes
from easyphoto.api.events import MEDIA_TYPE
from easyphoto.api.guard import FORM, JSON, MOST_HELD, ZIP, BodyRule, guarded_route
from easyphoto.api.jobs import JobRoutes
from easyphoto.api.legacy import LegacyRoutes
from easyphoto.api.persons import PersonRoutes
from easyphoto.api.schemas import (
    CapabilitiesAnswer,
    ConfigurationAnswer,
    ConfigurationsAnswer,
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
    WeightsAnswer,
)
from easyphoto.api.templates import TemplateRoutes
from easyphoto.api.uploads import BODY, UploadRoutes
from easyphoto.api.verbs import PREFIX, CommandRoutes
from easyphoto.api.waiting import RequestMemory
from easyphoto.api.weights import WeightRoutes
from easyphoto.errors import InputError
from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_ARCHIVE
from easyphoto.messages import text

REFUSALS = (400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503, 507)
LOCATION = {"headers": {"Location": {"description": "Where the job is.", "schema": {"type": "string"}}}}


def build_router(service: Service, *, accounts: Mapping[str, str] | None) -> APIRouter:
    """Build every route below /easyphoto; with `accounts` (user → password) each requires an account."""
    router, service = APIRouter(), service.for_clients()
    memory = RequestMemory(MOST_HELD)
    plain = _router(accounts, BodyRule(room=memory), PREFIX)
    _add_verbs(plain, CommandRoutes(service))
    _add_jobs(plain, JobRoutes(service))
    _add_persons(plain, PersonRoutes(service))
    _add_templates(plain, TemplateRoutes(service))
    _add_configurations(plain, ConfigurationRoutes(service))
    _get(plain, "/capabilities", CapabilityRoutes(service).get, CapabilitiesAnswer, "Capabilities")
    _get(plain, "/weights", WeightRoutes(service).list, WeightsAnswer, "Weights")
    router.include_router(plain)
    router.include_router(_uploads(service, accounts, memory))
    router.include_router(_imports(service, accounts))
    router.include_router(_legacy(service, accounts, memory))
    return router


def parse_accounts(written: str | None) -> dict[str, str] | None:
    """Parse `user:password,user2:password2`, the format of web UIs; returns None for an empty text.

    Raises InputError if it names no account: whoever wrote it did not mean to open the server to everybody.
    """
    if not (written or "").strip():
        return None
    pairs = [account.strip().partition(":") for account in str(written).split(",")]
    if not all(user and colon for user, colon, _ in pairs):
        raise InputError(
            text("The accounts of the API cannot be read."), advice=text("Write user:password, separated by commas.")
        )
    return {user: password for user, _, password in pairs}


class ToldAccount(HTTPBasic):
    """Documents that an account is needed; the route class has already checked it."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        return None


def _router(accounts: Mapping[str, str] | None, rule: BodyRule, prefix: str) -> APIRouter:
    responses: dict[int | str, dict[str, Any]] = {status: {"model": ErrorAnswer} for status in REFUSALS}
    told = [Depends(ToldAccount())] if accounts else []
    return APIRouter(prefix=prefix, route_class=guarded_route(accounts, rule), responses=responses, dependencies=told)


def _add_verbs(router: APIRouter, verbs: CommandRoutes) -> None:
    for path, verb, words in verbs.table():
        router.add_api_route(
            path, verb, methods=["POST"], status_code=202, response_model=JobAnswer, summary=words, tags=["work"],
            responses={202: LOCATION},
        )  # fmt: skip


def _add_jobs(router: APIRouter, jobs: JobRoutes) -> None:
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


def _add_persons(router: APIRouter, persons: PersonRoutes) -> None:
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


def _add_templates(router: APIRouter, templates: TemplateRoutes) -> None:
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


def _add_configurations(router: APIRouter, configurations: ConfigurationRoutes) -> None:
    one = "/configurations/{kind}/{name}"
    _get(router, "/configurations", configurations.list, ConfigurationsAnswer, "Saved settings")
    _get(router, one, configurations.get, ConfigurationAnswer, "Saved settings of that name")
    for method, handler, model, words in (
        ("PUT", configurations.save, ConfigurationAnswer, "Save settings"),
        ("DELETE", configurations.delete, DeletedAnswer, "Delete saved settings"),
    ):
        router.add_api_route(
            one, handler, methods=[method], response_model=model, summary=words, tags=["configurations"]
        )


def _uploads(service: Service, accounts: Mapping[str, str] | None, memory: RequestMemory) -> APIRouter:
    router = _router(accounts, BodyRule((JSON, FORM), room=memory), PREFIX)
    router.add_api_route(
        "/uploads", UploadRoutes(service).add, methods=["POST"], status_code=201, response_model=UploadsAnswer,
        summary="Upload pictures", tags=["uploads"], openapi_extra={"requestBody": BODY},
    )  # fmt: skip
    return router


def _imports(service: Service, accounts: Mapping[str, str] | None) -> APIRouter:
    # Archives go to disk, so several may arrive at the same time.
    rule = BodyRule(
        (ZIP, "application/x-zip-compressed"), MOST_ARCHIVE, is_streamed=True, room=RequestMemory(2 * MOST_ARCHIVE)
    )
    router = _router(accounts, rule, PREFIX)
    body = {"required": True, "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}}
    take_in = PersonRoutes(service).take_in
    router.add_api_route(
        "/persons:import", take_in, methods=["POST"], status_code=201, response_model=PersonAnswer,
        summary="Import a person", tags=["persons"], openapi_extra={"requestBody": body},
    )  # fmt: skip
    return router


def _legacy(service: Service, accounts: Mapping[str, str] | None, memory: RequestMemory) -> APIRouter:
    router, legacy = _router(accounts, BodyRule(room=memory), "/easyphoto"), LegacyRoutes(service)
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
    """Add a GET route; `content` are the media types of an answer that is not a JSON model."""
    responses: dict[int | str, dict[str, Any]] = dict(more or {})
    if content:
        responses[200] = {"content": content}
    tag = path.split("/")[1]
    router.add_api_route(
        path, handler, methods=["GET"], response_model=model, summary=words, tags=[tag], responses=responses,
        response_class=JSONResponse if model else Response,
    )  # fmt: skip
