"""A service whose engine, trainer and miniature are real; drawn photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import draw_photos
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    workspace = Workspace(tmp_path / "workspace")
    service = Service(EasyPhoto(workspace), JobQueue(workspace))
    yield service
    service.queue.close()


@pytest.fixture(scope="session")
def drawn_photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Eight good photos, and one of each kind that is set aside."""
    return sorted(draw_photos(tmp_path_factory.mktemp("drawn"), 0).iterdir())
