"""Persons, templates and capabilities over HTTP."""

import dataclasses
import io
import zipfile

import pytest
from PIL import Image

from easyphoto.api.capabilities import KINDS
from easyphoto.backends.headers import read_header
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.images.pictures import write_picture
from easyphoto.persons.deletion import Deletion, Left
from easyphoto.persons.importing import ImportedPersons
from easyphoto.training.run import RunFolder
from easyphoto.workspace.person_record import Person
from tests.api.calls import V1, error_of, events_of, finished, inline, photos, trained, tree
from tests.persons.arriving import write_lora


@pytest.fixture
def anna(client):
    return trained(client)["result"]


def test_a_person_is_shown_with_what_they_were_trained_with(client, anna):
    person = client.get(f"{V1}/persons/anna").json()

    assert client.get(f"{V1}/persons").json() == {"persons": [person], "damaged": []}
    assert (person["id"], person["is_ready"], person["photos"], person["has_portrait"]) == ("anna", True, 5, True)
    assert person["domain"] == "drawings"
    assert person["trained"]["base"] == "base"
    assert person["trained"]["settings"]["batch"] == 4
    assert client.get(f"{V1}/persons/anna/portrait").headers["content-type"] == "image/png"


def test_an_export_holds_the_person_and_leaves_nothing_behind(client, anna, workshop):
    before = tree(workshop.root)

    answer = client.get(f"{V1}/persons/anna/export")

    assert answer.headers["content-disposition"] == 'attachment; filename="anna.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read("anna/lora.safetensors") == b"lora one"
    assert tree(workshop.root) == before


def test_an_import_is_handed_on_and_its_archive_does_not_stay(client, workshop, monkeypatch):
    taken = []

    def run(self, app, context):
        taken.append((self.source.read_bytes(), self.source.suffix))
        person = Person("ben", "Ben", "miniature", "2026-01-01T00:00:00Z")
        app.workspace.save_person(person)
        return ImportedPersons((person,))

    monkeypatch.setattr(ImportPersons, "run", run)
    before = tree(workshop.root)

    answer = client.post(f"{V1}/persons:import", content=b"PK a person", headers={"Content-Type": "application/zip"})

    assert (answer.status_code, answer.json()["id"]) == (201, "ben")
    assert taken == [(b"PK a person", ".zip")]
    assert set(tree(workshop.root)) - set(before) == {"persons/ben/person.json"}


def test_an_import_that_is_no_archive_is_refused_and_does_not_stay(client, workshop):
    before = tree(workshop.root)

    answer = client.post(f"{V1}/persons:import", content=b"nothing", headers={"Content-Type": "application/zip"})

    assert answer.status_code == 422, answer.text
    assert tree(workshop.root) == before


def test_a_person_is_renamed(client, anna):
    answer = client.patch(f"{V1}/persons/anna", json={"name": "Anna Meyer"})

    assert answer.status_code == 200, answer.text
    assert client.get(f"{V1}/persons/anna").json()["name"] == "Anna Meyer"


def test_a_person_is_deleted_with_everything(client, anna, workshop):
    finished(client, client.post(f"{V1}/photos:check", json={"photos": photos()}))

    gone = client.delete(f"{V1}/persons/anna").json()["deleted"]

    assert "persons/anna" in gone
    assert not any(name.startswith("/") for name in gone)
    assert client.get(f"{V1}/persons").json() == {"persons": [], "damaged": []}
    assert client.get(f"{V1}/jobs").json() == {"jobs": [], "next": None}
    assert not any("photo-" in name for name in tree(workshop.root))


def test_what_could_not_be_deleted_yet_is_named(client, anna, workshop, monkeypatch):
    left = Left("anna", f"process 7 works on them in {workshop.root}/runs")
    monkeypatch.setattr(
        type(workshop.service), "delete", lambda *_: Deletion((workshop.root / "persons" / "anna",), (left,))
    )

    answer = client.delete(f"{V1}/persons/anna")

    assert answer.status_code == 202
    assert answer.json() == {
        "deleted": ["persons/anna"], "left": [{"what": "anna", "why": "process 7 works on them in runs"}]
    }  # fmt: skip


@pytest.mark.parametrize("path", ["", "/portrait", "/export"])
def test_somebody_unknown_is_404(client, path):
    assert error_of(client.get(f"{V1}/persons/ben{path}")) == (404, "UnknownPerson")


def test_own_templates_are_added_shown_and_deleted(client, workshop):
    shipped = client.get(f"{V1}/templates").json()["templates"]

    added = client.post(f"{V1}/templates", json={"name": "Garden", "picture": inline(1)})

    assert (added.status_code, added.json()) == (201, {"id": "own-garden", "title": "garden", "own": True})
    assert client.get(added.headers["location"]).status_code == 200
    assert client.get(f"{V1}/templates").json()["templates"] == [*shipped, added.json()]
    assert error_of(client.post(f"{V1}/templates", json={"name": "garden", "picture": inline(2)})) == (409, "NameTaken")
    assert client.delete(f"{V1}/templates/own-garden").status_code == 200
    assert client.get(f"{V1}/templates").json()["templates"] == shipped
    assert not any("garden" in name for name in tree(workshop.root))


def test_a_template_that_ships_is_not_deleted(client):
    assert error_of(client.delete(f"{V1}/templates/01-lights")) == (422, "InputError")
    assert error_of(client.delete(f"{V1}/templates/nothing")) == (404, "UnknownTemplate")


def test_capabilities_declare_every_setting_but_the_owners(client):
    told = client.get(f"{V1}/capabilities").json()

    for name, kind in KINDS.items():
        declared = {field.name for field in dataclasses.fields(kind)} - {"webui"}
        assert {setting["name"] for setting in told["settings"][name]} == declared
    rank = next(setting for setting in told["settings"]["train"] if setting["name"] == "rank")
    assert rank == {
        "name": "rank", "type": "integer", "nullable": True, "default": None, "title": "Rank",
        "description": "Empty: the usual one for the model.", "minimum": 1, "maximum": 256, "step": 1,
    }  # fmt: skip
    assert told["presets"]["train"]["fast"]["steps"] == 400
    assert told["host"]["kind"] == "standalone"
    assert "miniature" in [family["id"] for family in told["families"]]


def test_the_document_describes_every_setting(client):
    schemas = client.app.openapi()["components"]["schemas"]

    weight = schemas["InferenceSettings"]["properties"]["lora_weight"]
    assert (weight["minimum"], weight["maximum"], weight["default"]) == (0.0, 2.0, 0.9)
    assert weight["description"] == "LoRA weight."
    assert schemas["TrainSettings"]["additionalProperties"] is False


def added(client, name: str = "anna") -> dict:
    return finished(client, client.post(f"{V1}/persons", json={"name": name, "photos": photos()}))


def test_a_person_is_added_without_a_training(client, workshop):
    made = added(client, "Anna")

    assert (made["state"], made["kind"], made["title"]) == ("done", "add", "add Anna")
    assert (made["result"]["person"], made["result"]["name"], made["result"]["kept"]) == ("anna", "Anna", 5)
    assert made["result"]["reference"].startswith("photo-")
    person = client.get(f"{V1}/persons/anna").json()
    assert (person["is_ready"], person["is_trained"], person["photos"]) == (True, False, 5)
    assert (person["has_portrait"], person["trained"], person["run"], person["domain"]) == (
        False,
        None,
        None,
        "drawings",
    )
    assert error_of(client.get(f"{V1}/persons/anna/portrait"))[0] == 404
    assert not (workshop.root / "runs").exists()


def test_the_verdicts_of_an_addition_are_told(client):
    job = added(client)

    told = events_of(client.get(f"{V1}/jobs/{job['id']}/events").text)
    (verdicts,) = [event for event in told if event["type"] == "verdicts"]
    assert [verdict["kept"] for verdict in verdicts["verdicts"]] == [True] * 5
    assert verdicts["reference"] == job["result"]["reference"]


def test_a_name_that_is_taken_is_409(client, anna):
    before = client.get(f"{V1}/persons").json()

    answer = client.post(f"{V1}/persons", json={"name": "Anna", "photos": photos()})

    assert error_of(answer) == (409, "NameTaken")
    assert client.get(f"{V1}/persons").json() == before


def test_who_was_added_cannot_be_photographed_before_something_paints_them(client):
    added(client)

    asked = {"persons": ["anna"], "templates": [inline(99, (300, 200))]}
    job = finished(client, client.post(f"{V1}/photograph", json=asked))

    assert (job["state"], job["error"]["code"]) == ("failed", "WeightsMissing")
    assert "not trained" in job["error"]["message"]
    assert "FaceID: it cannot be used here" in job["error"]["message"]
    assert "easyphoto train anna" in job["error"]["advice"]


def test_a_training_without_photos_takes_those_that_the_person_keeps(client):
    added(client)

    job = finished(client, client.post(f"{V1}/train", json={"name": "anna"}))

    assert (job["state"], job["result"]["person"], job["request"]["photos"]) == ("done", "anna", [])
    assert client.get(f"{V1}/persons/anna").json()["is_trained"] is True
    assert error_of(client.post(f"{V1}/train", json={"name": "ben"})) == (422, "TooFewPhotos")


def test_who_was_added_is_deleted_with_everything(client, workshop):
    added(client)
    name = client.post(f"{V1}/uploads", json=inline(50)).json()["uploads"][0]["name"]

    gone = client.delete(f"{V1}/persons/anna").json()

    assert gone["left"] == []
    assert "persons/anna" in gone["deleted"]
    assert not {path for path in tree(workshop.root) if path.endswith((".png", ".jpg"))} - {f"uploads/{name}"}
    assert client.get(f"{V1}/jobs").json() == {"jobs": [], "next": None}


def test_an_addition_does_not_wait_for_a_training(client, workshop):
    workshop.trainer.gate.clear()
    training = client.post(f"{V1}/train", json={"name": "ben", "photos": photos()})
    assert workshop.trainer.begun.wait(30)

    assert added(client)["state"] == "done"
    assert client.get(training.headers["location"]).json()["state"] == "running"

    workshop.trainer.gate.set()
    finished(client, training)


# --- scenes and objects ---


@pytest.fixture
def room(client):
    """A scene that was trained over HTTP."""
    request = {"name": "Room", "photos": photos(), "kind": "scene", "words": "a red room"}
    return finished(client, client.post(f"{V1}/train", json=request))


def test_a_scene_is_trained_and_listed_with_its_kind_and_words(client, room, anna):
    assert room["state"] == "done", room["error"]
    assert room["result"]["likeness"] is None

    def ids(query: str) -> list[str]:
        return [person["id"] for person in client.get(f"{V1}/persons{query}").json()["persons"]]

    scene = client.get(f"{V1}/persons/room").json()
    assert (scene["kind"], scene["words"], scene["has_portrait"]) == ("scene", "a red room", True)
    assert client.get(f"{V1}/persons/anna").json()["kind"] == "face"
    assert (ids(""), ids("?kind=scene"), ids("?kind=face"), ids("?kind=object")) == (
        ["anna", "room"], ["room"], ["anna"], [],
    )  # fmt: skip


def test_a_scene_is_refused_where_a_person_is_needed(client, room):
    request = {"persons": ["room"], "templates": [{"template": "03-room"}]}
    assert error_of(client.post(f"{V1}/photograph", json=request)) == (422, "WrongKind")
    assert error_of(client.post(f"{V1}/train", json={"name": "room", "photos": photos()})) == (422, "WrongKind")
    assert error_of(client.post(f"{V1}/train", json={"name": "x", "photos": photos(), "kind": "pet"}))[0] == 422


def test_a_checkpoint_is_chosen_and_the_test_pictures_are_shown(client, room, workshop):
    run = RunFolder(workshop.root / "runs" / room["run"])
    for step in (100, 200):
        write_lora(run.checkpoint(step), ss_steps=str(step))
    write_picture(run.sheet, Image.new("RGB", (8, 8)))
    address = f"{V1}/persons/room"

    assert client.get(f"{address}/checkpoints").json() == {"run": room["run"], "steps": [100, 200], "chosen": None}
    assert client.get(f"{address}/sheet").headers["content-type"] == "image/png"
    refused = client.post(f"{V1}/persons:choose", json={"name": "room", "step": 300})
    assert error_of(refused) == (404, "UnknownCheckpoint")
    assert "100, 200" in refused.json()["error"]["advice"]
    chosen = finished(client, client.post(f"{V1}/persons:choose", json={"name": "room", "step": 100}))

    assert chosen["state"] == "done", chosen["error"]
    assert client.get(f"{address}/checkpoints").json()["chosen"] == 100
    assert read_header(workshop.root / "persons" / "room" / "lora.safetensors").metadata["ss_steps"] == "100"
    (workshop.root / "runs" / room["run"] / "run.json").unlink()
    assert error_of(client.get(f"{address}/checkpoints")) == (404, "UnknownCheckpoint")


def test_a_lora_file_becomes_a_scene(client, workshop, tmp_path):
    content = write_lora(tmp_path / "a.safetensors", ep_prompt="a castle").read_bytes()
    kind = {"Content-Type": "application/octet-stream"}

    def sent(query: str):
        return client.post(f"{V1}/persons:import{query}", content=content, headers=kind)

    assert error_of(sent("")) == (422, "BadRequest")
    castle = sent("?name=Castle").json()
    assert (castle["id"], castle["kind"], castle["words"], castle["photos"]) == ("castle", "scene", "a castle", 0)
    cat = sent("?name=cat&kind=object&words=a%20cat").json()
    assert (cat["kind"], cat["words"]) == ("object", "a cat")
    assert error_of(sent("?name=cat")) == (409, "NameTaken")
    assert error_of(client.get(f"{V1}/persons/castle/portrait")) == (404, "UnknownFile")
    assert client.get(f"{V1}/persons/castle/export").status_code == 200
    assert client.delete(f"{V1}/persons/castle").json()["deleted"] == ["persons/castle"]
