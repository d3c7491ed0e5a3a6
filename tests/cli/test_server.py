"""The standalone server: who gets past the front door, what stands at the root, how it starts and ends."""

import gc
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from easyphoto.api.front import LOOPBACK
from easyphoto.app import EasyPhoto
from easyphoto.cli import server
from easyphoto.errors import EnvironmentFailure, InputError
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace

V1 = "/easyphoto/v1"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("server") / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    yield service
    service.queue.close()


@pytest.fixture(scope="module")
def client(service):
    app = server.build_app(service, hosts=LOOPBACK, tabs=False)

    @app.websocket("/queue/join")
    async def join(socket):
        await socket.accept()
        await socket.close()

    return TestClient(app, base_url="http://127.0.0.1:7870")


@pytest.mark.parametrize("host", ["127.0.0.1:7870", "localhost:1", "localhost", "[::1]:7870", "LOCALHOST:7870"])
def test_this_machines_own_names_are_served(client, host):
    assert client.get(f"{V1}/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:7870", "localhost.evil", "192.168.1.2", ""])
def test_another_name_for_this_machine_is_refused(client, host):
    answer = client.get(f"{V1}/jobs", headers={"Host": host})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ForeignOrigin")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8188"},
        {"Origin": "https://127.0.0.1:7870.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_a_page_of_another_site_changes_nothing(client, headers, method):
    answer = client.request(method, f"{V1}/persons/anna", headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ForeignOrigin")


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://127.0.0.1:7870"}, {"Sec-Fetch-Site": "same-origin"}])
def test_our_own_page_and_programs_may(client, headers):
    assert client.delete(f"{V1}/persons/anna", headers=headers).status_code == 404


def test_a_script_of_another_site_reads_nothing_but_its_link_opens_the_page(client):
    script = client.get(f"{V1}/persons", headers={"Origin": "http://localhost:3000"})
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    link = client.get(f"{V1}/persons", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})

    assert (script.status_code, script.json()["error"]["code"]) == (403, "ForeignOrigin")
    assert client.options("/queue/join", headers=asked).status_code == 403
    assert link.status_code == 200


def test_no_other_site_shows_the_page_in_a_frame(client):
    assert client.get(f"{V1}/persons").headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_web_socket_of_another_site_is_closed(client):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/queue/join", headers={"Origin": "http://e.com"}),
    ):
        pass


def test_accounts_stand_before_every_path(service):
    client = TestClient(server.build_app(service, {"anna": "secret"}))

    for path in ("/", "/config", f"{V1}/jobs", f"{V1}/openapi.json", "/nothing", "/gradio_api/info"):
        assert client.get(path).status_code == 401, path
        assert client.get(path, auth=("anna", "wrong")).status_code == 401, path
    assert client.get(f"{V1}/jobs", auth=("anna", "secret")).status_code == 200
    assert client.get("/", auth=("anna", "secret")).status_code == 200


def test_what_no_route_answers_has_the_same_shape(client):
    assert client.get(f"{V1}/nothing").json()["error"]["code"] == "NotFound"
    assert client.put(f"{V1}/jobs").json()["error"]["code"] == "MethodNotAllowed"
    assert client.put(f"{V1}/jobs").headers["allow"]


def test_without_gradio_a_page_says_what_is_missing(service, monkeypatch):
    monkeypatch.setattr(server, "_has_tabs", lambda: False)

    answer = TestClient(server.build_app(service)).get("/")

    assert answer.status_code == 200
    assert "pip install easyphoto[ui]" in answer.text


def test_an_address_for_others_needs_an_account_or_an_explicit_word(service):
    with pytest.raises(InputError, match="--auth"):
        server.serve(service, host="0.0.0.0", port=0)


def test_a_port_that_is_taken_is_said_before_the_tabs_are_made(service, monkeypatch):
    monkeypatch.setattr(server, "build_app", lambda *_, **__: pytest.fail("the tabs were made"))
    with server.open_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentFailure) as refused:
            server.serve(service, port=port)

    assert str(refused.value) == (
        f"The port {port} is in use by another program, or by another EasyPhoto. "
        "Choose another --port; 0 takes a free one."
    )


def test_a_port_that_is_none_is_said_before_the_tabs_are_made(service, monkeypatch):
    monkeypatch.setattr(server, "build_app", lambda *_, **__: pytest.fail("the tabs were made"))

    with pytest.raises(InputError) as refused:
        server.serve(service, port=99999)

    assert str(refused.value) == "There is no port 99999. Choose a --port up to 65535; 0 takes a free one."


def test_what_comes_through_the_page_stays_in_the_workspace_and_goes_with_the_server(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "elsewhere")
    killed = tmp_path / "page" / "0123456789abcdef"
    killed.mkdir(parents=True)
    (killed / "photo.jpg").write_bytes(b"a face")
    killed.with_suffix(".lock").write_bytes(b"")

    with server.page_folder(tmp_path / "page") as own:
        assert [os.environ["GRADIO_TEMP_DIR"], own.parent] == [str(own), tmp_path / "page"]
        assert not killed.exists()
        (own / "photo.jpg").write_bytes(b"a face")
        # A second server of the same workspace leaves the first one's alone.
        with server.page_folder(tmp_path / "page"):
            assert (own / "photo.jpg").is_file()

    assert not (tmp_path / "page").exists()
    assert os.environ["GRADIO_TEMP_DIR"] == "elsewhere"


def test_what_a_start_makes_is_left_alone_by_pythons_collector_from_then_on():
    frozen = gc.get_freeze_count()
    try:
        with suppress(EnvironmentFailure), server.uncollected():
            is_collected, made = gc.isenabled(), [[] for _ in range(1000)]
            raise EnvironmentFailure("no port")

        assert (is_collected, gc.isenabled()) == (False, True)
        assert gc.get_freeze_count() >= frozen + len(made)
    finally:
        gc.unfreeze()


def test_gradio_keeps_uploads_where_it_is_told(service, tmp_path):
    from easyphoto.ui.page import build_page

    with server.page_folder(tmp_path / "page") as own:
        page = build_page(service, standalone=True)

    kept = {block.GRADIO_CACHE for block in page.blocks.blocks.values() if hasattr(block, "GRADIO_CACHE")}
    assert kept == {str(own)}


@pytest.mark.slow
@pytest.mark.parametrize("proxy", ["socks5://anna:word@127.0.0.1:9", "nonsense://x"])
def test_the_page_is_served_behind_a_proxy_that_its_libraries_cannot_use(tmp_path, proxy):
    process = subprocess.Popen(
        [sys.executable, "-m", "easyphoto", "ui", "--port", "0", "--workspace", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "ALL_PROXY": proxy, "https_proxy": proxy},
    )  # fmt: skip
    try:
        address = process.stdout.readline().strip()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for page in ("", "zh-CN/"):
            with direct.open(f"{address}{page}", timeout=60) as answer:
                assert answer.status == 200
                assert b"gradio" in answer.read()
    finally:
        process.kill()
        _, said = process.communicate()

    assert "word" not in said
    assert "ImportError" not in said


def test_the_proxies_are_hidden_only_while_the_page_is_built(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "host")
    monkeypatch.delenv("no_proxy", raising=False)

    with server._without_proxies():
        assert urllib.request.proxy_bypass("anything")

    assert os.environ["NO_PROXY"] == "host"
    assert "no_proxy" not in os.environ


@pytest.mark.slow
def test_the_verb_serves_until_it_is_interrupted_and_closes_the_queue(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "easyphoto", "ui", "--port", "0", "--workspace", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "EASYPHOTO_AUTH": "anna:secret"},
    )  # fmt: skip
    try:
        address = process.stdout.readline().strip()
        request = urllib.request.Request(
            f"{address}easyphoto/v1/jobs", headers={"Authorization": "Basic YW5uYTpzZWNyZXQ="}
        )
        assert urllib.request.urlopen(request, timeout=60).read() == b'{"jobs":[],"next":null}'
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == 130
