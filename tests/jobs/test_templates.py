"""The user's own templates at the desk: taken in, named safely, deleted."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.errors import BadName, BadPicture, InputError, NameTaken
from easyphoto.jobs.desk import Desk
from easyphoto.jobs.queue import JobQueue
from easyphoto.workspace import Workspace


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    workspace = Workspace(tmp_path)
    desk = Desk(EasyPhoto(workspace), JobQueue(workspace))
    yield desk
    desk.queue.close()


def picture(kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(stream, format=kind)
    return stream.getvalue()


def test_a_picture_becomes_one_of_the_users_own_templates(desk: Desk):
    entry = desk.add_template("Garden", picture())

    assert (entry.id, entry.title, entry.is_own) == ("own-garden", "garden", True)
    assert entry.path == desk.app.workspace.templates / "garden.png"
    assert desk.templates()[-1] == entry


def test_a_template_has_the_suffix_of_its_content(desk: Desk):
    assert desk.add_template("garden", picture("JPEG")).path.name == "garden.jpg"


@pytest.mark.parametrize("name", ["../garden", "a/b", "", "con", "garden.png"])
def test_a_name_that_is_no_safe_file_name_is_refused(desk: Desk, name: str):
    with pytest.raises(BadName):
        desk.add_template(name, picture())

    assert not desk.app.workspace.templates.exists()


@pytest.mark.parametrize("name", ["garden", "GARDEN", "03-room"])
def test_a_name_is_given_once_the_shipped_ones_included(desk: Desk, name: str):
    desk.add_template("garden", picture())

    with pytest.raises(NameTaken):
        desk.add_template(name, picture("JPEG"))


def test_what_is_no_picture_is_refused(desk: Desk):
    with pytest.raises(BadPicture):
        desk.add_template("garden", b"<svg/>")

    assert desk.app.own_templates() == ()


def test_an_own_template_is_deleted(desk: Desk):
    entry = desk.add_template("garden", picture())

    assert desk.delete_template("own-garden") == entry.path

    assert not entry.path.exists()
    assert desk.app.own_templates() == ()


@pytest.mark.parametrize("id", ["03-room", "own-nobody", "../garden"])
def test_only_own_templates_that_exist_can_be_deleted(desk: Desk, id: str):
    with pytest.raises(InputError):
        desk.delete_template(id)

    assert desk.template("03-room").path.is_file()


def test_a_link_among_the_templates_hands_nothing_out(desk: Desk, tmp_path: Path):
    desk.add_template("garden", picture())
    (tmp_path / "elsewhere.png").write_bytes(picture())
    (desk.app.workspace.templates / "sea.png").symlink_to(tmp_path / "elsewhere.png")

    assert [entry.id for entry in desk.templates() if entry.is_own] == ["own-garden"]
    with pytest.raises(InputError, match="own-sea"):
        desk.template("own-sea")
