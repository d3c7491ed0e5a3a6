"""The API as an ASGI application of its own: routes, OpenAPI document, and errors in one shape."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from easyphoto import __version__
from easyphoto.api.errors import plain_answer
from easyphoto.api.routes import ToldAccount, build_router
from easyphoto.jobs.service import Service


def build_api(service: Service, accounts: Mapping[str, str] | None = None, *, has_door: bool = False) -> FastAPI:
    """Build the application; a web UI's own server forwards requests to it.

    `has_door`: the front door in front of it asks for accounts, and the document says so.
    """
    # FastAPI's own documentation pages load scripts from other sites.
    app = FastAPI(
        title="EasyPhoto",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/easyphoto/v1/openapi.json",
        dependencies=[Depends(ToldAccount())] if has_door else None,
    )
    app.include_router(build_router(service, accounts=accounts))
    _answer_in_our_shape(app)
    return app


def _answer_in_our_shape(app: FastAPI) -> None:
    """Register handlers for errors outside of the routes; inside a web UI the host handles those."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = plain_answer(error.status_code, error.detail)
        answer.headers.update(error.headers or {})
        return answer

    app.add_exception_handler(HTTPException, refused)
