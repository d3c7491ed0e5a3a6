"""Against a server that misbehaves: the right file or a named error, and never a partial file under its final name."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from io import BytesIO
from pathlib import Path

import pytest

from easyphoto.errors import ChecksumMismatch, DiskFailure, EnvironmentFailure, WeightsMissing
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.weights import download as download_module
from easyphoto.weights.answers import SourceFailed, _Redirects
from easyphoto.weights.catalog import HubFile, ModelScopeFile, WeightFile
from easyphoto.weights.store import WeightStore
from tests.weights.shelf import Shelf, dies_after, gives, refuses, says, sha256, stalls_after

CONTENT = bytes(range(256)) * 2000
OTHER = b"other" * 90_000
SHA256 = sha256(CONTENT)

Catalogue = Callable[..., WeightFile]


def lies(store: WeightStore) -> list[str]:
    """Every file in the store, except the lock's."""
    return sorted(
        str(f.relative_to(store.root)) for f in store.root.rglob("*") if f.is_file() and ".locks" not in f.parts
    )


def fetched(store: WeightStore) -> bytes:
    return store.require("net", NullProgress()).read_bytes()


def test_a_file_is_fetched_once_and_nothing_else_is_left(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(shelf.serve("/net", gives(CONTENT)), sha256=SHA256, bytes=len(CONTENT))

    assert fetched(store) == fetched(store) == CONTENT
    assert lies(store) == ["folder/net.dat"]
    assert shelf.ranges() == [None]


GOOD_IN_THE_END = {
    "dies, then works": ([dies_after(100_000, CONTENT), gives(CONTENT)], [None, "bytes=100000-"]),
    "dies three times on the way": (
        [dies_after(100_000, CONTENT)] * 3 + [gives(CONTENT)],
        [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"],
    ),
    "stands still, then works": ([stalls_after(100_000, CONTENT), gives(CONTENT)], [None, "bytes=100000-"]),
    "does not know ranges": ([dies_after(100_000, CONTENT), gives(CONTENT, ranges=False)], [None, "bytes=100000-"]),
    "has changed meanwhile": (
        [dies_after(100_000, OTHER, tag='"old"'), gives(CONTENT, tag='"new"')],
        [None, "bytes=100000-"],
    ),
    "has changed and does not know If-Range": (
        [
            dies_after(100_000, OTHER, tag='"old"'),
            says(206, CONTENT[100_000:], content_range=f"bytes 100000-{len(CONTENT) - 1}/{len(CONTENT)}", etag='"new"'),
            gives(CONTENT, tag='"new"'),
        ],
        [None, "bytes=100000-", None],
    ),
    "sends another part than asked": (
        [
            dies_after(100_000, CONTENT),
            says(206, CONTENT[50_000:], content_range=f"bytes 50000-{len(CONTENT) - 1}/{len(CONTENT)}", etag='"one"'),
            gives(CONTENT),
        ],
        [None, "bytes=100000-", None],
    ),
    "sends everything as if it were the part": (
        [dies_after(100_000, CONTENT), says(206, CONTENT, content_range=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")],
        [None, "bytes=100000-"],
    ),
    "promises more than it has, without a length in the catalogue": (
        [says(200, CONTENT, content_length=len(CONTENT) + 9, etag='"one"'), gives(CONTENT)],
        [None, f"bytes={len(CONTENT)}-"],
    ),
    "says no length": ([says(200, CONTENT, content_length=None)], [None]),
}


@pytest.mark.parametrize("case", GOOD_IN_THE_END)
def test_the_right_file_comes_although_the_server(
    case: str, shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    manners, ranges = GOOD_IN_THE_END[case]
    catalogue(shelf.serve("/net", *manners), sha256=SHA256)

    assert fetched(store) == CONTENT
    assert lies(store) == ["folder/net.dat"]
    assert shelf.ranges() == ranges


LONGER = len(CONTENT) + 5
BAD = {
    "sends another file": ([gives(OTHER)], ChecksumMismatch, "sha256"),
    "sends another file of the right length": ([gives(b"x" * len(CONTENT))], ChecksumMismatch, "not " + SHA256[:12]),
    "hangs up each time": ([dies_after(0, CONTENT)], WeightsMissing, "broke 3 times"),
    "never sends more than its headers": ([stalls_after(0, CONTENT)], WeightsMissing, "stalled"),
    "promises more than it has": ([says(200, CONTENT, content_length=LONGER)], ChecksumMismatch, "512,005 bytes"),
    "promises less than it has": ([says(200, CONTENT, content_length=99)], ChecksumMismatch, "99 bytes, not 512,000"),
    "sends less than it should": ([says(200, CONTENT[:-1])], ChecksumMismatch, "511,999 bytes"),
    "sends more and says no length": ([says(200, CONTENT + b"!", content_length=None)], ChecksumMismatch, "more than"),
    "sends a part unasked": (
        [says(206, CONTENT, content_range="bytes 0-9/10")],
        ChecksumMismatch,
        "wrong part of the file",
    ),
    "wants a log-in": ([says(200, b"<html>Log in</html>", content_type="text/html")], ChecksumMismatch, "a web page"),
    "wants a log-in and hides it": ([says(200, b"\n<!DOCTYPE html>", content_length=None)], ChecksumMismatch, "a web"),
    "has no such file": ([refuses(404)], WeightsMissing, "HTTP 404"),
    "forbids it": ([refuses(403)], WeightsMissing, "HTTP 403 Forbidden: it may need a token, set HF_TOKEN"),
    "is broken": ([refuses(500)], WeightsMissing, "HTTP 500"),
}


@pytest.mark.parametrize("case", BAD)
def test_the_error_says_what_is_wrong_when_the_server(
    case: str, shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    manners, expected, words = BAD[case]
    error: type[EnvironmentFailure] = expected
    catalogue(shelf.serve("/net", *manners), sha256=SHA256, bytes=len(CONTENT))

    with pytest.raises(error) as caught:
        fetched(store)

    assert words in str(caught.value)
    assert f"net.dat (sha256 {SHA256}) from {shelf.url}/net" in caught.value.advice
    assert str(store.root / "folder") in caught.value.advice
    assert not (store.root / "folder" / "net.dat").exists()
    assert not (store.root / "folder" / "net.dat.part").exists()


@pytest.mark.parametrize("case", BAD)
def test_the_next_source_gives_it_where_the_first(
    case: str, shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    first, second = shelf.serve("/first", *BAD[case][0]), shelf.serve("/second", gives(CONTENT))
    catalogue(first, second, sha256=SHA256, bytes=len(CONTENT))

    assert fetched(store) == CONTENT
    assert lies(store) == ["folder/net.dat"]


def test_every_source_is_named_with_its_reason(shelf: Shelf, catalogue: Catalogue, store: WeightStore) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/net"
    catalogue(shelf.serve("/net", refuses(404)), nobody, sha256=SHA256)

    with pytest.raises(WeightsMissing) as caught:
        fetched(store)

    assert "HTTP 404" in str(caught.value)
    assert "no answer" in str(caught.value)
    assert "refused" in str(caught.value)


def test_what_one_source_began_another_one_finishes(shelf: Shelf, catalogue: Catalogue, store: WeightStore) -> None:
    first = shelf.serve("/first", dies_after(200_000, CONTENT), refuses(500))
    catalogue(first, shelf.serve("/second", gives(CONTENT, tag='"two"')), sha256=SHA256)

    assert fetched(store) == CONTENT
    assert shelf.asked[-1][0] == "/second"
    assert shelf.ranges()[-1] == "bytes=200000-"


def test_a_beginning_that_belongs_to_another_file_is_thrown_away(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(shelf.serve("/net", gives(CONTENT)), sha256=SHA256, bytes=len(CONTENT))
    part = store.root / "folder" / "net.dat.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"from elsewhere")

    assert fetched(store) == CONTENT
    assert shelf.ranges() == ["bytes=14-", None]


def test_without_a_hash_only_what_the_server_vouches_for_is_continued(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(shelf.serve("/net", gives(CONTENT)))
    part = store.root / "folder" / "net.dat.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1000])

    assert fetched(store) == CONTENT
    assert shelf.ranges() == [None]


def test_without_a_hash_one_sources_beginning_is_not_continued_by_another_one(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    """Both call their file by the same tag, as servers do that number their files."""
    first = shelf.serve("/first", dies_after(200_000, OTHER), refuses(500))
    catalogue(first, shelf.serve("/second", gives(CONTENT)))

    assert fetched(store) == CONTENT
    assert shelf.ranges() == [None, "bytes=200000-", None]


def test_a_whole_part_that_was_not_yet_named_needs_no_request(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore
) -> None:
    catalogue(shelf.serve("/net", refuses(500)), sha256=SHA256, bytes=len(CONTENT))
    part = store.root / "folder" / "net.dat.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)

    assert fetched(store) == CONTENT
    assert shelf.asked == []


def test_a_redirect_is_followed_and_keeps_the_token_from_the_other_server(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", shelf.url)
    monkeypatch.setenv("HF_TOKEN", "secret")
    storage = shelf.serve("/storage", gives(CONTENT))
    shelf.serve("/owner/name/resolve/main/net.dat", says(302, b"", location=storage))
    catalogue(HubFile("owner/name", "net.dat"), sha256=SHA256)

    assert fetched(store) == CONTENT
    assert [headers.get("authorization") for _, headers in shelf.asked] == ["Bearer secret", None]


def test_a_redirect_never_leads_from_an_encrypted_address_to_a_plain_one() -> None:
    request = urllib.request.Request("https://hub.invalid/net")

    with pytest.raises(SourceFailed, match="not encrypted"):
        _Redirects().redirect_request(request, BytesIO(), 302, "Found", Message(), "http://storage.invalid/net")


@pytest.mark.parametrize("known", ["", SHA256[:8], SHA256])
def test_the_hubs_own_hash_refuses_a_file_before_it_is_fetched_or_after(
    known: str, shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", shelf.url)
    storage = shelf.serve("/storage", gives(CONTENT))
    linked = {"location": storage, "X-Linked-Etag": f'"{sha256(OTHER)}"'}
    shelf.serve("/owner/name/resolve/main/net.dat", says(302, b"", **linked))
    catalogue(HubFile("owner/name", "net.dat"), sha256=known)

    with pytest.raises(ChecksumMismatch, match=sha256(OTHER)[:12]):
        fetched(store)

    assert lies(store) == []


def test_hf_endpoint_and_modelscope_endpoint_name_mirrors_of_the_hubs(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", shelf.url + "/hub/")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", shelf.url + "/scope")
    shelf.serve("/scope/models/owner/name/resolve/master/net.dat", gives(CONTENT))
    catalogue(HubFile("owner/name", "a folder/net.dat"), ModelScopeFile("owner/name", "net.dat"), sha256=SHA256)

    assert fetched(store) == CONTENT
    assert [path for path, _ in shelf.asked] == [
        "/hub/owner/name/resolve/main/a%20folder/net.dat",
        "/scope/models/owner/name/resolve/master/net.dat",
    ]


def test_a_proxy_of_the_environment_is_asked(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", shelf.url)
    monkeypatch.setenv("no_proxy", "")
    shelf.serve("http://files.invalid/net", gives(CONTENT))
    catalogue("http://files.invalid/net", sha256=SHA256)

    assert fetched(store) == CONTENT


class Stopper(NullProgress):
    """Cancels once `after` bytes are there."""

    def __init__(self, after: int) -> None:
        self.done, self.after = 0, after

    def step(self, done: int, total: int, message: str = "", *, preview: object = None) -> None:
        self.done = done

    def check(self) -> None:
        if self.done >= self.after:
            raise Cancelled


def test_what_was_cancelled_goes_on_where_it_stopped(shelf: Shelf, catalogue: Catalogue, store: WeightStore) -> None:
    large = CONTENT * 16
    catalogue(shelf.serve("/net", gives(large)), sha256=sha256(large), bytes=len(large))

    with pytest.raises(Cancelled):
        store.require("net", Stopper(after=1))

    assert not (store.root / "folder" / "net.dat").exists()
    begun = (store.root / "folder" / "net.dat.part").stat().st_size
    assert 0 < begun < len(large)
    assert fetched(store) == large
    assert shelf.ranges() == [None, f"bytes={begun}-"]


def test_too_little_room_is_said_before_anything_comes(
    shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(shelf.serve("/net", gives(CONTENT)), sha256=SHA256)
    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda folder: full)

    with pytest.raises(DiskFailure, match=r"net\.dat needs 0\.5 MB and 67 MB to spare"):
        fetched(store)

    assert lies(store) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named(shelf: Shelf, catalogue: Catalogue, store: WeightStore) -> None:
    catalogue(shelf.serve("/net", gives(CONTENT)), sha256=SHA256)
    part = store.root / "folder" / "net.dat.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")

    with pytest.raises(DiskFailure, match="the disk is full"):
        fetched(store)

    assert not (store.root / "folder" / "net.dat").exists()


def test_a_store_that_cannot_be_written_is_named(shelf: Shelf, catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue(shelf.serve("/net", gives(CONTENT)), sha256=SHA256)
    (tmp_path / "weights").write_text("a file where the folder should be")

    with pytest.raises(DiskFailure):
        WeightStore(tmp_path / "weights").require("net", NullProgress())


@pytest.mark.parametrize("switch", ["field", "EASYPHOTO_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_asked_and_the_error_says_what_to_put_where(
    switch: str, shelf: Shelf, catalogue: Catalogue, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = shelf.serve("/net", gives(CONTENT))
    catalogue(url, sha256=SHA256, bytes=len(CONTENT))
    if switch != "field":
        monkeypatch.setenv(switch, "1")

    with pytest.raises(WeightsMissing) as caught:
        replace(store, offline=switch == "field").require("net", NullProgress())

    assert f"net.dat (sha256 {SHA256}) from {url}" in caught.value.advice
    assert str(store.root / "folder") in caught.value.advice
    assert shelf.asked == []


def test_every_error_is_one_of_the_environment() -> None:
    assert all(issubclass(error, EnvironmentFailure) for _, error, _ in BAD.values())
