"""Persons and objects whose LoRA was trained on other weights of the base model than it has now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from easyphoto.architectures.registry import family_named
from easyphoto.backends.shipped_base import BASE_KEY, base_fingerprint
from easyphoto.commands.base import NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import InputError
from easyphoto.persons.photo_sources import photo_files
from easyphoto.progress import Cancelled
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.settings.placing import PlacingSettings
from easyphoto.storage.files import write_bytes
from easyphoto.training.lora import write_lora
from easyphoto.training.run import RUN_FILE, TrainRun
from easyphoto.workspace.person_record import Person
from tests.fakes import RecordingContext

MINIATURE = family_named("miniature")
NOW, EARLIER = base_fingerprint(MINIATURE, MINIATURE.folder), "0" * 64
SHIPPED = Options(base="miniature")


def said_of(name: str) -> str:
    return (
        f"{name} was trained on other weights of the miniature, so pictures are less accurate. Train {name} again with "
        "the same photos."
    )


def record_weights(app, id: str, told: str) -> None:
    write_lora(app.workspace.person_folder(id) / "lora.safetensors", {}, {BASE_KEY: told} if told else {})


@pytest.fixture
def anna(app, photos):
    return TrainPerson("anna", photo_files(photos)).run(app, NullContext()).person


@pytest.fixture
def cup(app) -> Person:
    person = Person(
        "cup", "Cup", "miniature", "2026-01-01T00:00:00Z", lora="lora.safetensors", base="miniature", kind="object",
        words="my cup",
    )  # fmt: skip
    app.workspace.save_person(person)
    return person


def test_who_was_trained_on_other_weights_is_named_with_what_to_do(app, anna, cup, template, tmp_path):
    record_weights(app, "anna", EARLIER)
    record_weights(app, "cup", EARLIER)
    context = RecordingContext()

    PhotographPersons(
        ("anna",), (template,), settings=InferenceSettings(scene="cup"), options=SHIPPED, out=tmp_path / "out"
    ).run(app, context)

    assert [note for note in context.notes if "other weights" in note] == [said_of("anna"), said_of("Cup")]


def test_who_fits_is_not_named(app, anna, template, tmp_path):
    record_weights(app, "anna", NOW)
    context = RecordingContext()

    PhotographPersons(("anna",), (template,), options=SHIPPED, out=tmp_path / "out").run(app, context)

    assert not [note for note in context.notes if "other weights" in note]


def test_what_the_style_of_a_drawing_calls_is_looked_at_as_well_but_not_over_a_template(app, cup, template):
    style = b'{"format": 1, "name": "Stage", "positive": "a stage", "loras": [{"name": "cup"}]}'
    write_bytes(app.workspace.styles / "stage.json", style)
    drawn = PhotographPersons(("anna",), drawing=DrawingSettings(style="Stage"))

    assert drawn.called(app.workspace) == ("cup",)
    assert replace(drawn, templates=(template,), assignments=(None,)).called(app.workspace) == ()


def test_an_object_of_other_weights_is_named_where_it_is_placed(app, cup, template):
    record_weights(app, "cup", EARLIER)
    context = RecordingContext()

    PlaceObject(
        "cup", template, box=(0.3, 0.3, 0.3, 0.4), settings=PlacingSettings(first_steps=2), options=SHIPPED
    ).run(app, context)

    assert context.notes.count(said_of("Cup")) == 1


def test_a_training_whose_base_was_replaced_meanwhile_does_not_go_on(app, photos, trainer):
    context, trainer.error = RecordingContext(), Cancelled()
    with pytest.raises(Cancelled):
        TrainPerson("anna", photo_files(photos)).run(app, context)
    folder = context.runs[0]
    run = TrainRun.read(folder / RUN_FILE)
    replace(run, base_weights=EARLIER).write(folder)
    trainer.error = None

    with pytest.raises(InputError, match="The weights of the miniature have changed since this training began"):
        ResumeTraining(folder.name).run(app, NullContext())

    run.write(folder)
    assert ResumeTraining(folder.name).run(app, NullContext()).person.id == "anna"


def test_who_learns_on_the_model_that_ships_is_recorded_by_its_name(app, photos, monkeypatch):
    monkeypatch.setattr("easyphoto.app.EasyPhoto.base_model", lambda self: (MINIATURE, MINIATURE.folder))

    made = TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    run = TrainRun.read(made.run_folder / RUN_FILE)
    assert (made.person.base, run.base, run.base_weights) == ("miniature", "miniature", NOW)
