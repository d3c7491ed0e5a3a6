"""The API on a bare application, as a web UI has it, with a service whose verbs run in a moment."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from easyphoto.api.routes import build_router
from easyphoto.app import EasyPhoto
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace
from tests.services import workshop

__all__ = ["client", "open_client", "workshop"]


@pytest.fixture
def open_client(workshop):
    """Makes a client of the routes, with or without accounts."""

    def opened(accounts=None):
        app = FastAPI()
        app.include_router(build_router(workshop.service, accounts=accounts))
        return TestClient(app)

    return opened


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """A client for what is refused before any work; one for a whole module, because routes take long to build."""
    workspace = Workspace(tmp_path_factory.mktemp("door") / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    app = FastAPI()
    app.include_router(build_router(service, accounts=None))
    yield TestClient(app)
    assert service.queue.list() == (), "something was queued"
    service.queue.close()


@pytest.fixture(scope="module")
def locked_door(tmp_path_factory):
    """The same with accounts."""
    workspace = Workspace(tmp_path_factory.mktemp("locked") / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    app = FastAPI()
    app.include_router(build_router(service, accounts={"anna": "secret", "bea": "пароль:1"}))
    yield TestClient(app)
    service.queue.close()


@pytest.fixture
def client(open_client):
    return open_client()


@pytest.fixture
def anyio_backend():
    return "asyncio"
