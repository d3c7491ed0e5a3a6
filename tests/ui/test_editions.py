"""The standalone page in both languages: who is shown which, that a choice is remembered, and that both are guarded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from easyphoto.app import EasyPhoto
from easyphoto.cli import server
from easyphoto.host.base import ThisMachine
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.ui.editions import Editions, preferred
from easyphoto.workspace.folders import Workspace

CHINESE = "/zh-CN/"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of a server for which no language was set."""
    folder = tmp_path_factory.mktemp("editions")
    workspace = Workspace(folder / "workspace")
    service = Service(EasyPhoto(workspace, host=ThisMachine(""), mirrors=()), JobQueue(workspace))
    with server.page_folder(folder / "page"):
        yield server.build_app(service)
    service.queue.close()


@pytest.fixture
def client(app: Any) -> TestClient:
    return TestClient(app, follow_redirects=False)


def asked(path: str, query: str = "", method: str = "GET", **headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": named,
        "server": ("a", 80), "scheme": "http",
    })  # fmt: skip


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"),
        ("zh-TW", "zh_CN"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("zh;q=0.4, en;q=0.5", "en"),
        ("fr-FR,zh;q=0.3", "zh_CN"),
        ("fr, *;q=0.1", "en"),
        ("zh;q=much, en;q=0.1", "en"),
    ],
)
def test_the_browsers_language_decides_where_none_was_chosen(accepted: str, language: str):
    assert preferred(accepted) == language


def test_a_browser_in_chinese_is_sent_to_the_chinese_page(client: TestClient):
    answer = client.get("/", headers={"Accept-Language": "zh-CN"})

    assert (answer.status_code, answer.headers["location"]) == (303, "./zh-CN/")
    assert client.get("/", headers={"Accept-Language": "de"}).status_code == 200


def test_a_choice_is_remembered_and_goes_before_the_browsers_language(client: TestClient):
    chosen = client.get("/?language=zh_CN")
    assert (chosen.status_code, chosen.headers["location"]) == (303, "./zh-CN/")
    assert client.get("/", headers={"Accept-Language": "en"}).headers["location"] == "./zh-CN/"

    back = client.get("/?language=en", headers={"Accept-Language": "zh"})
    assert (back.status_code, back.headers["location"]) == (303, "./")
    assert client.get("/", headers={"Accept-Language": "zh"}).status_code == 200


def test_the_language_that_was_set_is_at_the_root_whatever_the_browser_speaks():
    editions = Editions("zh_CN")

    assert (editions.path("zh_CN"), editions.path("en")) == ("", "/en")
    assert editions.answer(asked("/", accept_language="en")) is None
    switched = editions.answer(asked("/", "language=en"))
    assert switched is not None
    assert switched.headers["location"] == "./en/"


@pytest.mark.parametrize("request_", [asked("/config", accept_language="zh"), asked("/zh-CN/", accept_language="en")])
def test_only_the_root_sends_somebody_elsewhere(request_: Request):
    assert Editions().answer(request_) is None


def test_a_language_that_is_none_is_not_remembered():
    assert Editions().answer(asked("/", "language=../../x")) is None


def test_each_page_is_in_its_language_and_offers_the_other(client: TestClient):
    said = {path: client.get(f"{path}config").text for path in ("/", CHINESE)}

    assert "Start training" in said["/"]
    assert "开始训练" not in said["/"]
    assert "开始训练" in said[CHINESE]
    assert "./?language=zh_CN" in said["/"]
    assert "../?language=en" in said[CHINESE]
    assert client.get("/zh-CN").headers["location"] == "./zh-CN/"


def test_gradios_own_words_are_in_the_pages_language_whatever_the_browser_speaks(client: TestClient):
    for path, tag in (("/", "en"), (CHINESE, "zh-CN")):
        answer = client.get(path, headers={"Accept-Language": "en", "Accept-Encoding": "br, gzip"})

        assert re.search(r'<html\s+lang="([^"]*)"', answer.text)[1] == tag  # type: ignore[index]
        assert f"""navigator, 'language', {{ value: "{tag}" }}""" in answer.text.partition("gradio_config")[0]
        assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("path", ["gradio_api/proxy=http://127.0.0.1/", "gradio_api/queue/data", "login", "monitoring"])
def test_the_door_is_as_narrow_in_every_language(client: TestClient, path: str):
    assert client.get(f"/{path}").status_code == 404
    assert client.get(f"{CHINESE}{path}").status_code == 404


def test_a_file_that_did_not_come_in_is_refused_in_every_language(client: TestClient):
    event = {"data": [[{"path": str(Path("/etc/hostname")), "meta": {}}]], "fn_index": 0, "session_hash": "a"}

    for path in ("/", CHINESE):
        assert client.post(f"{path}gradio_api/run/predict", json=event).status_code == 403
        assert client.get(f"{path}gradio_api/file=/etc/hostname").status_code == 403


def test_an_upload_may_be_used_in_either_language_by_who_brought_it(client: TestClient):
    client.get("/")
    path = client.post("/gradio_api/upload", files={"files": ("a.txt", b"mine")}).json()[0]

    assert client.get(f"{CHINESE}gradio_api/file={path}").content == b"mine"


def test_the_page_leads_to_our_api(client: TestClient):
    assert "./easyphoto/v1/openapi.json" in client.get("/config").text
    assert "../easyphoto/v1/openapi.json" in client.get(f"{CHINESE}config").text
