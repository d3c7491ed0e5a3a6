"""From what was chosen on the page to the jobs that the service is asked for."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.errors import InputError, MixedDomains, WeightsMissing
from easyphoto.jobs.service import Service
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.storage.records import write_json
from easyphoto.ui.assignments import with_taker
from easyphoto.ui.language import Translator
from easyphoto.ui.photograph_form import Choosing, PhotographPlan
from easyphoto.ui.template_faces import TemplateFaces
from easyphoto.workspace.person_record import Person


@pytest.fixture
def choosing(service: Service) -> Choosing:
    """Anna and Ben have LoRAs, Carl has none yet."""
    workspace = service.app.workspace
    for name, lora, run in (("anna", "lora.safetensors", "1"), ("ben", "lora.safetensors", "2"), ("carl", None, None)):
        workspace.save_person(Person(name, name.title(), "miniature", "2026-01-01T00:00:00Z", lora=lora, run=run))
    for run in ("1", "2"):
        write_json(workspace.runs / run / "run.json", {"base": "miniature"})
    return Choosing(service, Translator())


def test_only_who_is_trained_can_be_chosen(choosing: Choosing):
    assert [(pick.value, pick.label) for pick in choosing.person_picks()] == [("anna", "Anna"), ("ben", "Ben")]


def test_persons_take_the_faces_that_were_found(choosing: Choosing):
    plan = choosing.planned(PhotographPlan(persons=("ben", "anna", "gone"), templates=("04-two", "03-room", "gone")))

    assert plan.persons == ("ben", "anna")
    assert [(one.template, one.takers) for one in plan.assignments] == [
        ("04-two", ("ben", "anna")),
        ("03-room", ("ben",)),
    ]


def test_templates_with_other_persons_are_other_jobs(choosing: Choosing):
    plan = choosing.planned(PhotographPlan(persons=("anna", "ben"), templates=("04-two", "03-room", "05-plain")))

    jobs = choosing.ask(plan, InferenceSettings(seed=7))

    asked = [(job.request["persons"], job.request["templates"], job.request["assignments"]) for job in jobs]
    assert asked == [
        (["anna", "ben"], ["04-two.png"], [[0, 1]]),
        (["anna"], ["03-room.png", "05-plain.png"], [[0], [0]]),
    ]
    assert [job.request["settings"]["seed"] for job in jobs] == [7, 7]


def test_templates_can_be_chosen_where_nobody_can_tell_yet_what_a_persons_photos_are(
    choosing: Choosing, monkeypatch: pytest.MonkeyPatch
):
    def absent(*_: object) -> None:
        raise WeightsMissing("YuNet is not at hand.", advice="Fetch it.")

    monkeypatch.setattr("easyphoto.ui.photograph_form.domain_of", absent)

    assert choosing.planned(PhotographPlan(persons=("anna",), templates=("03-room",))).assignments[0].takers == (
        "anna",
    )


def test_a_photographed_and_a_drawn_person_are_refused_before_anything_is_queued(choosing: Choosing):
    workspace = choosing.service.app.workspace
    for name, domain in (("anna", "photographs"), ("ben", "drawings")):
        workspace.save_person(replace(workspace.person(name), domain=domain))
    plan = choosing.planned(PhotographPlan(persons=("anna", "ben"), templates=("04-two",)))

    with pytest.raises(MixedDomains, match="Anna of photographs, Ben of drawings"):
        choosing.ask(plan, InferenceSettings())

    assert choosing.service.queue.list() == ()
    assert len(choosing.ask(replace(plan, options=Options(engine="drawings")), InferenceSettings())) == 1


def test_a_face_given_by_hand_reaches_the_job(choosing: Choosing):
    plan = choosing.planned(PhotographPlan(persons=("anna",), templates=("04-two",)))
    assignments = with_taker(with_taker(plan.assignments, "04-two", 0, None), "04-two", 1, "anna")

    (job,) = choosing.ask(
        choosing.planned(PhotographPlan(("anna",), ("04-two",), assignments=assignments)), InferenceSettings()
    )

    assert job.request["assignments"] == [[1]]


def test_with_covered_faces_painted_whoever_follows_the_persons_gets_them(choosing: Choosing, monkeypatch):
    seen = TemplateFaces.of
    hidden = ("the eyes are covered (sunglasses?)",)
    monkeypatch.setattr(TemplateFaces, "of", lambda *asked: replace(seen(*asked), covered=hidden))
    plan = choosing.planned(PhotographPlan(persons=("anna",), templates=("03-room",)))

    with pytest.raises(InputError, match="Nobody is assigned to a face"):
        choosing.ask(plan, InferenceSettings())
    (job,) = choosing.ask(plan, InferenceSettings(paint_covered=True))

    assert job.request["assignments"] == [[0]]


def test_nobody_on_no_face_is_no_job(choosing: Choosing):
    with pytest.raises(InputError, match="Nobody is assigned to a face"):
        choosing.ask(choosing.planned(PhotographPlan(persons=("anna",))), InferenceSettings())

    assert choosing.service.queue.list() == ()


def test_different_bases_are_said_before_anything_is_queued(choosing: Choosing):
    write_json(choosing.service.app.workspace.runs / "2" / "run.json", {"base": "other.safetensors"})
    plan = choosing.planned(PhotographPlan(persons=("anna", "ben"), templates=("03-room", "04-two")))

    with pytest.raises(InputError, match="different base checkpoints"):
        choosing.ask(plan, InferenceSettings())

    assert choosing.service.queue.list() == ()


def test_a_checkpoint_for_all_settles_different_bases(choosing: Choosing):
    write_json(choosing.service.app.workspace.runs / "2" / "run.json", {"base": "other.safetensors"})
    options = Options(base="miniature")
    plan = choosing.planned(PhotographPlan(("anna", "ben"), ("04-two",), options=options))

    (job,) = choosing.ask(plan, InferenceSettings())

    assert job.request["options"]["base"] == "miniature"


def test_an_upload_stands_among_the_templates_under_the_users_name(choosing: Choosing, tmp_path: Path):
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(stream, format="PNG")
    upload = choosing.service.keep("garden party.png", stream.getvalue())

    entries = choosing.templates([upload.name, "../gone.png"])

    assert list(entries)[-1] == f"upload-{upload.name}"
    assert entries[f"upload-{upload.name}"].title == "garden-party"
    assert len(entries) == 9
