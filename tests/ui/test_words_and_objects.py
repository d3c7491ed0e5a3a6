"""From words, and from a painted mask, to the jobs that the service is asked for; and back from their results."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from easyphoto.errors import BadMask, InputError
from easyphoto.jobs.service import Service
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.storage.records import write_json
from easyphoto.ui import photograph_tab
from easyphoto.ui.language import Translator
from easyphoto.ui.mask_painting import Painting
from easyphoto.ui.photograph_form import PhotographPlan
from easyphoto.ui.photograph_layout import PhotographTab
from easyphoto.ui.photograph_source import PLACING, TEMPLATE, WORDS
from easyphoto.ui.photograph_sources import asked, with_family
from easyphoto.ui.placing_part import box_of
from easyphoto.ui.repeat import Known, repeated
from easyphoto.ui.scene_chips import toggled
from easyphoto.workspace.person_record import OBJECT, SCENE, Person
from tests.ui.made_sessions import save_person


@pytest.fixture
def tab(service: Service) -> PhotographTab:
    """With anna, a room and a cup."""
    workspace = service.app.workspace
    for id, kind in (("anna", "face"), ("room", SCENE), ("cup", OBJECT)):
        save_person(workspace, id)
        workspace.save_person(replace(workspace.person(id), kind=kind, run=id))
        write_json(workspace.runs / id / "run.json", {"base": "miniature"})
    with gr.Blocks():
        return photograph_tab.build(service, Translator())


def values_of(tab: PhotographTab, source: str, **changes: Any) -> dict[Any, Any]:
    """The form as it opens, with that source; `changes` are by the names of the parts' components."""
    who = tab.who
    inputs = tab.how.inputs | who.drawing.inputs | who.placing.inputs | {who.persons.group, who.drawing.gallery.family}
    values = {each: getattr(each, "value", None) for each in inputs}
    named = {"words": who.drawing.prompt, "persons": who.persons.group, "thing": who.placing.things.group}
    named |= {"template": who.placing.templates.group, "editor": who.placing.editor, "box": who.placing.box}
    named |= {"style": who.drawing.gallery.chosen, "pose": who.drawing.pose, "base": who.drawing.base}
    values |= {named[name]: value for name, value in changes.items()}
    return {**values, tab.sources.choice.choice: tab.sources.choice.labels[source]}


def painted() -> Painting:
    strokes = Image.new("RGBA", (320, 320))
    strokes.paste("white", (80, 160, 160, 240))
    with io.BytesIO() as stream:
        strokes.save(stream, "PNG")
        return Painting((stream.getvalue(),))


def test_only_persons_are_photographed_and_only_scenes_and_objects_are_put_into_pictures(tab: PhotographTab):
    assert [pick.value for pick in tab.who.choosing.person_picks()] == ["anna"]
    assert [pick.value for pick in tab.who.placing.thing_picks()] == ["cup", "room"]


def test_words_become_a_job_without_a_template(tab: PhotographTab, service: Service):
    values = values_of(tab, WORDS, words="a violinist on a stage")

    (job,) = asked(tab, service, PhotographPlan(persons=("anna",)), values)

    assert (job.kind, job.request["persons"], job.request["templates"]) == ("photograph", ["anna"], [])
    assert job.request["settings"]["prompt"] == "a violinist on a stage"
    assert job.request["drawing"] == settings_record(DrawingSettings())


@pytest.mark.parametrize(
    ("persons", "words", "said"), [((), "a stage", "Nobody is chosen"), (("anna",), " ", "There are no words yet")]
)
def test_nobody_and_nothing_cannot_be_drawn(
    tab: PhotographTab, service: Service, persons: tuple[str, ...], words: str, said: str
):
    with pytest.raises(InputError, match=said):
        asked(tab, service, PhotographPlan(persons=persons), values_of(tab, WORDS, words=words))


def test_a_pose_is_chosen_by_its_name_in_the_pages_language(tab: PhotographTab):
    names = [choice[0] if isinstance(choice, tuple) else choice for choice in tab.who.drawing.pose.choices]
    values = values_of(tab, WORDS, pose=names[1])

    assert tab.who.drawing.read(values).pose != ""
    assert tab.who.drawing.read({**values, tab.who.drawing.pose: names[0]}).pose == ""


def test_styles_are_offered_for_what_draws(tab: PhotographTab, service: Service):
    family = tab.who.drawing.gallery.family
    nobody = values_of(tab, WORDS, persons=[])
    anna = values_of(tab, WORDS, persons=["anna"])

    assert with_family(tab, service, nobody)[family] == ""
    assert with_family(tab, service, anna)[family] == "miniature"
    assert with_family(tab, service, {**anna, tab.who.drawing.base: "sdxl"})[family] == "sdxl"


def test_what_was_painted_goes_with_the_request_as_a_mask_of_the_pictures_size(tab: PhotographTab, service: Service):
    (job,) = asked(
        tab, service, PhotographPlan(), values_of(tab, PLACING, thing="cup", template="03-room", editor=painted())
    )

    assert (job.kind, job.request["name"], job.request["template"]) == ("place", "cup", "03-room.png")
    with Image.open(service.upload(job.request["mask"]).path) as mask:
        assert mask.size == (640, 640)
        left, top, right, bottom = mask.getbbox()
    assert max(abs(left - 160), abs(top - 320), abs(right - 320), abs(bottom - 480)) <= 2


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({}, InputError, "No object is chosen"),
        ({"thing": "cup"}, InputError, "No picture is chosen"),
        ({"thing": "cup", "template": "03-room"}, BadMask, "The place of the object is not said"),
        ({"thing": "cup", "template": "03-room", "box": "left"}, BadMask, "'?left'? is not a box"),
        (
            {"thing": "cup", "template": "03-room", "box": "0.1,0.1,0.2,0.2", "editor": painted()},
            BadMask,
            "The place of the object is said twice",
        ),
    ],
)
def test_what_is_missing_is_said_before_anything_is_queued(
    tab: PhotographTab, service: Service, changes: dict[str, Any], error: type[Exception], said: str
):
    with pytest.raises(error, match=said):
        asked(tab, service, PhotographPlan(), values_of(tab, PLACING, **changes))

    assert service.queue.list() == ()


def test_a_box_is_typed_as_four_numbers():
    assert box_of("120, 80,200,160") == (120.0, 80.0, 200.0, 160.0)
    assert box_of("  ") is None


def test_each_source_shows_its_own_parts(tab: PhotographTab):
    shown = {
        source: {
            getattr(part, "elem_id", None)
            for part, update in tab.sources.shown(source).items()
            if update.get("visible")
        }
        for source in (TEMPLATE, WORDS, PLACING)
    }
    prefix = "easyphoto_photograph_"

    assert shown[TEMPLATE] == {f"{prefix}{part}" for part in ("who", "on_template", "settings", "prompt")}
    assert shown[WORDS] == {f"{prefix}{part}" for part in ("who", "from_words", "settings")}
    assert shown[PLACING] == {f"{prefix}into_picture"}


@pytest.mark.parametrize(
    ("written", "after"),
    [("", "room:0.8"), ("cup:0.5", "cup:0.5, room:0.8"), ("Room:0.3, cup", "cup"), ("room", ""), ("room:x", "")],
)
def test_a_click_puts_a_scene_into_the_text_or_takes_it_out(written: str, after: str):
    assert toggled(written, Person("room", "Room", "miniature", "2026-01-01T00:00:00Z", kind=SCENE)) == after


def test_a_picture_that_was_drawn_fills_its_words_in_again(tab: PhotographTab):
    drawing = {**settings_record(DrawingSettings(style="office", pose_weight=0.7)), "save_template": "mine"}
    record = {
        "seed": 7, "persons": ["anna"], "template": "drawn-7.png", "drawing": {**drawing, "pose_weight": 99},
        "settings": settings_record(InferenceSettings(prompt="a stage")),
    }  # fmt: skip

    found = repeated(record, Known((tab.who.choosing.service.app.workspace.person("anna"),), {}))

    # The name of a saved template is taken by now.
    assert found.drawing == DrawingSettings(style="office")
    assert found.settings.prompt == "a stage"
    assert found.template is None
    assert [str(one) for one in found.missing] == ["pose_weight cannot be 99. It must be between 0.0 and 2.0."]


def test_a_picture_into_which_an_object_was_put_is_no_portrait_to_repeat():
    record = {"seed": 7, "kind": "place", "settings": {}, "persons": ["cup"], "template": "03-room.png"}

    with pytest.raises(InputError, match="object"):
        repeated(record, Known((), {}))
