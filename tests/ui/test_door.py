"""The page's door where it stands alone: what of gradio is open, to whom, and for which files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from easyphoto.app import EasyPhoto
from easyphoto.cli import server
from easyphoto.jobs.askers import STRANGER, Requester, browser_digest
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.ui import door
from easyphoto.ui.door import claims_in
from easyphoto.ui.exports import EXPORTS, new_export
from easyphoto.ui.visitors import COOKIE, visitor_of
from easyphoto.workspace.folders import Workspace
from tests.services import picture

ACCOUNTS = {"anna": "secret", "bea": "hidden"}
EVENT = "/gradio_api/run/predict"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("door")
    service = Service(EasyPhoto(Workspace(folder / "workspace"), mirrors=()), JobQueue(Workspace(folder / "workspace")))
    with server.page_folder(folder / "page"):
        yield server.build_app(service, ACCOUNTS)
    service.queue.close()


def visitor(app: Any, name: str, browser: str) -> TestClient:
    client = TestClient(app, cookies={COOKIE: f"{browser:0>32}"}, raise_server_exceptions=False)
    client.auth = (name, ACCOUNTS[name])
    return client


@pytest.fixture
def anna(app: Any) -> TestClient:
    return visitor(app, "anna", "1")


def uploaded(client: TestClient, content: bytes = b"") -> str:
    return str(client.post("/gradio_api/upload", files={"files": ("a.png", content or picture(1))}).json()[0])


def naming(path: str) -> dict[str, Any]:
    # No event has this number: who passes the door is told so by gradio.
    return {"data": [[{"path": path, "meta": {"_type": "gradio.FileData"}}]], "fn_index": 9999, "session_hash": "a"}


def test_a_browser_is_given_a_cookie_that_its_scripts_cannot_read(app: Any):
    client = TestClient(app)
    client.auth = ("anna", "secret")

    (cookie,) = client.get("/config").headers.get_list("set-cookie")

    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly; SameSite=Lax" in cookie
    assert "set-cookie" not in client.get("/config").headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/proxy=http://127.0.0.1/"),
        ("GET", "/proxy=http://127.0.0.1/"),
        ("GET", "/gradio_api/stream/a/b/1/playlist.m3u8"),
        ("POST", "/gradio_api/stream/a"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/queue/data?session_hash=a"),
        ("POST", "/gradio_api/call/predict"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/custom_component/a/server/component/x"),
        ("GET", "/gradio_api/run-history/records"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/startup-events"),
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("GET", "/gradio_api/dev/reload"),
        ("GET", "/gradio_api/deep_link"),
        ("GET", "/gradio_api/token"),
        ("POST", "/login"),
        ("DELETE", "/"),
    ],
)
def test_what_the_page_does_not_need_is_closed(anna: TestClient, method: str, path: str):
    answer = anna.request(method, path)

    assert (answer.status_code, answer.text) == (404, "Not Found")


def test_an_event_names_what_the_same_account_brought_in_the_same_browser(app: Any, anna: TestClient):
    path = uploaded(anna)

    assert anna.post(EVENT, json=naming(path)).status_code != 403
    for other in (visitor(app, "anna", "2"), visitor(app, "bea", "1"), visitor(app, "bea", "2")):
        assert other.post(EVENT, json=naming(path)).status_code == 403
        assert other.get(f"/gradio_api/file={path}").status_code == 403
    assert anna.get(f"/gradio_api/file={path}").content == picture(1)


@pytest.mark.parametrize("written", ["utf-8", "utf-16", "utf-32"])
def test_a_claim_is_seen_however_an_event_is_written(anna: TestClient, written: str):
    event = json.dumps(naming("/etc/hostname")).encode(written)

    assert anna.post(EVENT, content=event).status_code == 403


@pytest.mark.parametrize("event", [b"", b"{", b"\xff", b"[" * 100_000, b'{"data": [{"path": "\\u0000"}]}'])
def test_what_is_no_event_is_refused(anna: TestClient, event: bytes):
    assert anna.post(EVENT, content=event).status_code == 400


def test_more_than_a_page_sends_is_refused_unread(anna: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door, "MOST_EVENT", 100)
    monkeypatch.setattr(door, "MOST_UPLOAD", 100)

    assert anna.post(EVENT, json={"data": ["x" * 100]}).status_code == 413
    assert anna.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 100)}).status_code == 413
    # Without a length nobody can say how much comes.
    assert anna.post("/gradio_api/upload", content=iter([b"x"])).status_code == 413


def test_files_are_handed_out_only_from_the_pages_folder(anna: TestClient, tmp_path: Path):
    own = Path(uploaded(anna, picture(3)))
    link, outside = own.with_name("link.png"), tmp_path / "outside.png"
    outside.write_bytes(picture(4))
    link.symlink_to(outside)
    pipe = own.with_name("pipe.png")
    os.mkfifo(pipe)

    for path in (outside, link, pipe, own.parent, f"{own.parent}/../../../../{outside}", "/etc/hostname", "http://x/y"):
        assert anna.get(f"/gradio_api/file={path}").status_code in (403, 404), path


def test_an_export_is_handed_out_to_who_asked_for_it_alone(app: Any, anna: TestClient):
    folder = Path(uploaded(anna, picture(5))).parent.parent / EXPORTS
    theirs = new_export(folder, "sheet.png", ("x",), Requester("anna", browser_digest(f"{'1':0>32}")).tag)
    theirs.write_bytes(picture(6))

    # An account is the same in every browser.
    for asker, code in ((anna, 200), (visitor(app, "anna", "2"), 200), (visitor(app, "bea", "1"), 403)):
        assert asker.get(f"/gradio_api/file={theirs}").status_code == code


def test_every_claim_of_an_event_is_found():
    event = {
        "data": [
            {"path": "a"},
            [{"name": "b", "is_file": True}, [{"name": "c", "data": None}, "caption"]],
            {"image": {"path": "d"}, "caption": {"name": "no file"}},
            "/plain/text",
        ]
    }

    assert list(claims_in(event)) == ["a", "b", "c", "d"]


def asked(cookie: str = "", **more: Any) -> Any:
    headers = [(b"cookie", cookie.encode())] if cookie else []
    return Request({"type": "http", "headers": headers, **more})


def test_inside_a_host_a_visitor_is_the_login_and_the_cookie():
    token = "ab" * 16
    request = SimpleNamespace(request=asked(f"{COOKIE}={token}"), username="anna")

    assert visitor_of(request) == Requester("anna", browser_digest(token))


@pytest.mark.parametrize("cookie", ["", "easyphoto_browser=short", f"easyphoto_browser={'g' * 32}"])
def test_without_a_cookie_of_ours_a_visitor_is_like_any_other(cookie: str):
    assert visitor_of(SimpleNamespace(request=asked(cookie), username=None)) == STRANGER


def test_what_a_client_writes_into_its_own_request_counts_nothing():
    """Gradio 3 takes a request's headers out of an event's own words."""
    forged = SimpleNamespace(request=None, username="anna", headers={"cookie": f"{COOKIE}={'ab' * 16}"})

    assert visitor_of(forged) == STRANGER
