"""The user's own templates at the service: taken in, named safely, deleted."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.commands.templates import own_templates
from easyphoto.errors import BadName, BadPicture, InputError, NameTaken
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    workspace = Workspace(tmp_path)
    service = Service(EasyPhoto(workspace), JobQueue(workspace))
    yield service
    service.queue.close()


def picture(kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(stream, format=kind)
    return stream.getvalue()


def test_a_picture_becomes_one_of_the_users_own_templates(service: Service):
    entry = service.add_template("Garden", picture())

    assert (entry.id, entry.title, entry.is_own) == ("own-garden", "garden", True)
    assert entry.path == service.app.workspace.templates / "garden.png"
    assert service.templates()[-1] == entry


def test_a_template_has_the_suffix_of_its_content(service: Service):
    assert service.add_template("garden", picture("JPEG")).path.name == "garden.jpg"


@pytest.mark.parametrize("name", ["../garden", "a/b", "", "con", "garden.png"])
def test_a_name_that_is_no_safe_file_name_is_refused(service: Service, name: str):
    with pytest.raises(BadName):
        service.add_template(name, picture())

    assert not service.app.workspace.templates.exists()


@pytest.mark.parametrize("name", ["garden", "GARDEN", "03-room"])
def test_a_name_is_given_once_the_shipped_ones_included(service: Service, name: str):
    service.add_template("garden", picture())

    with pytest.raises(NameTaken):
        service.add_template(name, picture("JPEG"))


def test_what_is_no_picture_is_refused(service: Service):
    with pytest.raises(BadPicture):
        service.add_template("garden", b"<svg/>")

    assert own_templates(service.app.workspace) == ()


def test_an_own_template_is_deleted(service: Service):
    entry = service.add_template("garden", picture())

    assert service.delete_template("own-garden") == entry.path

    assert not entry.path.exists()
    assert own_templates(service.app.workspace) == ()


@pytest.mark.parametrize("id", ["03-room", "own-nobody", "../garden"])
def test_only_own_templates_that_exist_can_be_deleted(service: Service, id: str):
    with pytest.raises(InputError):
        service.delete_template(id)

    assert service.template("03-room").path.is_file()


def test_a_link_among_the_templates_hands_nothing_out(service: Service, tmp_path: Path):
    service.add_template("garden", picture())
    (tmp_path / "elsewhere.png").write_bytes(picture())
    (service.app.workspace.templates / "sea.png").symlink_to(tmp_path / "elsewhere.png")

    assert [entry.id for entry in service.templates() if entry.is_own] == ["own-garden"]
    with pytest.raises(InputError, match="own-sea"):
        service.template("own-sea")
