"""Behind a proxy: downloads go through it, one that refuses is named, and its password is told to nobody."""

from __future__ import annotations

import base64
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from easyphoto.backends.remote_client import Address, RequestLimits, WebUi
from easyphoto.errors import BackendUnreachable, EnvironmentFailure, WeightsMissing
from easyphoto.progress import NullProgress
from easyphoto.weights.catalog import HubFile, WeightFile
from easyphoto.weights.proxies import Proxy, proxies, proxy_for, without_secret
from easyphoto.weights.refusals import missing
from easyphoto.weights.sources import shown_url
from easyphoto.weights.store import WeightStore
from easyphoto.weights.tables import weights_lines
from tests.weights.proxy import FakeProxy, running
from tests.weights.shelf import Shelf, gives, says, sha256

CONTENT = b"\x00\x01 a network \xff" * 5000
URL = "https://weights.example/net"
PLAIN = "http://weights.example/net"
SECRET = "geheim"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

Catalogue = Callable[..., WeightFile]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy() -> Iterator[FakeProxy]:
    with running(FakeProxy()) as made:
        yield made


def refusal(store: WeightStore) -> EnvironmentFailure:
    with pytest.raises(WeightsMissing) as refused:
        store.require("net", NullProgress())
    return refused.value


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (407, "Who are you", "asks for a name and a password (HTTP 407 Who are you)"),
        (403, "Forbidden by policy", "refused the connection (HTTP 403 Forbidden by policy)"),
        (502, "Bad Gateway", "refused the connection (HTTP 502 Bad Gateway)"),
    ],
)  # fmt: skip
def test_a_proxy_that_refuses_is_named_without_its_password(
    status: int, reason: str, said: str, proxy: FakeProxy, catalogue: Catalogue, store: WeightStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    catalogue(URL, f"{URL}-elsewhere", sha256=sha256(CONTENT))
    proxy.status, proxy.reason = status, reason
    monkeypatch.setenv("https_proxy", f"http://anna:{SECRET}@{proxy.place}")

    error = refusal(store)

    assert error.message == (f"net.dat (a test) is not available: the proxy http://{proxy.place} (https_proxy) {said}.")
    assert error.advice.startswith(
        "Correct the proxy, with name and password if it asks for them: https_proxy=http://USER:PASSWORD@HOST:PORT. "
        "Or let weights.example be asked for directly: NO_PROXY=weights.example. Download net.dat"
    )
    assert proxy.asked == [("CONNECT", "weights.example:443")] * 2
    assert proxy.secrets[0] == f"Basic {base64.b64encode(f'anna:{SECRET}'.encode()).decode()}"
    assert SECRET not in str(error)
    assert SECRET not in repr(error.__dict__)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("https_proxy", "http://anna:geheim@127.0.0.1:9", "the proxy http://127.0.0.1:9 (https_proxy) does not answer"),
        ("HTTPS_PROXY", "127.0.0.1:9", "the proxy http://127.0.0.1:9 (HTTPS_PROXY) does not answer"),
        ("ALL_PROXY", "http://127.0.0.1:9/", "the proxy http://127.0.0.1:9 (ALL_PROXY) does not answer"),
        ("https_proxy", "http://anna:ge/heim@127.0.0.1:9", "the proxy http://127.0.0.1:9 (https_proxy) "),
        ("https_proxy", "http://anna:geheim@:x", "the proxy http://:x (https_proxy) is no address"),
    ],
)
def test_a_proxy_that_is_not_there_is_named(
    variable: str, value: str, said: str, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(URL, sha256=sha256(CONTENT))
    monkeypatch.setenv(variable, value)

    error = refusal(store)

    assert error.message.startswith(f"net.dat (a test) is not available: {said}")
    assert "heim" not in str(error)


@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "socks"])
def test_a_socks_proxy_is_named_and_nothing_goes_around_it(
    variable: str, scheme: str, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(URL, sha256=sha256(CONTENT))
    monkeypatch.setenv(variable, f"{scheme}://anna:{SECRET}@127.0.0.1:9")

    error = refusal(store)

    assert error.message == (
        f"net.dat (a test) is not available: the proxy {scheme}://127.0.0.1:9 ({variable}) is a SOCKS proxy, through "
        "which EasyPhoto cannot connect."
    )
    assert error.advice.startswith(
        "Name an HTTP proxy in https_proxy (many programs offer both on one port), or let weights.example be asked for "
        "directly: NO_PROXY=weights.example."
    )


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_a_proxy_that_lets_through_is_used(
    variable: str, proxy: FakeProxy, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(PLAIN, sha256=sha256(CONTENT))
    proxy.content = CONTENT
    monkeypatch.setenv(variable, f"http://{proxy.place}")

    assert store.require("net", NullProgress()).read_bytes() == CONTENT
    assert proxy.asked == [("GET", PLAIN)]


def test_an_unencrypted_answer_407_is_the_proxys(
    proxy: FakeProxy, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(PLAIN, sha256=sha256(CONTENT))
    proxy.status, proxy.reason = 407, "Who are you"
    monkeypatch.setenv("http_proxy", f"http://{proxy.place}")

    assert refusal(store).message.endswith("(http_proxy) asks for a name and a password (HTTP 407 Who are you).")


def test_this_machines_own_addresses_and_those_of_no_proxy_are_asked_for_directly(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(shelf.serve("/net", gives(CONTENT)), sha256=sha256(CONTENT))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "weights.example,10.0.0.0")

    assert store.require("net", NullProgress()).read_bytes() == CONTENT
    assert proxies() == {"http": "http://127.0.0.1:9", "https": "socks5://127.0.0.1:9"}
    assert proxy_for(URL) is None
    assert proxy_for("http://localhost:7860/x") is None
    assert proxy_for("https://other.example/") == Proxy("socks5://127.0.0.1:9", "ALL_PROXY")


def test_a_password_in_a_hubs_address_is_used_and_not_shown(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = catalogue(HubFile("a/b", "net"), sha256=sha256(CONTENT))
    shelf.serve("/a/b/resolve/main/net", gives(CONTENT))
    monkeypatch.setenv("HF_ENDPOINT", shelf.url.replace("://", f"://anna:{SECRET}@"))

    assert store.require("net", NullProgress()).read_bytes() == CONTENT
    assert shelf.asked[0][1]["authorization"] == f"Basic {base64.b64encode(f'anna:{SECRET}'.encode()).decode()}"
    assert shown_url(file.sources[0]) == f"{shelf.url}/a/b/resolve/main/net"
    assert SECRET not in str(missing(file, "no", store.root))  # type: ignore[arg-type]
    assert not any(SECRET in each.read_text("utf-8", "replace") for each in store.root.rglob("*") if each.is_file())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("http://anna:geheim@host:3128", "  downloads go through the proxy http://host:3128 (https_proxy)"),
        (
            "socks5://anna:geheim@host:1080",
            "! the proxy socks5://host:1080 (https_proxy) is a SOCKS proxy, through which EasyPhoto cannot connect",
        ),
    ],
)
def test_the_doctor_names_the_proxy(value: str, said: str, store: WeightStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", value)

    assert said in list(weights_lines(store))


def test_a_certificate_that_is_not_trusted_is_not_said_to_be_the_proxys_silence(
    catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise urllib.error.URLError(ssl.SSLCertVerificationError("self-signed certificate in certificate chain"))

    catalogue(URL, sha256=sha256(CONTENT))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request.OpenerDirector, "open", fails)

    assert refusal(store).message == (
        "net.dat (a test) is not available: weights.example: no answer (its certificate cannot be trusted; name the "
        "authority in SSL_CERT_FILE=FILE.pem)."
    )


def test_a_web_ui_behind_a_proxy_that_refuses_is_named_with_it(
    proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://anna:{SECRET}@{proxy.place}")
    proxy.status, proxy.reason = 407, "Who are you"

    with pytest.raises(BackendUnreachable) as refused:
        WebUi(Address("http://webui.example:7860"), RequestLimits(tries=1)).get("/sdapi/v1/sd-models")
    monkeypatch.setenv("http_proxy", f"socks5://anna:{SECRET}@127.0.0.1:9")
    with pytest.raises(BackendUnreachable) as socks:
        WebUi(Address("http://webui.example:7860"), RequestLimits(tries=1)).get("/sdapi/v1/sd-models")

    assert str(refused.value) == (
        f"http://webui.example:7860 cannot be reached: the proxy http://{proxy.place} (http_proxy) asks for a name and "
        "a password (HTTP 407 Who are you). Correct the proxy, with name and password if it asks for them: "
        "http_proxy=http://USER:PASSWORD@HOST:PORT. Or let webui.example be asked for directly: NO_PROXY=webui.example."
    )
    assert socks.value.message == (
        "http://webui.example:7860 cannot be reached: the proxy socks5://127.0.0.1:9 (http_proxy) is a SOCKS proxy, "
        "through which EasyPhoto cannot connect."
    )


def test_a_web_ui_on_this_machine_is_asked_directly(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.serve("/sdapi/v1/sd-models", says(200, b"[]"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert WebUi(Address(shelf.url)).get("/sdapi/v1/sd-models") == []


def test_a_proxys_repr_and_a_shown_url_hold_no_password() -> None:
    assert repr(Proxy(f"http://anna:{SECRET}@host:1", "https_proxy")) == "Proxy(setting='https_proxy')"
    assert without_secret(f"https://anna:{SECRET}@host:1/a/b?c=d@e") == "https://host:1/a/b?c=d@e"
    assert without_secret("http://[broken") == "…"
