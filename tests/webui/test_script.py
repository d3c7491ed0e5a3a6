import sys
from types import ModuleType, SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from easyphoto.errors import HostBusy, NoFaceFound, UnknownPerson
from easyphoto.progress import Cancelled
from easyphoto.settings.inference import InferenceSettings
from easyphoto.webui import script as script_module
from easyphoto.webui.lending import LENT
from easyphoto.webui.options import workspace_folder
from easyphoto.webui.service import QUEUE
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


@pytest.fixture(autouse=True)
def closed():
    """No queue outlives its test."""
    yield
    queue = getattr(sys.modules.get("modules.shared"), QUEUE, None)
    if queue is not None:
        queue.close()


class Job:
    """`p`: what the host is busy with."""

    def __init__(self, **more):
        self.extra_generation_params, self.comments = {}, []
        self.override_settings = {}
        vars(self).update(more)

    def comment(self, text):
        self.comments.append(text)


@pytest.fixture
def put(monkeypatch):
    """Stands in for the pipeline: tells what it was asked, and gives a blue picture or raises."""
    asked = SimpleNamespace(wanted=[], failure=None, notes=(), score=None)

    def put_into(app, p, picture, wanted):
        asked.wanted.append(wanted)
        if asked.failure is not None:
            raise asked.failure
        return SimpleNamespace(image=Image.new("RGB", picture.size, "blue"), notes=asked.notes, score=asked.score)

    module = ModuleType("easyphoto.webui.insert")
    module.put_into = put_into
    monkeypatch.setitem(sys.modules, "easyphoto.webui.insert", module)
    return asked


def made_script():
    return script_module.script_class(sys.modules["modules.scripts"])()


def generated(script, p, *arguments):
    """What the host does with each picture."""
    shown = SimpleNamespace(image=Image.new("RGB", (64, 48), "red"))
    script.before_process(p, *arguments)
    script.process(p, *arguments)
    script.postprocess_image(p, shown, *arguments)
    return shown.image


def colour(picture):
    return picture.getpixel((0, 0))


RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_the_person_is_in_the_picture_that_the_host_saves(host, put):
    host()
    p = Job()

    picture = generated(made_script(), p, True, "anna", 0.8)

    assert colour(picture) == BLUE
    assert [(wanted.person, wanted.settings) for wanted in put.wanted] == [("anna", InferenceSettings(lora_weight=0.8))]
    assert p.extra_generation_params["EasyPhoto person"] == "anna"
    assert p.extra_generation_params["EasyPhoto lora weight"] == "0.8"
    assert p.comments == []


def test_what_was_inpainted_is_seen_in_its_picture_not_as_a_crop(host, put, monkeypatch):
    host()
    later = "postprocess_image_after_composite"
    monkeypatch.setattr(sys.modules["modules.scripts"].Script, later, lambda *_: None, raising=False)
    script, p = made_script(), Job()
    crop, whole = (SimpleNamespace(image=Image.new("RGB", size, "red")) for size in ((16, 16), (64, 48)))

    script.postprocess_image(p, crop, True, "anna")
    script.postprocess_image_after_composite(p, whole, True, "anna")

    assert (colour(crop.image), colour(whole.image)) == (RED, BLUE)
    assert len(put.wanted) == 1


def test_a_script_that_is_off_leaves_no_trace(host, put):
    host()
    p = Job()

    picture = generated(made_script(), p, False, "anna", 0.8)

    assert colour(picture) == RED
    assert (put.wanted, p.extra_generation_params, p.comments) == ([], {}, [])


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (NoFaceFound("There is no face.", advice="Take another picture."), "There is no face. Take another picture."),
        (Cancelled(), "it was stopped."),
        (ValueError("shapes"), "a fault of EasyPhoto, ValueError: shapes. The web UI's log has the details."),
    ],
)
def test_a_failure_leaves_the_picture_and_says_so(host, put, failure, words):
    host()
    p, put.failure = Job(), failure

    picture = generated(made_script(), p, True, "anna")

    assert colour(picture) == RED
    assert p.comments == [f"EasyPhoto left the picture as it was generated: {words}"]
    assert p.extra_generation_params["EasyPhoto failure"] == words
    assert p.extra_generation_params["EasyPhoto person"] == "anna"


def test_a_failure_does_not_tell_where_the_workspace_lies(host, put):
    host()
    p, put.failure = Job(), UnknownPerson(f"There is no person 'ben' in {workspace_folder()}.")

    generated(made_script(), p, True, "ben")

    assert p.extra_generation_params["EasyPhoto failure"] == "There is no person 'ben' in the workspace."
    assert p.comments == ["EasyPhoto left the picture as it was generated: There is no person 'ben' in the workspace."]


def test_arguments_that_cannot_be_leave_the_picture_and_say_so_once(host, put):
    host()
    p = Job(comments=[])

    picture = generated(made_script(), p, {"person": "anna", "lora_wieght": 1})

    assert colour(picture) == RED
    assert p.extra_generation_params["EasyPhoto failure"].startswith("Unknown setting: lora_wieght.")
    assert len(set(p.comments)) == 1


def test_a_job_of_many_pictures_says_a_refusal_once_and_logs_no_traceback(host, put, caplog):
    host()
    script, p, put.failure = made_script(), Job(), NoFaceFound("There is no face.", advice="Take another.")

    for _ in range(3):
        generated(script, p, True, "anna")

    assert p.comments == ["EasyPhoto left the picture as it was generated: There is no face. Take another."]
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]


def test_a_fault_of_ours_keeps_its_traceback_in_the_log(host, put, caplog):
    host()
    put.failure = ValueError("shapes")

    generated(made_script(), Job(), True, "anna")

    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ValueError]


def test_a_failure_of_one_picture_is_not_written_below_the_next(host, put):
    host()
    script, p, put.failure = made_script(), Job(), NoFaceFound("There is no face.")
    generated(script, p, True, "anna")
    put.failure, put.score = None, 0.7123

    generated(script, p, True, "anna")

    assert "EasyPhoto failure" not in p.extra_generation_params
    assert p.extra_generation_params["EasyPhoto likeness"] == "0.71"


def test_what_the_pipeline_notes_is_told_below_the_picture(host, put):
    host()
    p, put.notes = Job(), ("The control tile was left out.",)

    generated(made_script(), p, True, "anna")

    assert p.comments == ["EasyPhoto: The control tile was left out."]


def test_an_old_host_without_comments_is_told_in_its_own_place(host, put, monkeypatch):
    host()
    hijack = ModuleType("modules.sd_hijack")
    hijack.model_hijack = SimpleNamespace(comments=[])
    monkeypatch.setitem(sys.modules, "modules.sd_hijack", hijack)
    p, put.failure = Job(comment=None), NoFaceFound("There is no face.")

    generated(made_script(), p, True, "anna")

    assert hijack.model_hijack.comments == ["EasyPhoto left the picture as it was generated: There is no face."]


@pytest.mark.parametrize("arguments", [(False,), (True, "anna")])
def test_no_picture_is_painted_while_the_device_is_lent(host, put, arguments):
    host()
    setattr(sys.modules["modules.shared"], LENT, "the training of anna")
    p = Job()

    made_script().before_process(p, *arguments)

    with pytest.raises(HostBusy, match=r"EasyPhoto is using the device for the training of anna\. Wait") as caught:
        p.override_settings.keys()
    assert vars(caught.value)["status_code"] == 503


def trained(there, *names):
    workspace = Workspace(there.folder / "easyphoto")
    for name in names:
        workspace.save_person(Person(name, name, "sd15", "2026-01-01T00:00:00Z", lora="lora.safetensors"))
    workspace.save_person(Person("begun", "begun", "sd15", "2026-01-01T00:00:00Z"))


def test_the_fold_lists_who_is_trained_and_the_declared_ranges(host):
    there = host()
    trained(there, "anna", "ben")

    with gr.Blocks():
        controls = made_script().ui(True)

    assert [control.label for control in controls] == [
        "Put a person into the picture", "Person", "Strength of the training", "Repaint the face",
        "Repaint its border", "Take details from their photo", "Keep the picture's light", "Smooth the skin",
        "More words for the face", "Painted by", "Other settings",
    ]  # fmt: skip
    assert [choice if isinstance(choice, str) else choice[0] for choice in controls[1].choices] == ["anna", "ben"]
    weight = controls[2]
    assert (weight.minimum, weight.maximum, weight.step, weight.value) == (0.0, 2.0, 0.05, 0.9)
    assert controls[0].value is False
    assert controls[1].value == ""


def test_the_fold_as_it_opens_puts_the_chosen_person_in(host, put):
    host()
    script, p = made_script(), Job()
    with gr.Blocks():
        held = [control.value for control in script.ui(False)]

    picture = generated(script, p, True, "anna", *held[2:])

    assert "EasyPhoto failure" not in p.extra_generation_params
    assert colour(picture) == BLUE
    assert put.wanted[-1].settings == InferenceSettings()


def test_the_fold_can_be_built_again_for_the_apis_defaults(host):
    host()
    script = made_script()

    with gr.Blocks():
        twice = [[type(control).__name__ for control in script.ui(False)] for _ in range(2)]

    assert twice[0] == twice[1]


def pasted_into(script, controls, parameters):
    """What the host puts into the fold's fields by their place; None leaves a field as it is."""
    return {
        controls.index(component): source(parameters) if callable(source) else parameters.get(source)
        for component, source in script.infotext_fields
    }


def test_an_infotext_fills_the_fold_as_it_was(host, put):
    host()
    script, p = made_script(), Job()
    with gr.Blocks():
        controls = script.ui(False)
    asked = [True, "anna", 0.8, "0.5", "", False, True, False, "a hat", "faceid", "first_steps: 6\nresolution: 256"]
    generated(script, p, *asked)

    pasted = pasted_into(script, controls, p.extra_generation_params)

    assert pasted == dict(enumerate(asked))
    generated(script, Job(), *(pasted[place] for place in range(len(controls))))
    assert put.wanted[0] == put.wanted[1]


def test_what_an_infotext_does_not_say_is_at_its_default_again(host):
    host()
    script = made_script()
    with gr.Blocks():
        controls = script.ui(False)

    pasted = pasted_into(script, controls, {"EasyPhoto person": "anna", "EasyPhoto likeness": "0.61"})

    assert pasted == dict(enumerate([True, "anna", 0.9, "", "", True, True, True, "", "auto", ""]))


def test_an_infotext_of_others_switches_the_script_off_and_touches_no_more(host):
    host()
    script = made_script()
    with gr.Blocks():
        controls = script.ui(False)

    pasted = pasted_into(script, controls, {"Steps": "20", "LoRA weight": "0.1", "person": "ben"})

    assert pasted == {0: False, **dict.fromkeys(range(1, len(controls)))}


def test_a_picture_that_is_sent_to_the_other_tab_takes_the_folds_fields_along(host):
    """The host takes the fields of both tabs whose sources are among the names, and relies on their number."""
    host()
    script, other = made_script(), made_script()
    with gr.Blocks():
        script.ui(False)
        other.ui(True)

    sent, taken = (
        [source for _, source in each.infotext_fields if source in script.paste_field_names] for each in (script, other)
    )

    assert sent == taken
    assert len(sent) == 10


def test_persons_of_one_name_can_be_told_apart_and_the_untrained_are_marked(host, put):
    there = host()
    workspace = Workspace(there.folder / "easyphoto")
    for id, more in (("ben", {"lora": "l.safetensors"}), ("ben-2", {"photos": ("a.jpg",), "reference": "a.jpg"})):
        workspace.save_person(Person(id, "ben", "sd15", "2026-01-01T00:00:00Z", **more))
    script = made_script()
    with gr.Blocks():
        person = script.ui(False)[1]

    labels = [choice if isinstance(choice, str) else choice[0] for choice in person.choices]

    assert labels == ["ben", "ben (ben-2) · not trained"]
    p = Job()
    for chosen in (*labels, "ben-2"):
        generated(script, p, True, chosen)
    assert [wanted.person for wanted in put.wanted] == ["ben", "ben-2", "ben-2"]
    assert p.extra_generation_params["EasyPhoto person"] == "ben-2"


def test_the_host_writes_nothing_of_the_fold_into_its_configuration(host):
    host()
    with gr.Blocks() as blocks:
        made_script().ui(False)

    own = [each for each in blocks.blocks.values() if each is not blocks]

    assert len(own) > 11
    assert [type(each).__name__ for each in own if not getattr(each, "do_not_save_to_config", False)] == []


def test_nobody_yet_is_said_in_one_line_with_the_button_that_helps(host):
    there = host()

    with gr.Blocks() as blocks:
        made_script().ui(False)
    said = [each.value for each in blocks.blocks.values() if each.elem_id == "easyphoto_txt2img_said"]
    trained(there, "anna")
    with gr.Blocks() as blocks:
        made_script().ui(False)
    then = [each.value for each in blocks.blocks.values() if each.elem_id == "easyphoto_txt2img_said"]

    assert "Nobody can be put into a picture yet." in said[0]
    assert 'data-easyphoto-tab="train"' in said[0]
    assert then == [""]
