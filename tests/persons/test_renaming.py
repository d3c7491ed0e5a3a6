"""New names and ids: everything that is theirs is still found."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.backends.published import published_name
from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.errors import BadName, DiskFailure, NameTaken, RunBusy, UnknownPerson
from easyphoto.host.base import ThisMachine
from easyphoto.persons.importing import import_persons
from easyphoto.persons.renaming import rename_person
from easyphoto.persons.upkeep import finish_begun
from easyphoto.storage.journal import RENAME, begin, new_change, pending
from easyphoto.storage.records import read_json, write_json
from easyphoto.workspace.folders import JOB_FILE, SESSION_FILE, Workspace
from tests.fakes import new_person
from tests.persons.arriving import one_person, write_earlier


@dataclass(frozen=True)
class Listing(ThisMachine):
    """A host that lists LoRAs by their published names."""

    names: set[str] = field(default_factory=set)

    def publish(self, lora: Path) -> Path | None:
        self.names.add(published_name(lora))
        return Path(published_name(lora))

    def withdraw(self, lora: Path) -> Path | None:
        self.names.discard(published_name(lora))
        return Path(published_name(lora))


@pytest.fixture
def host() -> Listing:
    return Listing()


@pytest.fixture(scope="module")
def anna(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with Anna."""
    workspace = Workspace(tmp_path_factory.mktemp("anna") / "workspace")
    folder = write_earlier(tmp_path_factory.mktemp("webui"), photos=2, reference=0)
    import_persons(workspace, folder, host=ThisMachine(), open_engine=one_person)
    return workspace.root


@pytest.fixture
def workspace(tmp_path: Path, host: Listing, anna: Path) -> Workspace:
    """Anna, with a run, a session beside Ben, and a job."""
    workspace = Workspace(shutil.copytree(anna, tmp_path / "workspace"))
    host.publish(workspace.persons / "anna" / "lora.safetensors")
    write_json(workspace.runs / "1-anna" / "run.json", {"person": "anna", "name": "anna", "base": "sd15"})
    write_json(workspace.runs / "2-ben" / "run.json", {"person": "ben", "name": "ben", "base": "sd15"})
    write_json(workspace.results / "1" / SESSION_FILE, {"persons": ["ben", "anna"]})
    write_json(workspace.jobs / "1" / JOB_FILE, {"subject": {"persons": ["anna"], "uploads": []}})
    return workspace


def test_a_name_may_be_any_text(workspace: Workspace, host: Listing) -> None:
    person = rename_person(workspace, "anna", "  Änne Übel 安娜  ", host=host)

    assert (person.id, person.name) == ("anna", "Änne Übel 安娜")
    assert workspace.person("anna") == person
    assert read_json(workspace.runs / "1-anna" / "run.json")["name"] == "Änne Übel 安娜"
    assert read_json(workspace.runs / "2-ben" / "run.json")["name"] == "ben"


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 201, "\x1b[31mred"])
def test_what_cannot_be_read_on_a_line_is_no_name(workspace: Workspace, host: Listing, name: str) -> None:
    with pytest.raises(BadName):
        rename_person(workspace, "anna", name, host=host)

    assert workspace.person("anna").name == "anna"


def test_a_new_id_takes_everything_along(workspace: Workspace, host: Listing) -> None:
    person = rename_person(workspace, "anna", "Hanna", host=host, new_id="Hanna")

    assert [each.id for each in workspace.list_persons()] == ["hanna"]
    assert workspace.person("hanna") == person
    assert read_json(workspace.runs / "1-anna" / "run.json")["person"] == "hanna"
    assert read_json(workspace.results / "1" / SESSION_FILE)["persons"] == ["ben", "hanna"]
    assert read_json(workspace.jobs / "1" / JOB_FILE)["subject"]["persons"] == ["hanna"]
    assert host.names == {published_name(workspace.persons / "hanna" / "lora.safetensors")}


def test_deleting_finds_everything_under_the_new_id(workspace: Workspace, host: Listing) -> None:
    rename_person(workspace, "anna", "Hanna", host=host, new_id="hanna")

    DeletePerson("hanna").run(EasyPhoto(workspace, mirrors=(), host=host), NullContext())

    assert workspace.list_persons() == ()
    assert [path.name for path in workspace.runs.iterdir()] == ["2-ben"]
    assert list(workspace.results.iterdir()) == []
    assert list(workspace.jobs.iterdir()) == []
    assert host.names == set()


def test_an_id_that_is_taken_changes_nothing(workspace: Workspace, host: Listing) -> None:
    new_person(workspace, "ben", "sd15")

    with pytest.raises(NameTaken):
        rename_person(workspace, "anna", "Ben", host=host, new_id="ben")

    assert workspace.person("anna").name == "anna"
    assert read_json(workspace.runs / "1-anna" / "run.json")["person"] == "anna"


def test_nobody_and_no_id_are_refused(workspace: Workspace, host: Listing) -> None:
    with pytest.raises(UnknownPerson):
        rename_person(workspace, "nobody", "A", host=host)
    with pytest.raises(BadName):
        rename_person(workspace, "anna", "A", host=host, new_id="../evil")


def test_what_was_cut_off_can_be_done_again(
    workspace: Workspace, host: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("it is open elsewhere")

    monkeypatch.setattr("easyphoto.persons.renaming._moved", refuse)
    with pytest.raises(DiskFailure, match="rename again"):
        rename_person(workspace, "anna", "Hanna", host=host, new_id="hanna")
    monkeypatch.undo()

    assert host.names == {published_name(workspace.persons / "anna" / "lora.safetensors")}
    rename_person(workspace, "anna", "Hanna", host=host, new_id="hanna")
    assert [each.id for each in workspace.list_persons()] == ["hanna"]
    assert host.names == {published_name(workspace.persons / "hanna" / "lora.safetensors")}


def test_a_rename_that_was_cut_off_does_not_undo_a_later_one(workspace: Workspace, host: Listing) -> None:
    begin(workspace.root, new_change(RENAME, ("anna", "anna"), name="Early"))

    rename_person(workspace, "anna", "Late", host=host)
    finish_begun(workspace, host)

    assert workspace.person("anna").name == "Late"
    assert pending(workspace.root) == ()


def test_a_rename_waits_for_one_that_was_cut_off_between_other_ids(workspace: Workspace, host: Listing) -> None:
    begin(workspace.root, new_change(RENAME, ("ben", "anna"), name="Ben"))

    with pytest.raises(RunBusy):
        rename_person(workspace, "anna", "Late", host=host)

    assert workspace.person("anna").name == "anna"
