"""A person without a training: what is kept, what it is good for, and what becomes of it."""

import json
import zipfile
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import BadReference, InputError, NameTaken, TooFewPhotos, WeightsMissing
from easyphoto.geometry import Box
from easyphoto.host.base import ThisMachine
from easyphoto.persons.photo_sources import photo_files
from easyphoto.persons.subject import subject_from
from easyphoto.progress import Cancelled
from easyphoto.settings.training import PreprocessSettings
from easyphoto.storage.records import read_json
from easyphoto.workspace.folders import Workspace
from tests.commands.doubles import LendingHost, OnePersonEngine
from tests.fakes import FakeBackend, RecordingContext, RecordingProgress, face_at


def add(app, photos, name="anna", context=None, **more):
    return AddPerson(name, photo_files(photos), **more).run(app, context or NullContext())


def tree(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_addition_leaves_photos_and_dataset_and_neither_lora_nor_run(app, photos):
    made = add(app, photos, "Anna")

    folder = app.workspace.persons / "anna"
    assert made.person == app.workspace.person("anna")
    assert {path.name for path in folder.iterdir()} == {"person.json", "photos", "dataset"}
    assert sorted(made.person.photos) == [f"photos/{number}.png" for number in range(5)]
    assert {(folder / name).read_bytes() for name in made.person.photos} == {
        file.read_bytes() for file in photos.iterdir()
    }
    assert tree(app.workspace.root) == {f"persons/anna/{name}" for name in tree(folder)}
    assert (made.person.name, made.person.family, made.person.domain) == ("Anna", "miniature", "drawings")
    assert made.person.base == str(app.base_model()[1])
    assert (made.person.lora, made.person.portrait, made.person.run, made.person.likeness) == (None,) * 4
    assert (made.person.is_ready, made.person.is_trained) == (True, False)


def test_the_best_photos_are_kept_and_no_more_than_asked_for(app, photos):
    made = add(app, photos, preprocess=PreprocessSettings(keep=2), reference="3.png")

    assert len(made.person.photos) == 2
    assert "photos/3.png" in made.person.photos
    dataset = read_json(app.workspace.persons / "anna" / "dataset" / "dataset.json")
    assert (dataset["reference_photo"], dataset["reference_chosen"]) == ("3.png", True)


def test_they_are_measured_as_if_they_were_trained(app, photos, engine):
    add(app, photos, "anna")
    TrainPerson("ben", photo_files(photos)).run(app, NullContext())

    added, trained = (subject_from(app.workspace, app.workspace.person(id), engine) for id in ("anna", "ben"))

    assert added.reference.tobytes() == trained.reference.tobytes()
    assert added.outline is not None
    assert trained.outline is not None
    np.testing.assert_array_equal(added.outline.radii, trained.outline.radii)
    assert added.skin is not None
    assert trained.skin is not None
    for field in fields(added.skin):
        np.testing.assert_array_equal(getattr(added.skin, field.name), getattr(trained.skin, field.name))
    np.testing.assert_array_equal(added.embeddings, trained.embeddings)
    assert len(added.embeddings) == 5
    assert (added.identities, added.portrait) == ((), None)


def test_where_nothing_can_paint_them_a_photograph_says_why_and_that_a_training_would(
    app, photos, template, tmp_path, monkeypatch
):
    monkeypatch.setattr(ThisMachine, "open_backend", lambda *_: FakeBackend())
    add(app, photos)

    with pytest.raises(WeightsMissing, match=r"FaceID: it cannot be used here.*easyphoto train anna"):
        PhotographPersons(("anna",), (template,), out=tmp_path / "out").run(app, NullContext())

    assert not (tmp_path / "out").exists()


def test_a_name_that_is_taken_is_refused_and_nothing_changes(app, photos, trainer):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    add(app, photos, "ben")
    before = {name: (app.workspace.root / name).read_bytes() for name in tree(app.workspace.root)}

    for name in ("anna", "Ben"):
        asked = AddPerson(name, photo_files(photos))
        for refused in (lambda asked=asked: asked.validated(app), lambda asked=asked: asked.run(app, NullContext())):
            with pytest.raises(NameTaken, match="Train them again with these photos, or rename or delete them first"):
                refused()

    assert {name: (app.workspace.root / name).read_bytes() for name in tree(app.workspace.root)} == before


def test_who_came_while_the_photos_were_looked_at_is_not_replaced(app, photos, engine):
    class Late(NullContext):
        def checked(self, check):
            TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    with pytest.raises(NameTaken, match="They were added while this one was being made"):
        add(app, photos, context=Late())

    assert app.workspace.person("anna").is_trained


def test_a_training_makes_a_trained_person_of_the_same_one(app, photos, trainer):
    added = add(app, photos, "Anna").person
    host = LendingHost()

    trained = TrainPerson("anna", photo_files(photos)).run(replace(app, host=host), NullContext()).person

    assert (trained.name, trained.created, trained.is_trained) == ("Anna", added.created, True)
    assert host.said[-2:] == ["given back", "published lora one"]
    assert (app.workspace.persons / "anna" / "lora.safetensors").read_bytes() == b"lora one"


@dataclass
class TwoOnEach(OnePersonEngine):
    """Two faces of one size on every picture but the small crops."""

    def detect(self, picture):
        if picture.size != (256, 256):
            return super().detect(picture)
        return face_at(Box(20, 60, 120, 160)), face_at(Box(136, 60, 236, 160))


def test_a_training_without_photos_takes_those_that_are_kept_with_what_was_chosen_on_them(
    app, photos, engine, monkeypatch
):
    several = TwoOnEach()
    for name in ("choose_engine", "open_engine"):
        monkeypatch.setattr(f"easyphoto.app.{name}", lambda *_, **__: several)
    names = sorted(photo.name for photo in photos.iterdir())
    add(app, photos, chosen_faces=dict.fromkeys(names, 2), reference="3.png")
    for photo in photos.iterdir():
        photo.unlink()

    TrainPerson("anna", ()).validated(app)
    made = TrainPerson("anna", ()).run(app, NullContext())

    assert sorted(made.person.photos) == [f"photos/{name}" for name in names]
    verdicts = read_json(made.run_folder / "verdicts.json")
    assert (verdicts["reference"], verdicts["reference_chosen"]) == ("3.png", True)
    assert [verdict["face"]["box"] for verdict in verdicts["verdicts"]] == [[136.0, 60.0, 236.0, 160.0]] * 5
    assert made.person.is_trained


def test_a_trained_person_is_trained_again_without_photos(app, photos, trainer):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    trainer.content = b"lora two"

    assert TrainPerson("anna", ()).run(app, NullContext()).lora.read_bytes() == b"lora two"


def test_a_training_without_photos_of_nobody_is_refused(app):
    with pytest.raises(TooFewPhotos, match="There are no photos of 'anna' here"):
        TrainPerson("Anna", ()).validated(app)


@dataclass
class Reds(OnePersonEngine):
    """Reddish pictures show one person, others another; a blue picture shows nobody."""

    def detect(self, picture):
        return () if picture.getpixel((0, 0)) == (0, 0, 255) else super().detect(picture)

    def embed(self, picture, face):
        red, _, blue = np.asarray(picture.convert("RGB"), float).mean((0, 1))
        return np.array([1, 0] if red > blue + 30 else [0, 1], np.float32)


@pytest.fixture
def reds(monkeypatch):
    for name in ("choose_engine", "open_engine"):
        monkeypatch.setattr(f"easyphoto.app.{name}", lambda *_, **__: Reds())


def redden(photo):
    with Image.open(photo) as picture:
        red, green, blue = picture.convert("RGB").split()
    Image.merge("RGB", (red.point(lambda value: 128 + value // 2), green, blue.point(lambda value: value // 2))).save(
        photo
    )


def reasons(check):
    return {verdict.photo: verdict.reason and verdict.reason.value for verdict in check.verdicts}


def test_of_five_photos_of_two_people_those_of_the_other_are_set_aside(app, photos, reds):
    for number in (1, 4):
        redden(photos / f"{number}.png")

    made = add(app, photos)

    assert reasons(made.check) == {
        "0.png": None, "1.png": "someone else", "2.png": None, "3.png": None, "4.png": "someone else"
    }  # fmt: skip
    assert sorted(made.person.photos) == ["photos/0.png", "photos/2.png", "photos/3.png"]
    assert "Only 3 photos are kept; 5 to 20 give a better likeness." in made.person.notes


def test_where_the_photos_do_not_agree_on_one_person_a_note_says_so(app, photos, reds):
    (photos / "4.png").unlink()
    for number in (1, 3):
        redden(photos / f"{number}.png")
    context = RecordingContext()

    made = add(app, photos, context=context)

    assert len(made.person.photos) == 4
    assert any("The photos seem to show different people" in said for said in context.notes)
    assert context.checks == [made.check]


def test_a_photo_without_a_face_and_one_that_cannot_be_read_are_set_aside(app, photos, reds):
    Image.new("RGB", (256, 256), "blue").save(photos / "0.png")
    (photos / "1.png").write_text("dear diary")

    made = add(app, photos)

    assert reasons(made.check) == {
        "0.png": "no face", "1.png": "unreadable", "2.png": None, "3.png": None, "4.png": None
    }  # fmt: skip
    assert len(made.person.photos) == 3


def test_one_photo_is_enough_and_its_note_says_what_that_means(app, photos):
    for number in range(1, 5):
        (photos / f"{number}.png").unlink()

    made = add(app, photos)

    assert made.person.photos == ("photos/0.png",)
    assert made.person.is_ready
    assert any("Only one photo is kept: the result will look like that photo." in note for note in made.person.notes)


@pytest.mark.parametrize(("content", "why"), [("dear diary", "5 × unreadable"), (None, "5 × no face")])
def test_where_no_photo_can_be_used_nobody_is_added(app, photos, engine, content, why):
    engine.faces = ()
    for photo in photos.iterdir() if content else ():
        photo.write_text(content)

    with pytest.raises(TooFewPhotos, match=why):
        add(app, photos)

    assert tree(app.workspace.root) == set()


def test_a_reference_that_is_not_among_the_photos_is_refused_at_once(app, photos):
    with pytest.raises(BadReference, match=r"other\.png is not among the 5 photos"):
        AddPerson("anna", photo_files(photos), reference="other.png").validated(app)


def test_an_addition_that_is_cancelled_leaves_nobody(app, photos):
    progress = RecordingProgress()
    AddPerson("ben", photo_files(photos)).run(app, NullContext(progress))
    for number in range(1, progress.checks + 1):
        with pytest.raises(Cancelled):
            add(app, photos, context=NullContext(RecordingProgress(cancel_at=number)))
        assert {name.split("/")[1] for name in tree(app.workspace.root)} == {"ben"}


def test_who_was_added_goes_without_a_trace(app, photos):
    add(app, photos)

    gone = DeletePerson("anna").run(replace(app, host=LendingHost()), NullContext())

    assert (gone.gone, gone.left) == ((app.workspace.persons / "anna",), ())
    assert tree(app.workspace.root) == set()


def test_who_was_added_is_renamed(app, photos):
    add(app, photos)
    host = LendingHost()

    renamed = RenamePerson("anna", "Änne", new_id="aenne").run(replace(app, host=host), NullContext())

    assert app.workspace.list_persons() == (renamed,)
    assert (renamed.id, renamed.name, renamed.is_trained) == ("aenne", "Änne", False)
    assert host.said == []


def test_who_was_added_is_exported_and_imported(app, photos, tmp_path, engine):
    added = add(app, photos, reference="3.png").person
    archive = ExportPerson("anna", tmp_path).run(app, NullContext())
    host = LendingHost()
    elsewhere = EasyPhoto(Workspace(tmp_path / "elsewhere"), mirrors=(), host=host)

    (arrived,) = ImportPersons(archive).run(elsewhere, NullContext()).persons

    assert arrived == replace(added, base=None)
    assert host.said == []
    names = tree(app.workspace.persons / "anna") - {"person.json"}
    assert names == tree(elsewhere.workspace.persons / "anna") - {"person.json"}
    for name in names:
        files = [workspace.persons / "anna" / name for workspace in (app.workspace, elsewhere.workspace)]
        assert files[0].read_bytes() == files[1].read_bytes()


def changed(archive, target, change, **more):
    """The archive with the record changed, and with more files."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as packed:
        for name in source.namelist():
            content = source.read(name)
            if name == "anna/person.json":
                content = json.dumps({**json.loads(content), **change}).encode()
            packed.writestr(name, content)
        for name, content in more.items():
            packed.writestr(f"anna/{name}.safetensors", content)
    return target


@pytest.mark.parametrize(
    ("change", "more", "why"),
    [
        ({}, {"lora": b"a LoRA that nobody looked at"}, "names unusual files"),
        ({"photos": []}, {}, "neither a LoRA nor photos"),
        ({"family": "unheard-of"}, {}, "no type of model called 'unheard-of'"),
        ({"lora": "lora.safetensors"}, {}, "lacks a file"),
    ],
)
def test_an_archive_of_somebody_untrained_is_looked_through_as_well(app, photos, tmp_path, change, more, why):
    add(app, photos)
    archive = changed(ExportPerson("anna", tmp_path).run(app, NullContext()), tmp_path / "odd.zip", change, **more)
    elsewhere = EasyPhoto(Workspace(tmp_path / "elsewhere"), mirrors=())

    with pytest.raises(InputError, match=why):
        ImportPersons(archive).run(elsewhere, NullContext())

    assert elsewhere.workspace.list_persons() == ()
