"""The service: each verb as a job, what it answers, and what goes when a person goes."""

import io
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.draw_template import DrawTemplate
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import (
    BadName,
    BadReference,
    Diverged,
    HostBusy,
    InputError,
    NameTaken,
    RunBusy,
    TrainerMissing,
    UnknownJob,
    UnknownPerson,
)
from easyphoto.faces.engine import Likeness
from easyphoto.host.base import ThisMachine
from easyphoto.inference import pipeline
from easyphoto.jobs.records import State
from easyphoto.persons.deletion import delete_person
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options, WeightSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.files import write_text
from easyphoto.storage.locks import file_lock
from tests.commands.test_place import learned
from tests.services import done, five_photos, picture


@pytest.fixture
def service(workshop):
    return workshop.service


@pytest.fixture
def anna(service):
    """Somebody who is trained; their training's job."""
    return done(service, service.submit(TrainPerson("anna", five_photos(service))))


def test_a_check_answers_with_verdicts_and_a_thumbnail_of_each(service):
    photos = five_photos(service)

    job = done(service, service.submit(CheckPhotos(photos, chosen_faces={photos[0].name: 1}, reference=photos[3].name)))

    assert job.state is State.DONE, job.error
    assert sorted(job.result["kept"]) == sorted(photo.name for photo in photos)
    assert sorted(job.result["files"]) == sorted(photo.name for photo in photos)
    assert max(Image.open(service.queue.file(job.id, name)).size[0] for name in job.result["files"].values()) <= 384
    assert job.request["chosen_faces"] == {photos[0].name: 1}
    assert job.request["reference"] == job.result["reference"] == photos[3].name
    assert job.result["reference_assured"] is True


def test_a_reference_that_is_not_among_the_photos_is_refused_before_anything_is_queued(service):
    photos = five_photos(service)

    for verb in (
        lambda: service.submit(CheckPhotos(photos, reference="x.png")),
        lambda: service.submit(TrainPerson("anna", photos, reference="x.png")),
    ):
        with pytest.raises(BadReference):
            verb()

    assert service.queue.list() == ()


def test_a_training_takes_the_reference_that_was_chosen(service):
    photos = five_photos(service)

    job = done(service, service.submit(TrainPerson("anna", photos, reference=photos[2].name)))

    assert job.state is State.DONE, job.error
    assert job.request["reference"] == photos[2].name
    verdicts = next(event for event in service.queue.events(job.id) if event.type == "verdicts")
    assert verdicts.values["reference"] == photos[2].name


def test_what_was_assumed_about_the_photos_stands_on_the_card_while_the_training_runs(workshop):
    service = workshop.service
    workshop.engine.notes = ("Taken for drawings.",)
    workshop.trainer.gate.clear()

    job = service.submit(TrainPerson("anna", five_photos(service)))
    assert workshop.trainer.begun.wait(60)

    assert service.queue.get(job.id).notes == ("Taken for drawings.",)


def test_a_training_tells_verdicts_run_and_events_and_ends_with_the_person(service, anna):
    types = [event.type for event in service.queue.events(anna.id)]

    assert anna.state is State.DONE, anna.error
    assert (anna.result["person"], anna.result["lora"]) == ("anna", "lora.safetensors")
    assert anna.run == anna.result["run"]
    assert types.index("verdicts") < types.index("run") < types.index("train") < types.index("result")
    assert b"<html" in service.queue.file(anna.id, "report.html").read_bytes()


def test_a_name_that_is_none_is_refused_before_anything_is_queued(service):
    photos = five_photos(service)

    with pytest.raises(BadName):
        service.submit(TrainPerson("../anna", photos))

    assert service.queue.list() == ()


def test_a_failed_training_says_why_and_can_be_resumed(service, workshop):
    workshop.trainer.error = Diverged("The loss is no number.", advice="Lower the learning rate.")
    failed = done(service, service.submit(TrainPerson("anna", five_photos(service))))
    workshop.trainer.error = None

    resumed = done(service, service.submit(ResumeTraining(failed.run)))

    assert (failed.state, failed.error["code"]) == (State.FAILED, "Diverged")
    assert (resumed.state, resumed.result["person"]) == (State.DONE, "anna")
    assert resumed.subject.persons == ("anna",)


def test_a_training_that_was_cancelled_can_be_resumed(service, workshop):
    workshop.trainer.gate.clear()
    job = service.submit(TrainPerson("anna", five_photos(service)))
    workshop.trainer.begun.wait(30)

    service.queue.cancel(job.id)
    cancelled = done(service, job)
    workshop.trainer.gate.set()

    assert cancelled.state is State.CANCELLED
    assert done(service, service.submit(ResumeTraining(cancelled.run))).state is State.DONE


def test_only_a_run_can_be_resumed(service):
    with pytest.raises(InputError):
        service.submit(ResumeTraining("../persons"))


def test_what_trains_is_made_first_where_it_is_missing(service, monkeypatch):
    made = []

    def trainer(self, workspace):
        if not made:
            raise TrainerMissing("not made", advice="Make it.")

    monkeypatch.setattr(ThisMachine, "trainer", trainer)
    monkeypatch.setattr(SetupTrainer, "run", lambda self, app, context: made.append(1) or {"torch": "2.1"})

    job = done(service, service.submit(TrainPerson("anna", five_photos(service))))

    assert (job.state, made) == (State.DONE, [1])
    assert "set up first" in job.notes[0]


def test_a_photograph_answers_with_pictures_stages_and_a_report(service, anna):
    template = service.keep("template", picture(99, (300, 200)))

    job = done(
        service,
        service.submit(PhotographPersons(("anna",), (template.path,), settings=InferenceSettings(count=2, seed=7))),
    )

    assert job.state is State.DONE, job.error
    assert {one["seed"] for one in job.result["pictures"]} == {7, 8}
    assert all(one["template"] == template.path.stem for one in job.result["pictures"])
    first = job.result["pictures"][0]
    assert Image.open(service.queue.file(job.id, first["file"])).size == (300, 200)
    assert all(service.queue.file(job.id, stage["file"]).is_file() for stage in first["stages"])
    assert service.queue.file(job.id, "report.html").is_file()


def test_the_pictures_of_an_answer_are_the_best_first_although_they_are_told_as_they_are_finished(
    service, anna, monkeypatch
):
    template, cosines = service.keep("template", picture(99, (300, 200))), [0.2, 0.9, 0.5]
    monkeypatch.setattr(pipeline, "likenesses", lambda *_, **__: (Likeness("fake-colours", cosines.pop(0)),))

    job = done(
        service,
        service.submit(PhotographPersons(("anna",), (template.path,), settings=InferenceSettings(count=3, seed=7))),
    )

    assert [one["seed"] for one in job.result["pictures"]] == [8, 9, 7]


def test_somebody_unknown_is_refused_before_anything_is_queued(service):
    template = service.keep("template", picture(99))

    with pytest.raises(UnknownPerson):
        service.submit(PhotographPersons(("anna",), (template.path,)))

    assert service.queue.list() == ()


def test_an_object_goes_with_the_mask_and_the_template_that_only_its_jobs_name(service, anna):
    learned(service.app, "cup")
    shared, own = (service.keep(name, picture(seed, (300, 200))) for name, seed in (("shared", 98), ("own", 99)))
    mask = service.keep("mask", mask_of(300, 200))
    for template in (shared, own):
        job = done(service, service.submit(PlaceObject("cup", template.path, mask.path)))
        assert job.state is State.DONE, job.error
    done(service, service.submit(PhotographPersons(("anna",), (shared.path,))))

    service.delete(DeletePerson("cup"))

    assert shared.path.is_file()
    assert not own.path.exists()
    assert not mask.path.exists()
    assert {job.kind for job in service.queue.list()} == {"train", "photograph"}


def test_a_placed_object_answers_as_a_photograph_does(service):
    learned(service.app, "cup")
    template, mask = service.keep("garden", picture(99, (300, 200))), service.keep("mask", mask_of(300, 200))

    job = done(service, service.submit(PlaceObject("Cup", template.path, mask.path, settings=PlacingSettings(count=2))))

    assert job.state is State.DONE, job.error
    assert (job.request["name"], job.request["mask"]) == ("cup", mask.name)
    assert [one["score"] for one in job.result["pictures"]] == [None, None]
    assert all(service.queue.file(job.id, one["file"]).is_file() for one in job.result["pictures"])
    assert service.queue.file(job.id, "report.html").is_file()


def mask_of(width: int, height: int) -> bytes:
    """A PNG with a white square in the middle."""
    painted, stream = np.zeros((height, width), np.uint8), io.BytesIO()
    painted[height // 4 : -height // 4, width // 4 : -width // 4] = 255
    Image.fromarray(painted).save(stream, "PNG")
    return stream.getvalue()


def test_seats_are_kept_by_template(service, anna):
    templates = [service.keep("template", picture(seed, (300, 200))).path for seed in (98, 99)]

    job = done(service, service.submit(PhotographPersons(("anna",), tuple(templates), assignments=((0,), None))))

    assert job.state is State.DONE, job.error
    assert job.request["assignments"] == [[0], None]


def test_a_template_is_drawn_and_becomes_the_users_own(service):
    job = done(service, service.submit(DrawTemplate("garden", "a person in a garden", size=(64, 64), steps=2)))

    assert job.result == {"template": "own-garden", "file": "garden.png"}
    assert service.template("own-garden").is_own
    assert Image.open(service.queue.file(job.id, "garden.png")).size == (64, 64)


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("", BadName, "The template has no name yet."),
        ("a garden", BadName, "'a garden' cannot be a template's name."),
        ("garden", NameTaken, "There is already a template 'garden'."),
    ],
)
def test_a_template_without_a_name_of_its_own_is_refused_before_it_is_a_job(service, name, error, said):
    service.add_template("garden", picture())

    with pytest.raises(error) as refused:
        service.submit(DrawTemplate(name, "a person in a garden", size=(64, 64), steps=2))

    assert refused.value.message == said
    assert service.queue.list() == ()


def test_of_two_drawings_of_one_name_the_later_one_fails(service, workshop):
    workshop.trainer.gate.clear()
    service.submit(TrainPerson("anna", five_photos(service)))
    both = [service.submit(DrawTemplate("garden", "a garden", size=(64, 64), steps=2)) for _ in range(2)]
    workshop.trainer.gate.set()

    first, second = (done(service, job) for job in both)

    assert first.state is State.DONE
    assert second.error["code"] == NameTaken.__name__


def test_an_unknown_template_is_an_error(service):
    with pytest.raises(InputError):
        service.template("own-../../x")


def test_a_request_is_kept_without_pictures_and_with_its_settings(service):
    job = service.submit(
        TrainPerson("anna", five_photos(service), settings=TrainSettings(steps=10), options=Options(base="miniature"))
    )

    record = json.loads((service.app.workspace.jobs / job.id / "job.json").read_text())

    assert record["request"]["settings"]["steps"] == 10
    assert record["request"]["options"]["base"] == "miniature"
    assert len(json.dumps(record)) < 5000


def test_who_is_deleted_goes_with_jobs_uploads_and_checks(service, anna):
    photos = five_photos(service)
    check = done(service, service.submit(CheckPhotos(photos)))
    stranger = service.keep("stranger", picture(1000))
    other_check = done(service, service.submit(CheckPhotos((stranger.path,))))
    template = service.keep("template", picture(99, (300, 200)))
    pictures = done(service, service.submit(PhotographPersons(("anna",), (template.path,))))

    service.delete(DeletePerson("anna"))

    left = {job.id for job in service.queue.list()}
    assert left == {other_check.id}
    assert {anna.id, check.id, pictures.id}.isdisjoint(left)
    assert not any(photo.exists() for photo in photos)
    assert stranger.path.is_file()
    assert list(service.app.workspace.results.iterdir()) == []


def test_who_is_deleted_while_they_are_trained_has_the_training_stopped(service, anna, workshop):
    workshop.trainer.gate.clear()
    workshop.trainer.begun.clear()
    service.submit(TrainPerson("anna", five_photos(service)))
    workshop.trainer.begun.wait(30)
    waiting = service.submit(PhotographPersons(("anna",), (service.templates()[0].path,)))

    deletion = service.delete(DeletePerson("anna"))

    assert deletion.left == ()
    assert service.app.workspace.list_persons() == service.queue.list() == ()
    assert waiting.id not in {folder.name for folder in service.app.workspace.jobs.iterdir()}
    assert list(service.app.workspace.runs.iterdir()) == []


@pytest.mark.parametrize("again", [TrainPerson, AddPerson])
def test_a_person_who_is_being_made_is_not_made_a_second_time(service, workshop, again):
    workshop.trainer.gate.clear()
    first = service.submit(TrainPerson("ben", five_photos(service)))

    with pytest.raises(HostBusy) as refused:
        service.submit(again("Ben", five_photos(service)))

    assert str(refused.value) == "ben is being trained or added already. Wait until that job is over, or cancel it."
    assert [job.id for job in service.queue.list()] == [first.id]
    service.submit(TrainPerson("carl", (service.keep("carl", picture(50)).path,)))  # others are
    service.queue.cancel(first.id)
    assert done(service, first).state is State.CANCELLED
    assert service.submit(TrainPerson("ben", five_photos(service))).state is not State.FAILED


def test_of_two_trainings_of_one_person_that_come_at_once_one_is_taken(service, workshop):
    workshop.trainer.gate.clear()
    photos, together = five_photos(service), threading.Barrier(8)

    def asked(_: int) -> str:
        together.wait(30)
        try:
            return service.submit(TrainPerson("ben", photos)).kind
        except HostBusy:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(asked, range(8)))

    assert answers == ["refused"] * 7 + ["train"]


def test_a_training_that_waits_in_another_process_does_not_bring_the_deleted_back(service, anna, workshop):
    workshop.trainer.gate.clear()
    workshop.trainer.begun.clear()
    bela = service.submit(TrainPerson("bela", (service.keep("bela", picture(50)).path,)))
    workshop.trainer.begun.wait(30)
    waiting = service.submit(TrainPerson("anna", five_photos(service)))

    # Not through the service, whose queue would cancel it.
    assert DeletePerson("anna").run(EasyPhoto(service.app.workspace, mirrors=()), NullContext()).left == ()
    workshop.trainer.gate.set()

    assert done(service, bela).state is State.DONE
    assert done(service, service.submit(CheckPhotos((service.keep("bela", picture(50)).path,)))).state is State.DONE
    assert {person.id for person in service.app.workspace.list_persons()} == {"bela"}
    assert waiting.id not in {job.id for job in service.queue.list()}
    assert not (service.app.workspace.jobs / waiting.id).exists()
    assert not any("anna" in run.name for run in service.app.workspace.runs.iterdir())


def test_a_template_that_only_their_jobs_were_given_goes_too(service, anna):
    mine, shared = (service.keep("template", picture(seed, (300, 200))) for seed in (98, 99))
    done(service, service.submit(PhotographPersons(("anna",), (mine.path, shared.path))))
    done(service, service.submit(TrainPerson("bela", (service.keep("bela", picture(50)).path,))))
    done(service, service.submit(PhotographPersons(("bela",), (shared.path,))))

    service.delete(DeletePerson("anna"))

    assert not mine.path.exists()
    assert shared.path.is_file()


def test_somebody_new_of_a_deleted_name_is_not_hit_by_the_deletion(service, anna, workshop):
    workshop.trainer.gate.clear()
    workshop.trainer.begun.clear()
    service.submit(TrainPerson("anna", five_photos(service)))
    workshop.trainer.begun.wait(30)
    service.delete(DeletePerson("anna"))
    workshop.trainer.gate.set()

    assert done(service, service.submit(TrainPerson("anna", five_photos(service)))).state is State.DONE
    assert service.sweep().gone == ()
    assert service.app.workspace.person("anna").is_ready


def test_a_check_of_their_photos_stops_and_goes_with_who_is_deleted(service, anna, monkeypatch):
    def run(self, app, context):
        while True:
            context.check()
            threading.Event().wait(0.005)

    monkeypatch.setattr(CheckPhotos, "run", run)
    service.submit(CheckPhotos(five_photos(service)))

    assert service.delete(DeletePerson("anna")).left == ()
    assert service.queue.list() == ()


def test_the_photos_of_a_training_that_waits_do_not_go_with_somebody_else(service, anna, workshop):
    workshop.trainer.gate.clear()
    photos = five_photos(service)
    bela = service.submit(TrainPerson("bela", photos))

    service.delete(DeletePerson("anna"))

    assert all(photo.is_file() for photo in photos)
    workshop.trainer.gate.set()
    assert done(service, bela).state is State.DONE


def test_an_upload_goes_with_the_last_job_that_names_it(service, anna):
    photos = five_photos(service)
    check = done(service, service.submit(CheckPhotos(photos)))

    service.queue.forget(anna.id)
    assert all(photo.is_file() for photo in photos)
    service.queue.forget(check.id)

    assert list(service.app.workspace.uploads.iterdir()) == []


def test_an_id_that_is_being_trained_is_not_given_to_somebody_else(service, anna, workshop):
    workshop.trainer.gate.clear()
    bela = service.submit(TrainPerson("bela", (service.keep("bela", picture(50)).path,)))

    with pytest.raises(HostBusy):
        service.rename(RenamePerson("anna", "Bela", new_id="bela"))

    workshop.trainer.gate.set()
    done(service, bela)
    assert {person.id for person in service.app.workspace.list_persons()} == {"anna", "bela"}


def test_damaged_records_keep_nobody_from_being_deleted_or_renamed(service, anna):
    workspace = service.app.workspace
    for place, name in (
        (workspace.jobs, "job.json"),
        (workspace.results, "photograph.json"),
        (workspace.runs, "run.json"),
    ):
        write_text(place / "damaged" / name, "{")
    write_text(workspace.runs / "20260101T000000Z-hanna" / "run.json", "{")
    write_text(workspace.persons / "damaged" / "person.json", "{")

    assert [person.id for person in service.app.workspace.list_persons()] == ["anna"]
    service.rename(RenamePerson("anna", "Hanna", new_id="hanna"))
    service.delete(DeletePerson("hanna"))

    assert service.app.workspace.list_persons() == ()
    assert [folder.name for folder in workspace.runs.iterdir()] == ["damaged"]


def test_a_training_that_does_not_stop_is_named_and_its_person_goes_later(service, anna, monkeypatch):
    monkeypatch.setattr("easyphoto.persons.deletion.delete_person", partial(delete_person, seconds=0.1))
    run = service.app.workspace.runs / anna.run
    with file_lock(run / "run.lock"):
        (left,) = service.delete(DeletePerson("anna")).left
        assert service.app.workspace.list_persons() == ()
        with pytest.raises(RunBusy, match="is being deleted"):
            service.submit(TrainPerson("anna", (service.keep("anna", picture(50)).path,)))

    assert (left.what, run.is_dir()) == (f"runs/{anna.run}", True)
    assert str(os.getpid()) in left.why
    service.sweep()
    assert not run.exists()
    assert not (service.app.workspace.root / "changes").exists()


def test_a_request_does_not_say_where_the_web_ui_lies(service):
    app = replace(service.app, options=Options(weights=WeightSettings(webui="/somewhere/webui")))

    job = replace(service, app=app).submit(TrainPerson("anna", five_photos(service), options=app.options))

    assert "somewhere" not in json.dumps(service.queue.get(job.id).record())


@pytest.mark.parametrize("name", ["job.json", "events.jsonl", "traceback.txt", ".writing-x.jpg"])
def test_what_a_job_writes_down_for_itself_is_not_handed_out(service, anna, name):
    write_text(service.queue.folder(anna.id) / name, "x") if name != "job.json" else None

    with pytest.raises(UnknownJob):
        service.queue.file(anna.id, name)
