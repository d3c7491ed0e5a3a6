"""The API as an ASGI application of its own: routes, OpenAPI document, and errors in one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from easyphoto import __version__
from easyphoto.api.document import DESCRIPTION, LICENCE, TAGS, completed
from easyphoto.api.elsewhere import DOCUMENT, Elsewhere
from easyphoto.api.errors import plain_answer
from easyphoto.api.routes import addresses, build_router
from easyphoto.jobs.service import Service


class Api(FastAPI):
    """An application whose document has our examples, and our refusals alone."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def build_api(service: Service, accounts: Mapping[str, str] | None = None, *, has_door: bool = False) -> FastAPI:
    """Build the application; a web UI's own server forwards requests to it.

    `has_door`: the front door in front of it asks for accounts, and the document says so.
    """
    app = Api(
        title="EasyPhoto",
        version=__version__,
        description=DESCRIPTION,
        license_info=dict(LICENCE),
        openapi_tags=[dict(tag) for tag in TAGS],
        # FastAPI's own documentation pages load scripts from other sites.
        docs_url=None,
        redoc_url=None,
        openapi_url=DOCUMENT,
    )
    app.include_router(build_router(service, accounts=accounts, has_door=has_door))
    _answer_in_our_shape(app)
    app.router.routes.append(Elsewhere([("GET", DOCUMENT), *addresses(service)]))
    return app


def _answer_in_our_shape(app: FastAPI) -> None:
    """Register handlers for errors outside of the routes; inside a web UI the host handles those."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = plain_answer(error.status_code, error.detail)
        answer.headers.update(error.headers or {})
        return answer

    app.add_exception_handler(HTTPException, refused)
