"""Asking a web UI elsewhere: who asks, how long, how often, and what is never told."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.backends.remote import open_remote
from easyphoto.backends.remote_client import Address, WebUi, address_from
from easyphoto.errors import BackendError, BackendUnreachable, EasyPhotoError, InputError
from tests.backends.sdapi_server import HostState, Served, serving
from tests.backends.test_remote import HASTE

MODELS, IMG2IMG = "/sdapi/v1/sd-models", "/sdapi/v1/img2img"
SECRET = "anna:pass:word-7"


@pytest.fixture
def host() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.mark.parametrize(
    ("text", "auth", "url", "secret"),
    [
        ("http://host:7860", None, "http://host:7860", ""),
        ("https://host/sub/path/", None, "https://host/sub/path", ""),
        ("http://anna:p%40ss@host:7860", None, "http://host:7860", "anna:p@ss"),
        ("http://anna:old@host", "ben:new", "http://host", "ben:new"),
        ("http://[::1]:7860", None, "http://[::1]:7860", ""),
    ],
)
def test_an_address_is_read(text: str, auth: str | None, url: str, secret: str) -> None:
    assert address_from(text, auth) == Address(url, secret)


@pytest.mark.parametrize(
    "text", ["", "host:7860", "ftp://host", "http://", "file:///etc/passwd", "http://host:port", "http://host/?a=b"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        address_from(text)


@pytest.mark.parametrize("auth", ["anna", ":word"])
def test_a_password_without_a_name_is_refused_and_not_repeated(auth: str) -> None:
    with pytest.raises(InputError) as refused:
        address_from("http://host", auth)

    assert auth not in str(refused.value)


def test_only_a_password_on_a_foreign_plain_line_can_be_overheard() -> None:
    assert Address("http://host:7860", SECRET).is_open_to_listeners
    assert not Address("https://host", SECRET).is_open_to_listeners
    assert not Address("http://127.0.0.1:7860", SECRET).is_open_to_listeners
    assert not Address("http://host:7860").is_open_to_listeners


def test_name_and_password_open_the_door() -> None:
    with serving(HostState(auth=SECRET)) as host:
        backend = open_remote(WebUi(address_from(host.url, SECRET), HASTE), SD15)

        assert backend.capabilities().checkpoints[0] == "first.safetensors [aaaaaaaaaa]"


@pytest.mark.parametrize(("auth", "words"), [(None, "asks for a name"), ("anna:wrong-9", "refused the name")])
def test_a_closed_door_says_which_key_it_wants(auth: str | None, words: str) -> None:
    with serving(HostState(auth=SECRET)) as host, pytest.raises(BackendError, match=words) as refused:
        open_remote(WebUi(address_from(host.url, auth), HASTE), SD15)

    assert "--backend-auth USER:PASSWORD" in refused.value.advice


@pytest.mark.parametrize(
    "answer",
    [
        (401, {}, b"{}"),
        (500, {}, b'{"detail": "anna:pass:word-7 and YW5uYTpwYXNzOndvcmQtNw== and pass:word-7"}'),
        (422, {}, b"pass:word-7"),
        (302, {"Location": "http://anna:pass:word-7@elsewhere.example/"}, b""),
        (200, {}, b"pass:word-7"),
    ],
    ids=["401", "500", "422", "302", "no JSON"],
)
def test_the_password_is_in_no_error(host: Served, answer: tuple[int, dict[str, str], bytes]) -> None:
    host.state.answers[MODELS] = answer
    webui = WebUi(address_from(host.url.replace("http://", "http://anna:pass%3Aword-7@")), HASTE)

    with pytest.raises(EasyPhotoError) as refused:
        webui.get(MODELS)

    told = "".join(traceback.format_exception(refused.value)) + repr(webui.address) + repr(vars(refused.value))
    assert "word-7" not in told
    assert "YW5uYTpwYXNzOndvcmQtNw" not in told


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_nobody_is_followed_elsewhere(host: Served, code: int) -> None:
    with serving() as other:
        host.state.answers[MODELS] = (code, {"Location": other.url + MODELS}, b"")

        with pytest.raises(EasyPhotoError):
            WebUi(address_from(host.url, SECRET), HASTE).get(MODELS)

        assert other.state.asked == []


def test_a_web_ui_without_its_api_is_told_how_to_start() -> None:
    with serving() as host:
        host.state.answers[MODELS] = (404, {}, b'{"detail":"Not Found"}')

        with pytest.raises(BackendUnreachable, match="Start the web UI with --api"):
            open_remote(WebUi(address_from(host.url), HASTE), SD15)


def test_where_nobody_listens_it_is_said() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        with pytest.raises(BackendUnreachable, match=r"does not answer .* Start the web UI with --api"):
            WebUi(address_from(url), HASTE).get(MODELS)


@pytest.mark.parametrize("body", [b"<html>a login page</html>", b"{", b"[" * 100_000, b"\xff\xfe"])
def test_an_answer_that_is_no_json_is_refused(host: Served, body: bytes) -> None:
    host.state.answers[MODELS] = (200, {}, body)

    with pytest.raises(BackendError, match="as a web UI does"):
        WebUi(address_from(host.url), HASTE).get(MODELS)


@pytest.mark.parametrize("length", ["5000", None], ids=["announced", "not announced"])
def test_an_answer_larger_than_asked_for_is_not_read(host: Served, length: str | None) -> None:
    size = 5000 if length else 4 << 20
    headers = {"Content-Length": length} if length else {"Content-Length": "", "Connection": "close"}
    host.state.answers[MODELS] = (200, headers, b" " * size)

    with pytest.raises(BackendError, match="is too large"):
        WebUi(address_from(host.url), HASTE).get(MODELS, room=1000)


def test_a_question_is_repeated_and_a_request_is_not(host: Served) -> None:
    webui = WebUi(address_from(host.url), replace(HASTE, read_seconds=0.05))
    host.state.silent = {MODELS, IMG2IMG}

    for ask in (lambda: webui.get(MODELS), lambda: webui.post(IMG2IMG, {})):
        with pytest.raises(BackendUnreachable, match="no answer in time"):
            ask()

    assert host.state.times(MODELS) == HASTE.tries
    assert host.state.times(IMG2IMG) == 1


def test_a_request_goes_again_where_nothing_was_sent(host: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = socket.create_connection, []

    def connect_at_the_second_try(*arguments: object, **named: object) -> socket.socket:
        tries.append(arguments)
        if len(tries) == 1:
            raise ConnectionRefusedError("not yet")
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", connect_at_the_second_try)
    # http.client looks the function up when a connection is made.
    monkeypatch.setattr("http.client.socket.create_connection", connect_at_the_second_try)

    WebUi(address_from(host.url), HASTE).post("/sdapi/v1/interrupt", {})

    assert len(tries) == 2
    assert host.state.times("/sdapi/v1/interrupt") == 1


def test_a_certificate_that_nobody_signed_is_refused(host: Served) -> None:
    # The server speaks no TLS at all: what matters is that nothing is sent without it.
    with pytest.raises(BackendUnreachable):
        WebUi(address_from(host.url.replace("http:", "https:"), SECRET), HASTE).post(IMG2IMG, {})

    assert host.state.asked == []
