"""Finding, verifying and fetching weight files; nothing here needs the network."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from easyphoto.errors import ChecksumMismatch, InputError, WeightsMissing
from easyphoto.progress import NullProgress
from easyphoto.weights import store as store_module
from easyphoto.weights.catalog import CATALOG, YUNET
from easyphoto.weights.store import WeightStore, default_mirrors

CONTENT = b"weights " * 1000


class Answer(io.BytesIO):
    status = 200


@pytest.fixture(autouse=True)
def small_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = replace(YUNET, sha256=hashlib.sha256(CONTENT).hexdigest(), bytes=len(CONTENT))
    monkeypatch.setattr(store_module, "weight_file", lambda id: file)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[urllib.request.Request]:
    """A server that knows ranges; the requests it got."""
    seen: list[urllib.request.Request] = []

    def open_url(request: urllib.request.Request, **_: Any) -> Answer:
        seen.append(request)
        asked = request.get_header("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        answer = Answer(CONTENT[start:])
        answer.status = 206 if asked else 200
        return answer

    monkeypatch.setattr(urllib.request, "urlopen", open_url)
    return seen


def test_the_root_comes_before_the_mirrors_and_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    root, mirror = tmp_path / "root", tmp_path / "mirror"
    (root / "faces").mkdir(parents=True)
    mirror.mkdir()
    (root / YUNET.path).write_bytes(b"broken")
    (mirror / YUNET.name).write_bytes(CONTENT)

    store = WeightStore(root, (mirror,))

    assert store.find("yunet") == mirror / YUNET.name
    (root / YUNET.path).write_bytes(CONTENT)
    assert store.find("yunet") == root / YUNET.path


def test_a_missing_file_is_fetched_once(tmp_path: Path, requests: list[urllib.request.Request]) -> None:
    store = WeightStore(tmp_path)

    first, second = store.require("yunet", NullProgress()), store.require("yunet", NullProgress())

    assert first == second == tmp_path / YUNET.path
    assert first.read_bytes() == CONTENT
    assert len(requests) == 1


def test_an_interrupted_download_goes_on_where_it_stopped(
    tmp_path: Path, requests: list[urllib.request.Request]
) -> None:
    partial = tmp_path / (YUNET.path + ".part")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[:1234])

    target = WeightStore(tmp_path).require("yunet", NullProgress())

    assert requests[0].get_header("Range") == "bytes=1234-"
    assert target.read_bytes() == CONTENT
    assert not partial.exists()


def test_a_wrong_file_is_refused_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, **_: Answer(b"something else"))

    with pytest.raises(ChecksumMismatch):
        WeightStore(tmp_path).require("yunet", NullProgress())

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_without_a_network_the_error_says_how_to_come_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: urllib.request.Request, **_: Any) -> Answer:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", fail)

    with pytest.raises(WeightsMissing) as caught:
        WeightStore(tmp_path).require("yunet", NullProgress())

    assert "EASYPHOTO_MIRROR=DIR" in caught.value.advice
    assert YUNET.url in caught.value.advice


def test_mirrors_are_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYPHOTO_MIRROR", "/one:/two")
    assert default_mirrors() == (Path("/one"), Path("/two"))

    monkeypatch.delenv("EASYPHOTO_MIRROR")
    assert default_mirrors() == ()


def test_an_unknown_id_names_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(InputError, match="yunet"):
        WeightStore(Path("nowhere")).find("nothing")


def test_the_catalogue_is_complete() -> None:
    for file in CATALOG.values():
        assert len(file.sha256) == 64
        assert file.licence
        assert file.url.startswith("https://")
