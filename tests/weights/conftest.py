"""A server that can misbehave, a catalogue of one file, and an environment without hubs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from easyphoto.weights import store as store_module
from easyphoto.weights.catalog import Commercial, WeightFile
from easyphoto.weights.download import DownloadLimits
from easyphoto.weights.store import WeightStore
from tests.weights.shelf import Shelf, open_server

SWIFT = DownloadLimits(stall_seconds=0.15, pause_seconds=0.0)


@pytest.fixture(autouse=True)
def no_hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache of this machine's user is looked into, and no switch of its environment counts."""
    empty = tmp_path_factory.mktemp("empty")
    for name in ("HF_HUB_CACHE", "MODELSCOPE_CACHE", "HOME"):
        monkeypatch.setenv(name, str(empty))
    for name in ("HF_HUB_OFFLINE", "EASYPHOTO_OFFLINE", "HF_ENDPOINT", "HF_TOKEN", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    server, shelf = open_server()
    yield shelf
    shelf.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Callable[..., WeightFile]:
    """Make the catalogue consist of one file, `net`."""

    def of(*sources: Any, **facts: Any) -> WeightFile:
        given: dict[str, Any] = {
            "id": "net", "path": "folder/net.dat", "licence": "MIT", "commercial": Commercial.YES, "origin": "a test",
            "needed_by": "a test", **facts,
        }  # fmt: skip
        file = WeightFile(sources=sources, **given)
        monkeypatch.setattr(store_module, "weight_file", lambda id: file)
        monkeypatch.setattr(store_module, "CATALOG", {file.id: file})
        return file

    return of


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path / "weights", patience=SWIFT)
