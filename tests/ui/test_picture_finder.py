"""Pictures of this machine are offered as templates: the newest with one usable face, to this machine's user alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.errors import ForeignFile
from easyphoto.geometry import Box, Size
from easyphoto.host.base import ThisMachine
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.ui import picture_finder
from easyphoto.ui.language import Translator
from easyphoto.ui.picture_finder import add_picture, checked_folder, newest_pictures, place_finder, usable_pictures
from easyphoto.ui.template_faces import Found, TemplateFaces
from easyphoto.ui.thumbnails import Thumbnails
from easyphoto.workspace.folders import Workspace
from tests.fakes import face_at

GOOD = face_at(Box(100, 100, 300, 300))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    workspace = Workspace(tmp_path / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=(), host=ThisMachine("en", True)), JobQueue(workspace))
    yield service
    service.queue.close()


@dataclass(eq=False)
class Known(TemplateFaces):
    """Faces by the pictures' names; one good face where nothing else is said."""

    found: dict[str, Found]

    def of(self, template, app, domain=None):
        return self.found.get(template.name, Found((GOOD,), Size(512, 512), (None,)))


def put(folder: Path, name: str, at: int) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (512, 512)).save(file)
    os.utime(file, (at, at))
    return file


def test_the_newest_come_first_from_folders_below_too_and_no_link_is_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "outputs", put(tmp_path / "private", "secret.png", 9)
    old, new = put(folder, "old.png", 1), put(folder, "2026-01-01/new.jpg", 3)
    (folder / "note.txt").write_text("no picture")
    (folder / "linked.png").symlink_to(elsewhere)
    (folder / "deep").symlink_to(elsewhere.parent)

    assert newest_pictures(folder) == (new, old)


def test_only_pictures_with_one_face_that_can_be_replaced_are_offered(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    good = put(folder, "good.png", 5)
    for at, name in enumerate(("two.png", "none.png", "small.png", "covered.png"), start=1):
        put(folder, name, at)
    size = Size(512, 512)
    faces = Known(
        {
            "two.png": Found((GOOD, GOOD), size, (None, None)),
            "none.png": Found((), size, ()),
            "small.png": Found((face_at(Box(10, 10, 14, 14)),), size, (None,)),
            "covered.png": Found((GOOD,), size, ("a mask",)),
        }
    )

    assert usable_pictures(service, faces, folder) == (good,)


def test_what_was_found_in_time_is_offered(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(4):
        put(tmp_path / "outputs", f"{at}.png", at)
    clock = iter([0.0, 1.0, 2.0, 9.0])
    monkeypatch.setattr(picture_finder.time, "monotonic", lambda: next(clock))

    found = usable_pictures(service, Known({}), tmp_path / "outputs")

    assert [file.name for file in found] == ["3.png", "2.png"]


def test_a_chosen_picture_becomes_a_template_of_ones_own_under_a_free_name(service: Service, tmp_path: Path) -> None:
    file = put(tmp_path / "outputs", "Beach 1.png", 1)

    first, second = (add_picture(service, file, tmp_path / "outputs") for _ in range(2))

    assert (first.title, second.title) == ("beach-1", "beach-1-2")
    assert first.path.read_bytes() == file.read_bytes()


def test_nothing_outside_the_folder_and_nothing_but_pictures_is_taken(service: Service, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "outputs", put(tmp_path / "private", "secret.png", 1)
    put(folder, "a.png", 1)
    (folder / "linked.png").symlink_to(elsewhere)
    (folder / "key.pem").write_text("secret")

    for file in (elsewhere, folder / "linked.png", folder / "key.pem", folder / ".." / "private" / "secret.png"):
        with pytest.raises(ForeignFile):
            add_picture(service, file, folder)


def test_on_a_page_that_others_reach_there_is_no_such_thing(service: Service, tmp_path: Path) -> None:
    shared = replace(service, app=replace(service.app, host=ThisMachine("en", False)))

    assert place_finder("p", shared, Translator(), Thumbnails()) is None
    with pytest.raises(ForeignFile):
        checked_folder(shared, str(tmp_path))
    assert checked_folder(service, str(tmp_path)) == tmp_path
