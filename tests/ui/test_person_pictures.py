"""A person is known by a photo of theirs; what was painted stands for the training alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.ui.photograph_form import photo_of, portrait_of
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    workspace = Workspace(tmp_path / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    yield service
    service.queue.close()


def anna(service: Service, *files: str, **facts: object) -> tuple[Person, Path]:
    folder = service.app.workspace.persons / "anna"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / name)
    return Person("anna", "Anna", "miniature", "2026-01-01T00:00:00Z", **facts), folder  # type: ignore[arg-type]


def test_the_reference_photo_stands_for_the_person_and_the_portrait_for_the_training(service: Service) -> None:
    person, folder = anna(
        service, "photos/a.png", "photos/b.png", "portrait.png",
        photos=("photos/a.png", "photos/b.png"), reference="photos/b.png", portrait="portrait.png",
    )  # fmt: skip

    assert photo_of(service, person) == folder / "photos" / "b.png"
    assert portrait_of(service, person) == folder / "portrait.png"


def test_whose_reference_is_gone_is_shown_by_another_photo_and_who_has_none_by_the_portrait(service: Service) -> None:
    person, folder = anna(
        service, "photos/a.png", "portrait.png",
        photos=("photos/a.png",), reference="photos/gone.png", portrait="portrait.png",
    )  # fmt: skip
    bare, _ = anna(service, portrait="portrait.png")

    assert photo_of(service, person) == folder / "photos" / "a.png"
    assert photo_of(service, bare) == folder / "portrait.png"
