"""What is downloaded of results: pictures as they are, what they were made with, and one picture of a session."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.errors import InputError
from easyphoto.images.pictures import picture_record
from easyphoto.jobs.askers import Requester, asked_by
from easyphoto.jobs.service import Service
from easyphoto.ui.exports import new_export, remove_exports
from easyphoto.ui.language import Translator
from easyphoto.ui.result_downloads import ResultDownloads
from easyphoto.ui.sessions import Session, SessionPicture, Sessions
from tests.ui.made_sessions import make_session, save_person


@pytest.fixture
def downloads(service: Service, tmp_path: Path) -> ResultDownloads:
    save_person(service.app.workspace, "anna")
    return ResultDownloads(service, tmp_path / "exports", Translator())


def session_of(service: Service, **more: str) -> Session:
    session = Sessions(service).of(make_session(service, **more).id)  # type: ignore[arg-type]
    assert session is not None
    return session


def test_a_zip_holds_the_chosen_pictures_byte_by_byte_and_what_each_was_made_with(
    downloads: ResultDownloads, service: Service
):
    pictures = session_of(service).pictures

    file = downloads.archive(pictures)

    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["03-room-anna-8.png", "03-room-anna-7.png", "settings.json"]
        assert archive.read("03-room-anna-7.png") == pictures[1].path.read_bytes()
        said = json.loads(archive.read("settings.json"))
    assert said["format"] == 1
    assert [(one["file"], one["seed"], one["settings"]["count"]) for one in said["pictures"]] == [
        ("03-room-anna-8.png", 8, 2),
        ("03-room-anna-7.png", 7, 2),
    ]
    assert len(file.parent.name) == 40


def test_pictures_of_the_same_name_get_names_of_their_own(downloads: ResultDownloads, service: Service):
    pictures: list[SessionPicture] = [session_of(service).pictures[0], session_of(service).pictures[0]]

    with zipfile.ZipFile(downloads.archive(pictures)) as archive:
        assert archive.namelist() == ["03-room-anna-8.png", "03-room-anna-8-2.png", "settings.json"]


def test_without_a_picture_there_is_no_zip(downloads: ResultDownloads):
    with pytest.raises(InputError, match="no picture to download"):
        downloads.archive(())

    assert not downloads.folder.exists()


def test_a_contact_sheet_shows_the_template_and_its_results(downloads: ResultDownloads, service: Service):
    file = downloads.sheet(session_of(service))

    assert picture_record(file) == {"kind": "contact sheet", "persons": ["anna"]}
    with Image.open(file) as sheet:
        assert sheet.width == 5 * 288 + 4 * 14 + 2 * 28


def test_downloads_go_with_the_person(downloads: ResultDownloads, service: Service, tmp_path: Path):
    with asked_by(Requester(browser="a" * 32)):
        clients = ResultDownloads(service.for_clients(), downloads.folder, Translator())
        clients.archive(session_of(service).pictures)
    remove_exports(downloads.folder, "ann")
    assert len(list(downloads.folder.rglob("*.zip"))) == 1

    remove_exports(downloads.folder, "anna")

    assert list(downloads.folder.iterdir()) == []


def test_the_next_download_of_a_visitor_takes_the_place_of_the_one_before_and_of_nobody_elses(tmp_path: Path):
    for asker in ("a", "b", "a"):
        new_export(tmp_path, f"{asker}.zip", ("anna",), asker).write_bytes(b"")

    assert sorted(file.name for file in tmp_path.rglob("*.zip")) == ["a.zip", "b.zip"]
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in tmp_path.iterdir())
