"""Checking, training and resuming: what is written, and what is left alone when something fails."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from easyphoto.commands.base import NullContext
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import (
    BadName,
    BadReference,
    DiskFailure,
    Diverged,
    InputError,
    TooFewPhotos,
)
from easyphoto.images.pictures import as_array, read_picture
from easyphoto.persons.photo_sources import photo_files
from easyphoto.progress import Cancelled
from easyphoto.settings.options import Options, WeightSettings
from easyphoto.storage.records import read_json
from easyphoto.training.events import MemoryPlanned
from easyphoto.training.run import TrainRun
from easyphoto.workspace.folders import Workspace
from tests.commands.doubles import LendingHost
from tests.fakes import RecordingContext


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_training_leaves_a_person_who_is_ready(app, photos):
    made = TrainPerson("Anna", photo_files(photos)).run(app, NullContext())

    folder = app.workspace.persons / "anna"
    assert made.person == app.workspace.person("anna")
    assert made.lora == folder / "lora.safetensors"
    assert {path.name for path in folder.iterdir()} == {
        "person.json", "photos", "dataset", "portrait.png", "lora.safetensors"
    }  # fmt: skip
    assert len(list((folder / "photos").iterdir())) == len(made.check.kept) == 5
    # The fake crops are all of one colour: the portrait is just as alike as every photo.
    assert made.person.likeness == {
        "embedder": "fake-colours", "cosine": 1.0, "percentile": 50.0, "strangers": 100.0
    }  # fmt: skip
    assert made.report == made.run_folder / "report.html"
    assert (made.run_folder / "report.png").is_file()
    assert not (made.run_folder / "person").exists()


def test_the_reference_that_was_chosen_is_trained_with_and_kept_when_the_training_is_gone_on_with(app, photos, trainer):
    context = RecordingContext()
    trainer.error = Cancelled()
    with pytest.raises(Cancelled):
        TrainPerson("anna", photo_files(photos), reference="3.png").run(app, context)
    trainer.error = None

    made = ResumeTraining(context.runs[0].name).run(app, NullContext())

    verdicts = read_json(made.run_folder / "verdicts.json")
    assert (verdicts["reference"], verdicts["reference_chosen"]) == ("3.png", True)
    dataset = app.workspace.persons / "anna" / "dataset"
    assert read_json(dataset / "dataset.json")["reference_photo"] == "3.png"
    assert (
        as_array(read_picture(dataset / "reference.png")).tolist() == as_array(read_picture(photos / "3.png")).tolist()
    )


def test_a_reference_that_is_not_there_stops_a_training_before_it_writes(app, photos):
    with pytest.raises(BadReference, match=r"other\.png is not among the 5 photos"):
        TrainPerson("anna", photo_files(photos), reference="other.png").run(app, NullContext())

    assert not app.workspace.runs.exists()


def test_the_plan_is_said_before_the_first_step(app, photos):
    context = RecordingContext()

    TrainPerson("anna", photo_files(photos)).run(app, context)

    assert [event.text for event in context.events if isinstance(event, MemoryPlanned)] == ["everything fits"]


def test_a_run_that_was_cut_off_is_gone_on_with_without_the_original_photos(app, photos, trainer):
    context = RecordingContext()
    trainer.error = Cancelled()
    with pytest.raises(Cancelled):
        TrainPerson("Anna Meyer".replace(" ", "-"), photo_files(photos)).run(app, context)
    for photo in photos.iterdir():
        photo.unlink()
    trainer.error = None

    made = ResumeTraining(context.runs[0].name).run(app, NullContext())

    assert made.person.name == "Anna-Meyer"
    assert made.person.is_ready
    assert len(made.person.photos) == 5
    assert (app.workspace.persons / "anna-meyer" / "lora.safetensors").read_bytes() == b"lora one"


@pytest.mark.parametrize("name", ["../persons", "nothing", "", "."])
def test_only_a_run_can_be_resumed(app, name):
    with pytest.raises(InputError):
        ResumeTraining(name).run(app, NullContext())


def test_the_host_lends_its_device_for_the_training_only_and_lists_the_lora(app, photos):
    host = LendingHost()

    made = TrainPerson("anna", photo_files(photos)).run(replace(app, host=host), NullContext())

    assert host.said == ["trainer", "lent for the training of anna", "given back", "published lora one"]
    assert made.published == Path("/host/easyphoto-anna.safetensors")


def test_who_is_trained_again_leaves_no_earlier_lora_in_the_hosts_folder(app, photos, trainer):
    host = LendingHost()
    app = replace(app, host=host)
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    trainer.content = b"lora two"

    TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert host.said[-3:] == ["withdrawn lora one", "given back", "published lora two"]


def test_an_earlier_lora_is_listed_again_where_the_new_person_cannot_be_installed(app, photos, monkeypatch):
    host = LendingHost()
    app = replace(app, host=host)
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    monkeypatch.setattr(
        "easyphoto.commands.training.install_person", lambda *_, **__: (_ for _ in ()).throw(DiskFailure("full"))
    )

    with pytest.raises(DiskFailure):
        TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert host.said[-3:] == ["withdrawn lora one", "published lora one", "given back"]


@dataclass(frozen=True)
class FullHost(LendingHost):
    """Its LoRA folder can neither be written nor cleared."""

    def publish(self, lora):
        raise DiskFailure("The disk is full.")

    def withdraw(self, lora):
        raise DiskFailure("The file is in use.")


def test_a_lora_that_cannot_be_listed_or_taken_away_is_a_note_and_no_failed_training(app, photos):
    app = replace(app, host=FullHost())
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    made = TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert made.published is None
    assert made.person.notes[-2:] == (
        "The LoRA of the earlier training is still in the web UI's list. The file is in use.",
        "The LoRA is not in the web UI's list yet. The disk is full.",
    )
    assert app.workspace.person("anna").notes == made.person.notes


def test_a_host_that_cannot_take_its_device_back_does_not_cost_the_training(app, photos):
    class Stuck(LendingHost):
        @contextmanager
        def lent_device(self, what_for):
            yield
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        TrainPerson("anna", photo_files(photos)).run(replace(app, host=Stuck()), NullContext())

    assert app.workspace.person("anna").is_ready


def test_the_host_gets_its_device_back_when_a_training_fails(app, photos, trainer):
    trainer.error = Diverged("no number")
    host = LendingHost()

    with pytest.raises(Diverged):
        TrainPerson("anna", photo_files(photos)).run(replace(app, host=host), NullContext())

    assert host.said[-2:] == ["lent for the training of anna", "given back"]


def test_a_training_is_told_whole_paths_because_it_works_in_another_folder(app, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    near = replace(app, workspace=Workspace(Path("near")), options=Options(weights=WeightSettings(webui="webui")))
    near = replace(near, mirrors=(Path("mirror"),))

    run_folder = TrainPerson("anna", photo_files(photos)).run(near, NullContext()).run_folder
    run = TrainRun.read(run_folder / "run.json")

    # A workspace may be moved, so what lies in it is named as seen from the run.
    assert (run.dataset, run.weights) == ("dataset", "../../weights")
    assert (run_folder / run.weights).resolve() == tmp_path / "near" / "weights"
    assert run.weight_settings.webui == str(tmp_path / "webui")
    assert run.mirrors == (str(tmp_path / "mirror"),)


@pytest.mark.parametrize(
    "error", [Diverged("no number"), Cancelled(), KeyboardInterrupt(), OSError(28, "full")], ids=repr
)
def test_a_failed_training_leaves_the_person_as_before(app, photos, trainer, error):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    before = everything(app.workspace.persons)
    trainer.error = error

    with pytest.raises(type(error)):
        TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert everything(app.workspace.persons) == before


def test_a_failed_first_training_leaves_nobody(app, photos, trainer):
    trainer.error = Diverged("no number")

    with pytest.raises(Diverged):
        TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert app.workspace.list_persons() == ()


def test_a_swap_that_fails_puts_the_person_back(app, photos, monkeypatch):
    import os

    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    before = everything(app.workspace.persons)
    place, rename = app.workspace.persons / "anna", os.rename

    def fails_on_the_new(source, target):
        if Path(target) == place and Path(source).name == "person":
            raise OSError(5, "input/output")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails_on_the_new)
    with pytest.raises(Exception, match="could not be replaced"):
        TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert everything(app.workspace.persons) == before


def test_a_second_training_replaces_the_first_and_keeps_the_day(app, photos, trainer):
    first = TrainPerson("Anna", photo_files(photos)).run(app, NullContext())
    trainer.content = b"lora two"

    second = TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert second.lora.read_bytes() == b"lora two"
    assert (second.person.name, second.person.created) == ("Anna", first.person.created)
    assert second.person.run != first.person.run


@pytest.mark.parametrize("name", ["../anna", "a/b", "", "con"])
def test_a_path_like_name_is_refused_before_anything_is_written(app, photos, name):
    with pytest.raises(BadName):
        TrainPerson(name, photo_files(photos)).run(app, NullContext())

    assert not app.workspace.root.exists()


def test_photos_without_a_face_are_too_few_and_say_why(app, photos, engine):
    engine.faces = ()

    with pytest.raises(TooFewPhotos, match="5 × no face"):
        TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert app.workspace.list_persons() == ()


def test_no_photos_and_no_folder_are_different_errors(app, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(TooFewPhotos):
        CheckPhotos(photo_files(tmp_path / "empty")).run(app, NullContext())
    with pytest.raises(InputError, match="is not a folder"):
        CheckPhotos(photo_files(tmp_path / "nowhere")).run(app, NullContext())


def test_an_engine_without_an_embedder_is_said(app, photos, engine):
    engine.embedder = None

    made = TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    assert made.person.likeness is None
    assert any("identity not checked" in note for note in made.person.notes)
