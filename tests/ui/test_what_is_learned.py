"""Scenes, objects and words in the tabs Train and Persons."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.persons.checkpoints import Checkpoints
from easyphoto.storage.records import write_json
from easyphoto.training.run import RunFolder
from easyphoto.ui import persons_tab, train_tab
from easyphoto.ui.kind_filter import is_mixed
from easyphoto.ui.language import Translator
from easyphoto.ui.persons_tab import PersonsTab, everybody
from easyphoto.ui.train_checks import Checking
from easyphoto.ui.train_form import name_html
from easyphoto.ui.train_photos import PhotoSet
from easyphoto.ui.train_tab import Starting, TrainTab
from easyphoto.ui.verdicts import Checked, verdicts_html
from easyphoto.workspace.person_record import FACE, OBJECT, SCENE, Person
from tests.services import picture
from tests.ui.made_sessions import save_person

ENGLISH = Translator("en")
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def tab(service: Service) -> TrainTab:
    with gr.Blocks():
        return train_tab.build(service, ENGLISH)


def values_of(tab: TrainTab, service: Service, kind: str, call: str = "") -> dict[Any, Any]:
    """The form with two photos, of one of which a face was chosen while a person was still to be learned."""
    names = [service.keep(f"{number}.png", picture(number)).name for number in (1, 2)]
    held = PhotoSet(tuple(names), {names[0]: 1}, names[1])
    values = {each: getattr(each, "value", None) for each in tab.form.inputs | {tab.photos.check}}
    learned = tab.form.kind
    shown = {tab.form.name: "room", learned.choice: learned.labels[kind], learned.call: call}
    return {**values, **shown, tab.photos.held: held.record()}


@pytest.mark.parametrize("kind", [SCENE, OBJECT])
def test_a_scene_or_an_object_is_checked_and_trained_without_a_face(tab: TrainTab, service: Service, kind: str):
    values = values_of(tab, service, kind, call="a room with a red sofa")

    Checking(tab.photos, tab.form, service, ENGLISH).again(values)
    Starting(tab, service).train(values)

    train, check = service.queue.list()
    asked = [(job.request["kind"], job.request["chosen_faces"], job.request["reference"]) for job in (check, train)]
    assert asked == [(kind, {}, None)] * 2
    assert train.request["words"] == "a room with a red sofa"


def test_a_person_is_trained_with_the_chosen_face_and_has_no_words_that_call_them(tab: TrainTab, service: Service):
    values = values_of(tab, service, FACE, call="left over from a scene")

    Starting(tab, service).train(values)

    (job,) = service.queue.list()
    assert (job.request["kind"], len(job.request["chosen_faces"]), job.request["words"]) == (FACE, 1, None)


def test_verdicts_on_a_scene_ask_for_no_reference_photo():
    verdict = {
        "photo": "1.png",
        "kept": True,
        "reason": None,
        "explanation": "",
        "advice": "",
        "notes": [],
        "faces": [],
    }
    result: dict[str, Any] = {"verdicts": [verdict], "reference": "1.png", "identity_words": "", "notes": []}

    face = verdicts_html(Checked({**result, "kind": FACE}, {}, ("1.png",)), {}, ENGLISH)
    scene = verdicts_html(Checked({**result, "kind": SCENE}, {}, ("1.png",)), {}, ENGLISH)

    assert "Reference photo" in face
    assert "reference photo" not in scene.lower()
    assert "✓ Kept" in scene


def test_a_name_that_belongs_to_another_kind_is_refused_while_it_is_typed(service: Service):
    save_person(service.app.workspace, "anna")

    assert "A new scene: kitchen" in name_html(service, "kitchen", ENGLISH, SCENE)
    assert "anna exists already" in name_html(service, "anna", ENGLISH, FACE)
    assert "Anna is known already, as a person." in name_html(service, "anna", ENGLISH, SCENE)


# --- persons ---


@pytest.fixture
def persons(service: Service) -> PersonsTab:
    """Anna, of whom something was seen, and a room."""
    workspace = service.app.workspace
    save_person(workspace, "anna")
    save_person(workspace, "room")
    workspace.save_person(replace(workspace.person("anna"), proposed_words="grey hair"))
    workspace.save_person(replace(workspace.person("room"), kind=SCENE, words="a red room"))
    with gr.Blocks():
        return persons_tab.build(service, ENGLISH)


def test_each_is_shown_as_what_it_is_and_can_be_listed_alone(persons: PersonsTab, service: Service):
    html = persons.view.html(*everybody(service))

    assert re.findall(r'data-easyphoto-kind="(\w+)"', html) == [FACE, SCENE]
    assert ">Scene</span>" in html
    assert "a red room" in html
    style = persons.filter.style("Scenes")
    assert 'article:not([data-easyphoto-kind="scene"]){display:none' in style
    assert persons.filter.style("All") == ""
    assert is_mixed(everybody(service)[0])
    assert not is_mixed([service.app.workspace.person("anna")])


def test_proposed_words_are_shown_and_never_added_by_themselves(persons: PersonsTab, service: Service):
    anna = service.app.workspace.person("anna")

    shown = persons.called.opened(anna, "Anna")

    assert shown[persons.called.answer] == ""
    assert "Seen on the photos: grey hair" in shown[persons.called.proposal]
    (order,) = re.findall(r'data-easyphoto-order="([^"]*)"', shown[persons.called.proposal])
    assert json.loads(unescape(order)) == ["anna", "grey hair"]
    assert service.app.workspace.person("anna").words == ""


def test_words_are_proposed_of_persons_alone(persons: PersonsTab, service: Service):
    workspace = service.app.workspace

    assert persons.called.opened(workspace.person("anna"), "Anna")[persons.called.propose]["visible"]
    assert not persons.called.opened(workspace.person("room"), "Room")[persons.called.propose]["visible"]


def test_words_are_no_markup(persons: PersonsTab):
    person = Person("a", HOSTILE, "miniature", "2026-01-01T00:00:00Z", proposed_words=HOSTILE)

    shown = persons.called.opened(person, HOSTILE)

    assert "<script" not in shown[persons.called.said] + shown[persons.called.proposal]


def test_each_checkpoint_is_offered_with_its_test_picture_and_the_one_in_use_is_marked(
    persons: PersonsTab, service: Service
):
    folder = RunFolder(service.app.workspace.runs / "run")
    record = {"step": 100, "template": 0, "path": "samples/100.png", "score": None}
    (folder.root / "samples").mkdir(parents=True)
    Image.new("RGB", (32, 32), "red").save(folder.root / "samples" / "100.png")
    write_json(folder.scores(100), {"pictures": [record]})
    room = service.app.workspace.person("room")

    html = persons.steps.html(room, "Room", Checkpoints(folder, (100, 200), 200))

    orders = [json.loads(unescape(one)) for one in re.findall(r'data-easyphoto-order="([^"]*)"', html)]
    assert orders == [["room", None], ["room", 100], ["room", 200]]
    assert re.findall(r'aria-pressed="(\w+)"', html) == ["false", "false", "true"]
    assert html.count("data:image/jpeg") == 1


def test_a_trained_scene_leads_to_pictures_and_a_person_to_their_own(service: Service):
    from easyphoto.ui.train_card import card_body

    save_person(service.app.workspace, "room")
    room = service.app.workspace.person("room")
    job = Job("1", "train", "train room", State.DONE, "2026-01-01T00:00:00.000Z", "owner", result={"person": "room"})
    person = card_body(service, job, (), ENGLISH)
    service.app.workspace.save_person(replace(room, kind=SCENE))
    scene = card_body(service, job, (), ENGLISH)

    assert "Photograph Room now" in person
    assert "Room can be used in pictures now." in scene
    assert "easyphoto_photograph_choose_order" not in scene
