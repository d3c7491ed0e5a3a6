"""Ids are safe file names, and a person goes with everything that came from them."""

import json
import os
import shutil
import sys

import platformdirs
import pytest

from easyphoto.errors import BadName, DiskFailure, InputError, UnknownPerson
from easyphoto.jobs.queue import JobQueue
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.folders import Workspace, checked_id, user_folder
from tests.fakes import new_person
from tests.jobs.asked import Asked

BAD_NAMES = (
    "", " ", ".", "..", "../anna", "anna/../bob", "a/b", "a\\b", "/etc/passwd", "C:\\anna", "~", "~root", "anna\x00",
    "anna.json", "-anna", "_anna", "änna", "安娜", "anna bob", "anna\n", "a" * 65, "con", "CON", "nul", "com1", "LPT9",
    "%2e%2e", "$HOME", "anna;rm", "*",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if name.strip() != "anna"], ids=repr)
def test_a_name_that_is_no_safe_file_name_is_refused(name):
    with pytest.raises(BadName) as caught:
        checked_id(name)

    assert caught.value.exit_code == 2
    assert caught.value.advice


@pytest.mark.parametrize(
    ("typed", "id"),
    [("Anna", "anna"), (" anna ", "anna"), ("a", "a"), ("7", "7"), ("a_b-c", "a_b-c"), ("a" * 64, "a" * 64)],
)
def test_a_name_becomes_an_id_without_case(typed, id):
    assert checked_id(typed) == id


def test_a_person_is_read_back_as_saved(tmp_path):
    workspace = Workspace(tmp_path)
    person = new_person(workspace, "Anna")

    assert workspace.person("anna") == person
    assert workspace.list_persons() == (person,)
    assert (person.id, person.name, person.is_ready) == ("anna", "Anna", False)


def test_somebody_unknown_is_said_with_who_is_known(tmp_path):
    workspace = Workspace(tmp_path)
    new_person(workspace, "anna")

    with pytest.raises(UnknownPerson, match="Known: anna"):
        workspace.person("bob")


def test_a_run_is_whose_its_record_says_and_without_one_whose_its_name_says(tmp_path):
    workspace = Workspace(tmp_path)
    mine, cut_off, other = (workspace.new_run_folder(name) for name in ("anna", "anna", "x-anna"))
    renamed = workspace.new_run_folder("anna")
    for folder, person in ((mine, "anna"), (other, "x-anna"), (renamed, "hanna")):
        (folder / "run.json").write_text(json.dumps({"format": 1, "person": person}))

    assert workspace.runs_of("anna") == tuple(sorted((mine, cut_off)))
    assert workspace.runs_of("hanna") == (renamed,)


def test_where_somebody_lies_says_who_they_are_whatever_their_record_says(tmp_path):
    workspace = Workspace(tmp_path)
    new_person(workspace, "anna")
    record = tmp_path / "persons" / "anna" / "person.json"
    record.write_text(record.read_text().replace('"id": "anna"', '"id": "bela"'))

    assert workspace.person("anna").id == "anna"
    assert [person.id for person in workspace.list_persons()] == ["anna"]


def test_two_runs_in_one_second_have_two_folders(tmp_path):
    workspace = Workspace(tmp_path)

    assert len({workspace.new_run_folder("anna") for _ in range(5)}) == 5


def test_a_broken_record_is_named(tmp_path):
    workspace = Workspace(tmp_path)
    new_person(workspace, "anna")
    (tmp_path / "persons" / "anna" / "person.json").write_text('{"format": 1, "id": ')

    with pytest.raises(InputError, match=r"person\.json"):
        workspace.person("anna")


def test_a_record_of_a_later_version_is_refused(tmp_path):
    workspace = Workspace(tmp_path)
    new_person(workspace, "anna")
    (tmp_path / "persons" / "anna" / "person.json").write_text('{"format": 2}')

    with pytest.raises(InputError, match="unknown format"):
        workspace.person("anna")


def test_a_workspace_that_does_not_exist_yet_is_empty(tmp_path):
    assert Workspace(tmp_path / "none").list_persons() == ()
    assert not os.path.exists(tmp_path / "none")


@pytest.mark.parametrize(
    "name",
    [
        "con", "CON", "nul.png", "Aux.tar.gz", "com1 .png", "job.json.", "job.json ", "job.json::$DATA", "a:b",
        "..\\a", "a\\b", "a/b", "..", ".", "", "a\0b", "a" * 256,
    ],
)  # fmt: skip
def test_a_name_that_some_disk_takes_for_another_is_no_files_name(name):
    assert not is_file_name(name)


@pytest.mark.parametrize("name", ["job.json", ".hidden", "Anna 1.PNG", "写真.jpg", "console.png", "a" * 255])
def test_what_people_call_files_is_a_files_name(name):
    assert is_file_name(name)


def test_a_workspace_that_was_taken_away_is_not_made_anew_for_everybody_to_read(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    queue = JobQueue(workspace)
    shutil.rmtree(workspace.root)

    with pytest.raises(DiskFailure, match=r"The workspace .* is gone\."):
        queue.submit(Asked("check", "a check"), lambda _: {})
    queue.close()

    assert not workspace.root.exists()


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_a_python_without_platformdirs_finds_the_same_folder(tmp_path, monkeypatch, system):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    here = platformdirs.user_data_path("easyphoto", appauthor=False)
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    if system == sys.platform:
        assert user_folder() == here
    monkeypatch.setattr(sys, "platform", system)

    below = {"linux": ".local/share", "darwin": "Library/Application Support", "win32": "AppData/Local"}[system]
    assert user_folder() == tmp_path / below / "easyphoto"
