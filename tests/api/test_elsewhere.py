"""What no route answers, in the API's shape: alone, behind the tabs, and in the server of a web UI."""

from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.routing import Mount
from starlette.testclient import TestClient

from easyphoto.api.application import build_api
from easyphoto.api.deferred import DeferredRoutes
from easyphoto.app import EasyPhoto
from easyphoto.cli import server
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace
from tests.api.calls import V1, error_of


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    service = Service(EasyPhoto(Workspace(folder / "workspace"), mirrors=()), JobQueue(Workspace(folder / "workspace")))
    with server.page_folder(folder / "page"):
        yield service
    service.queue.close()


def in_a_web_ui(service):
    """A page of gradio that is itself the server, with our routes behind its own, as `webui.register` puts them."""
    with gr.Blocks() as page:
        gr.HTML("the web UI")
    around = gr.mount_gradio_app(FastAPI(), page, path="/")
    # The page's own application, which a web UI's is.
    app: Any = next(route.app for route in around.routes if isinstance(route, Mount))
    app.router.routes.append(DeferredRoutes(lambda: build_api(service), "/easyphoto"))
    return app


@pytest.fixture(scope="module", params=["alone", "with tabs", "in a web UI"])
def client(request, service):
    built = {
        "alone": lambda: server.build_app(service, tabs=False),
        "with tabs": lambda: server.build_app(service),
        "in a web UI": lambda: in_a_web_ui(service),
    }
    return TestClient(built[request.param]())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        f"{V1}/nothing", f"{V1}/jobs/x/y", f"{V1}/", f"{V1}/photos", f"{V1}/job", "/easyphoto/v2/jobs", f"{V1}/jobs/",
        f"{V1}//jobs", f"{V1}/persons/anna/portrait/large", f"{V1}/gradio_api/info",
    ],
)  # fmt: skip
def test_an_address_without_a_route_is_404_in_our_shape(client, method, path):
    answer = client.request(method, path)

    assert error_of(answer) == (404, "NotFound")
    assert "/easyphoto/v1/openapi.json" in answer.json()["error"]["advice"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", f"{V1}/jobs", "GET"),
        ("DELETE", f"{V1}/persons", "GET, POST"),
        ("POST", f"{V1}/jobs/x", "DELETE, GET"),
        ("OPTIONS", f"{V1}/persons/x", "DELETE, GET, PATCH"),
        ("GET", f"{V1}/train", "POST"),
        ("POST", f"{V1}/configurations/train/x", "DELETE, GET, PUT"),
        ("POST", f"{V1}/openapi.json", "GET"),
        ("GET", "/easyphoto/easyphoto_train_forward", "POST"),
        ("TRACE", f"{V1}/weights:fetch", "POST"),
    ],
)
def test_a_method_that_an_address_has_not_is_405_and_says_which_it_has(client, method, path, allowed):
    answer = client.request(method, path)

    assert error_of(answer) == (405, "MethodNotAllowed")
    assert answer.headers["allow"] == allowed
    assert allowed in answer.json()["error"]["advice"]


def test_what_has_a_route_is_answered_by_it(client):
    assert client.get(f"{V1}/jobs").json() == {"jobs": [], "next": None}
    assert client.get(f"{V1}/openapi.json").json()["info"]["title"] == "EasyPhoto"


@pytest.mark.parametrize("tag", ["/zh-CN", ""])
def test_below_the_page_of_each_language_nobody_meets_gradio(service, tag):
    client = TestClient(server.build_app(service))

    assert client.get(f"{tag}/").status_code == 200
    assert error_of(client.get(f"{tag}{V1}/nothing")) == (404, "NotFound")
    # The API has one address, whatever the page's language.
    assert client.get(f"{tag}{V1}/jobs").status_code == (200 if tag == "" else 404)
    assert "json" in client.get(f"{tag}{V1}/jobs").headers["content-type"]


def test_the_page_and_the_rest_of_the_web_ui_are_left_alone(service):
    client = TestClient(in_a_web_ui(service))

    assert "the web UI" in client.get("/config").text
    assert client.get("/nothing").status_code == 404
    assert "error" not in client.get("/nothing").text
