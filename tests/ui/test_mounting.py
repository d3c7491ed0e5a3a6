"""The standalone server builds what it is asked for, and sleeps when nobody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from easyphoto.api import application
from easyphoto.app import EasyPhoto
from easyphoto.cli import server
from easyphoto.host.base import ThisMachine
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.ui import mounting
from easyphoto.workspace.folders import Workspace

Built = list[str]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Built:
    """What has been built: pages by their language, and the API."""
    done: Built = []
    build_page, build_api = mounting.build_page, application.build_api

    def page(service: Service, *, standalone: bool, language: str) -> Any:
        done.append(language)
        return build_page(service, standalone=standalone, language=language)

    def api(*words: Any) -> Any:
        done.append("api")
        return build_api(*words)

    monkeypatch.setattr(mounting, "build_page", page)
    monkeypatch.setattr(application, "build_api", api)
    return done


@pytest.fixture
def client(tmp_path: Path, built: Built) -> Iterator[TestClient]:
    """A client of a server that runs: its lifespan has begun."""
    workspace = Workspace(tmp_path / "workspace")
    service = Service(EasyPhoto(workspace, host=ThisMachine("en"), mirrors=()), JobQueue(workspace))
    with server.page_folder(tmp_path / "page"), TestClient(server.build_app(service)) as client:
        yield client
    service.queue.close()


async def loops() -> set[str]:
    """The names of all that goes on in the server's event loop."""
    return {task.get_coro().__qualname__ for task in asyncio.all_tasks()}


def test_of_gradios_loops_only_the_one_that_forgets_closed_pages_goes_on(client: TestClient):
    assert client.get("/").status_code == client.get("/zh-CN/").status_code == 200

    going = client.portal.call(loops)

    assert "_delete_state" in going
    assert not [name for name in going if name.startswith("Queue.")]


def test_another_language_and_the_api_are_built_when_they_are_first_asked_for(client: TestClient, built: Built):
    assert client.get("/").status_code == 200
    assert built == ["en"]

    for _ in range(2):
        assert 'lang="zh-CN"' in client.get("/zh-CN/").text
        assert client.get("/easyphoto/v1/jobs").json() == {"jobs": [], "next": None}

    assert built == ["en", "zh_CN", "api"]


def test_two_who_ask_first_at_the_same_time_get_one_page(client: TestClient, built: Built):
    with ThreadPoolExecutor(2) as two:
        answers = list(two.map(lambda _: client.get("/zh-CN/").status_code, range(2)))

    assert (answers, built) == ([200, 200], ["en", "zh_CN"])
