"""What a command takes along: exactly the files that it needs, under the paths of another machine's workspace."""

import dataclasses
import json

import pytest

from easyphoto.cluster.shipment import SENT, goes_elsewhere, shipment_of
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.choose_checkpoint import ChooseCheckpoint
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.records import read_whole
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.train import TrainPerson
from easyphoto.jobs.answers import COMMANDS
from easyphoto.jobs.lanes import LaneKind
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.files import write_bytes, write_text
from easyphoto.workspace.upgrades import open_workspace

PERSON = {"format": 1, "name": "Anna", "family": "miniature", "created": "2026-01-01T00:00:00Z", "base": "miniature"}


@pytest.fixture
def workspace(tmp_path):
    workspace = open_workspace(tmp_path / "workspace")
    for id, more in (("anna", {}), ("ben", {"base": None, "run": "20250101T000000Z-ben"}), ("room", {"kind": "scene"})):
        write_text(workspace.persons / id / "person.json", json.dumps({**PERSON, **more}))
        write_bytes(workspace.persons / id / "lora.safetensors", b"lora")
    write_text(workspace.runs / "20250101T000000Z-ben" / "run.json", "{}")
    write_text(workspace.runs / "20250101T000000Z-ben" / "events.jsonl", "")
    write_text(workspace.runs / "20250101T000000Z-ben" / "run.lock", "")
    write_bytes(workspace.uploads / "one.png", b"one")
    write_bytes(workspace.templates / "garden.png", b"garden")
    return workspace


def sent(command, workspace):
    return {file.below for file in shipment_of(command, workspace).files}


def test_a_photograph_takes_its_persons_scenes_and_templates(workspace):
    command = PhotographPersons(
        ("Anna",), (workspace.uploads / "one.png",), settings=InferenceSettings(scene="room:0.5")
    )

    assert sent(command, workspace) == {
        "persons/anna/person.json", "persons/anna/lora.safetensors", "persons/room/person.json",
        "persons/room/lora.safetensors", "uploads/one.png",
    }  # fmt: skip
    assert shipment_of(command, workspace).persons == ("anna", "room")
    assert shipment_of(command, workspace).folders == ("persons/anna", "persons/room")


def test_somebody_whose_record_names_no_base_takes_along_the_training_that_does(workspace):
    command = PhotographPersons(("ben",), (workspace.uploads / "one.png",))

    assert "runs/20250101T000000Z-ben/run.json" in sent(command, workspace)
    assert "runs/20250101T000000Z-ben/events.jsonl" not in sent(command, workspace)


def test_a_training_takes_photos_captions_and_the_templates_on_which_it_is_judged(workspace, tmp_path):
    write_bytes(tmp_path / "photos" / "a.jpg", b"a")
    write_text(tmp_path / "photos" / "a.txt", "a caption")
    shipment = shipment_of(
        TrainPerson("carla", (tmp_path / "photos" / "a.jpg", workspace.uploads / "one.png")), workspace
    )

    outside = {file.below for file in shipment.files if file.below.startswith("brought/")}
    assert {file.below for file in shipment.files} - outside == {"uploads/one.png", "templates/garden.png"}
    assert sorted(below.rpartition("/")[2] for below in outside) == ["a.jpg", "a.txt"]
    assert len({below.rpartition("/")[0] for below in outside}) == 1
    assert shipment.gives_person == "carla"


def test_two_files_of_one_name_do_not_become_one(workspace, tmp_path):
    for folder in ("one", "two"):
        write_bytes(tmp_path / folder / "a.jpg", folder.encode())

    command = TrainPerson("carla", tuple(tmp_path / folder / "a.jpg" for folder in ("one", "two")))

    assert len({file.below for file in shipment_of(command, workspace).files if file.below.endswith("a.jpg")}) == 2


def test_a_training_that_goes_on_takes_its_run_without_locks(workspace):
    command = ResumeTraining("20250101T000000Z-ben", person="ben")

    assert {below for below in sent(command, workspace) if below.startswith("runs/")} == {
        "runs/20250101T000000Z-ben/run.json", "runs/20250101T000000Z-ben/events.jsonl",
    }  # fmt: skip


def test_the_command_reads_there_with_the_paths_of_that_machine(workspace, tmp_path):
    command = PlaceObject("room", workspace.templates / "garden.png", workspace.uploads / "one.png")
    shipment = shipment_of(command, workspace)

    there = read_whole(PlaceObject, shipment.command, (tmp_path / "there").joinpath)

    assert there == dataclasses.replace(
        command, template=tmp_path / "there/templates/garden.png", mask=tmp_path / "there/uploads/one.png"
    )


def test_a_link_in_a_persons_folder_does_not_travel(workspace, tmp_path):
    write_text(tmp_path / "secret.txt", "secret")
    (workspace.persons / "anna" / "secret.txt").symlink_to(tmp_path / "secret.txt")

    assert "persons/anna/secret.txt" not in sent(PhotographPersons(("anna",)), workspace)


def test_what_is_missing_is_left_to_the_command_to_name(workspace):
    assert sent(PhotographPersons(("anna",), (workspace.uploads / "gone.png",)), workspace) == {
        "persons/anna/person.json", "persons/anna/lora.safetensors",
    }  # fmt: skip


def test_every_kind_of_work_is_known_to_go_elsewhere_or_to_stay():
    work = {kind for kind in COMMANDS if LaneKind.of(kind) is LaneKind.WORK}

    assert {command.kind for command in SENT} == {"train", "resume", "photograph", "place", "template", "previews"}
    assert work - {command.kind for command in SENT} == {"choose", "import", "propose", "setup"}


def test_results_that_go_to_a_folder_of_the_users_own_are_made_here(tmp_path):
    assert goes_elsewhere(PhotographPersons(("anna",)))
    assert not goes_elsewhere(PhotographPersons(("anna",), out=tmp_path))
    assert not goes_elsewhere(ChooseCheckpoint("anna"))
    assert not goes_elsewhere(AddPerson("anna", ()))
