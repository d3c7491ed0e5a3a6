"""A person's words: proposed by a training and an addition, changed on request, and part of the person."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import pytest

from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.change_words import ChangeWords, ProposeWords
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import BadWords, UnknownPerson, WrongKind
from easyphoto.persons.photo_sources import photo_files
from easyphoto.workspace.person_record import PERSON_FILE
from tests.fakes import RecordingContext, new_person

PROPOSED = "brown hair"


@pytest.fixture(autouse=True)
def _hair(monkeypatch):
    """The photos are noise."""
    monkeypatch.setattr("easyphoto.persons.own_words.hair_name", lambda image, labels: "brown")


def train(app, photos):
    return TrainPerson("anna", photo_files(photos)).run(app, NullContext()).person


def add(app, photos):
    return AddPerson("anna", photo_files(photos)).run(app, NullContext()).person


def change(app, words):
    return ChangeWords("anna", words).run(app, NullContext())


def test_a_training_proposes_words_and_adds_none(app, photos):
    made = train(app, photos)

    assert (made.words, made.proposed_words) == ("", PROPOSED)
    assert app.workspace.person("anna") == made


def test_an_addition_proposes_words_and_adds_none(app, photos):
    made = add(app, photos)

    assert (made.words, made.proposed_words) == ("", PROPOSED)


def test_a_new_training_keeps_the_words_and_proposes_only_what_differs(app, photos):
    train(app, photos)
    change(app, "grey hair, glasses")

    again = train(app, photos)
    assert (again.words, again.proposed_words) == ("grey hair, glasses", PROPOSED)

    change(app, PROPOSED)
    assert train(app, photos).proposed_words == ""


def test_words_are_renamed_exported_imported_and_deleted_with_the_person(app, photos, tmp_path):
    add(app, photos)
    change(app, "grey hair, glasses")
    RenamePerson("anna", "Bea", "bea").run(app, NullContext())
    assert app.workspace.person("bea").words == "grey hair, glasses"

    archive = ExportPerson("bea", tmp_path / "bea.zip").run(app, NullContext())
    ImportPersons(archive, "cleo").run(app, NullContext())
    assert app.workspace.person("cleo").words == "grey hair, glasses"

    for id in ("bea", "cleo"):
        DeletePerson(id).run(app, NullContext())
    files = [path for path in app.workspace.root.rglob("*") if path.is_file()]
    assert [path for path in files if b"grey hair" in path.read_bytes()] == []


def test_an_archive_cannot_bring_a_tag_into_a_prompt(app, photos, tmp_path):
    add(app, photos)
    change(app, "grey hair")
    archive = ExportPerson("anna", tmp_path / "anna.zip").run(app, NullContext())
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(changed, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith(PERSON_FILE):
                content = content.replace(b'"grey hair"', b'"<lora:other:1>"')
            target.writestr(info, content)

    with pytest.raises(Exception, match="its words are no plain text"):
        ImportPersons(changed, "ben").run(app, NullContext())

    assert [person.id for person in app.workspace.list_persons()] == ["anna"]


def test_a_proposal_is_made_again_on_request_and_changes_no_words(app, photos):
    train(app, photos)
    change(app, "glasses")

    proposed = ProposeWords("anna").run(app, NullContext())

    assert (proposed.words, proposed.proposed_words) == ("glasses", PROPOSED)
    assert app.workspace.person("anna") == proposed


def test_where_the_engine_tells_nothing_that_is_a_note(app, photos, engine):
    train(app, photos)
    change(app, "")
    engine.outlines = False
    context = RecordingContext()

    assert ProposeWords("anna").run(app, context).proposed_words == ""
    assert [getattr(note, "code", None) for note in context.notes] == ["words-not-proposed"]


def test_bad_words_and_unknown_persons_are_refused(app, photos):
    train(app, photos)

    with pytest.raises(BadWords):
        change(app, "<lora:x:1>")
    with pytest.raises(UnknownPerson):
        ChangeWords("nobody", "glasses").run(app, NullContext())
    with pytest.raises(UnknownPerson):
        ProposeWords("nobody").validated(app)


def test_of_a_scene_nothing_is_proposed_and_it_may_be_called_otherwise(app):
    new_person(app.workspace, "bar")
    app.workspace.save_person(replace(app.workspace.person("bar"), kind="scene", words="a bar"))

    for propose in (lambda: ProposeWords("bar").validated(app), lambda: ProposeWords("bar").run(app, NullContext())):
        with pytest.raises(WrongKind, match="bar is a scene, not a person"):
            propose()

    assert ChangeWords("bar", "a bar with red lamps").run(app, NullContext()).words == "a bar with red lamps"
