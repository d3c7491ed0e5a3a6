"""Scenes and objects: trained, chosen anew, listed, and refused where a person is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto import app as app_module
from easyphoto.app import EasyPhoto
from easyphoto.backends.headers import read_header
from easyphoto.commands.base import NullContext
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.choose_checkpoint import ChooseCheckpoint
from easyphoto.commands.engines import domain_of
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import BadReference, BadSettings, TooFewPhotos, UnknownCheckpoint, WrongKind
from easyphoto.images.pictures import write_picture
from easyphoto.persons.photo_sources import photo_files
from easyphoto.progress import Cancelled
from easyphoto.storage.records import read_json, write_json
from easyphoto.training.run import RUN_FILE, RunFolder, TrainRun
from tests.commands.doubles import LendingHost, Trainer
from tests.fakes import RecordingContext
from tests.persons.arriving import write_lora


@dataclass
class Checkpoints(Trainer):
    """Leaves two checkpoints with a test picture each, too."""

    def __call__(self, folder, progress, *, on_event, python=None, devices=None):
        made = super().__call__(folder, progress, on_event=on_event, python=python, devices=devices)
        for step, colour in ((1, "red"), (2, "blue")):
            run = RunFolder(folder)
            write_lora(run.checkpoint(step), value=step / 4, ss_steps=str(step))
            write_picture(run.sample(step, 0), Image.new("RGB", (128, 128), colour))
            kept = {"step": step, "template": 0, "path": f"samples/step-{step:06d}-00.png", "score": None}
            write_json(run.scores(step), {"pictures": [kept]})
        return made


class Listing(LendingHost):
    """Remembers which checkpoints it lists."""

    def publish(self, lora: Path) -> Path:
        self.said.append(f"published {content_of(lora)}")
        return Path("/host") / lora.name

    def withdraw(self, lora: Path) -> Path:
        self.said.append(f"withdrawn {content_of(lora)}")
        return Path("/host") / lora.name


def content_of(lora: Path) -> str:
    return lora.read_text() if lora.stat().st_size < 100 else f"step {read_header(lora).metadata['ss_steps']}"


@pytest.fixture
def trainer():
    return Checkpoints()


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a face engine was opened")

    monkeypatch.setattr(app_module, "choose_engine", refuse)
    monkeypatch.setattr(app_module, "open_engine", refuse)


def everything(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("no_engine")
def test_a_scene_is_trained_without_a_look_at_faces(app: EasyPhoto, photos: Path):
    made = TrainPerson("Red room", photo_files(photos), concept="scene").run(app, NullContext())

    scene = app.workspace.person("red-room")
    assert made.person == scene
    assert (scene.kind, scene.words) == ("scene", "easyphoto_scene, Red room")
    assert (scene.domain, scene.likeness, made.likeness) == (None, None, None)
    assert (scene.reference, scene.portrait, len(scene.photos)) == ("dataset/reference.png", "portrait.png", 5)
    run = TrainRun.read(made.run_folder / RUN_FILE)
    assert (run.concept, run.trigger, run.engine, run.templates) == ("scene", "easyphoto_scene, Red room", None, ())
    assert "The last checkpoint, of step 2, is used." in made.report.read_text("utf-8")


@pytest.mark.usefixtures("no_engine")
def test_trained_again_it_keeps_its_words_until_others_are_said(app: EasyPhoto, photos: Path):
    for said, words in (("a red room", "a red room"), (None, "a red room"), ("my  room", "my room")):
        TrainPerson("room", photo_files(photos), concept="scene", words=said).run(app, NullContext())
        assert app.workspace.person("room").words == words
    # And from the photos that it keeps.
    TrainPerson("room", (), concept="scene").run(app, NullContext())
    assert app.workspace.person("room").words == "my room"


@pytest.mark.usefixtures("no_engine")
def test_a_cancelled_training_of_a_scene_is_gone_on_with(app: EasyPhoto, photos: Path, trainer: Checkpoints):
    context = RecordingContext()
    trainer.error = Cancelled()
    with pytest.raises(Cancelled):
        TrainPerson("cup", photo_files(photos), concept="object", words="a cup").run(app, context)
    trainer.error = None
    (run,) = app.workspace.runs.iterdir()

    made = ResumeTraining(run.name).run(app, NullContext())

    assert (made.person.kind, made.person.words) == ("object", "a cup")


def test_an_object_says_how_its_outline_was_found(app: EasyPhoto, photos: Path):
    context = RecordingContext()

    TrainPerson("cup", photo_files(photos), concept="object").run(app, context)

    assert any("No cut-out model for objects is at hand" in note for note in context.notes)


@pytest.mark.usefixtures("no_engine")
def test_fewer_pictures_than_needed_are_refused_and_leave_nothing(app: EasyPhoto, photos: Path):
    few = photo_files(photos)[:2]

    with pytest.raises(TooFewPhotos, match="at least 3 are needed"):
        TrainPerson("room", few, concept="scene").run(app, NullContext())

    assert not app.workspace.runs.exists()
    assert len(CheckPhotos(few, concept="scene").run(app, NullContext()).kept) == 2


def test_a_name_of_another_kind_is_not_replaced(app: EasyPhoto, photos: Path):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    TrainPerson("room", photo_files(photos), concept="scene").run(app, NullContext())
    before = everything(app.workspace.root)

    for command in (TrainPerson("anna", photo_files(photos), concept="scene"), TrainPerson("room", ())):
        with pytest.raises(WrongKind, match=r"is known already, as a (person|scene)"):
            command.validated(app)
        with pytest.raises(WrongKind):
            command.run(app, NullContext())

    assert everything(app.workspace.root) == before


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        (TrainPerson("x", (), concept="pet"), BadSettings, "kind cannot be 'pet'"),
        (TrainPerson("x", (), words="a room"), BadSettings, "belong to a scene or an object"),
        (TrainPerson("x", (), reference="a.png", concept="scene"), BadReference, "no reference photo"),
        (CheckPhotos((), {"a.png": 1}, concept="object"), BadReference, "no face"),
    ],
)
def test_what_does_not_go_together_is_refused(app: EasyPhoto, command, error, words):
    with pytest.raises(error, match=words):
        command.validated(app)


def test_a_scene_cannot_be_photographed(app: EasyPhoto, photos: Path, template: Path):
    TrainPerson("room", photo_files(photos), concept="scene").run(app, NullContext())
    command = PhotographPersons(("room",), (template,))

    with pytest.raises(WrongKind, match=r"room is a scene, not a person. Use it beside a person: --scene room"):
        command.validated(app)
    with pytest.raises(WrongKind):
        command.run(app, NullContext())
    with pytest.raises(WrongKind):
        domain_of(app, ["room"])


# --- another checkpoint ---


def test_another_checkpoint_takes_the_place_of_the_last_and_can_be_taken_back(app: EasyPhoto, photos: Path):
    host = Listing()
    app = replace(app, host=host)
    TrainPerson("room", photo_files(photos), concept="scene").run(app, NullContext())
    folder = app.workspace.persons / "room"
    trained = everything(folder)

    made = ChooseCheckpoint("room", 1).validated(app).run(app, NullContext())

    assert made.person == app.workspace.person("room")
    assert made.person.notes == ("The checkpoint of step 1 was chosen.",)
    metadata = read_header(folder / "lora.safetensors").metadata
    assert metadata["ss_steps"] == "1"
    assert Image.open(folder / "portrait.png").getpixel((0, 0)) == (255, 0, 0)
    assert "The checkpoint of step 1 is used: it was chosen by hand." in made.report.read_text("utf-8")
    # Everything else is what it was.
    changed = {Path("lora.safetensors"), Path("portrait.png"), Path("person.json")}
    assert {path for path, content in everything(folder).items() if trained[path] != content} == changed

    ChooseCheckpoint("room").run(app, NullContext())

    assert (folder / "lora.safetensors").read_bytes() == b"lora one"
    assert app.workspace.person("room").notes == ()
    assert [said for said in host.said if said.startswith(("published", "withdrawn"))] == [
        "published lora one", "withdrawn lora one", "published step 1", "withdrawn step 1", "published lora one"
    ]  # fmt: skip


def test_of_a_person_the_likeness_is_measured_again(app: EasyPhoto, photos: Path):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    assert app.workspace.person("anna").likeness["cosine"] == 1.0

    ChooseCheckpoint("anna", 2).run(app, NullContext())

    anna = app.workspace.person("anna")
    assert anna.likeness is not None
    assert "The checkpoint of step 2 was chosen." in anna.notes


def test_a_step_that_is_not_there_and_a_training_that_is_gone_are_named(app: EasyPhoto, photos: Path):
    made = TrainPerson("room", photo_files(photos), concept="scene").run(app, NullContext())
    before = everything(app.workspace.root)

    with pytest.raises(UnknownCheckpoint, match=r"room has no checkpoint of step 3. There are: 1, 2."):
        ChooseCheckpoint("room", 3).validated(app)
    with pytest.raises(UnknownCheckpoint):
        ChooseCheckpoint("room", 3).run(app, NullContext())
    assert everything(app.workspace.root) == before

    (made.run_folder / RUN_FILE).unlink()
    with pytest.raises(UnknownCheckpoint, match="The training of room is not here any more"):
        ChooseCheckpoint("room", 1).validated(app)


def test_what_the_user_chose_is_kept_with_the_run(app: EasyPhoto, photos: Path):
    made = TrainPerson("room", photo_files(photos), concept="scene").run(app, NullContext())
    ChooseCheckpoint("room", 2).run(app, NullContext())

    assert read_json(RunFolder(made.run_folder).choice)["step"] == 2
    assert np.asarray(Image.open(app.workspace.persons / "room" / "portrait.png"))[0, 0].tolist() == [0, 0, 255]
