"""The Train tab without a browser: what its handlers answer, and what a reloaded page finds."""

import shutil
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from easyphoto.errors import BadName, BadReference, InputError, NameTaken, TrainerMissing
from easyphoto.host.base import ThisMachine
from easyphoto.jobs.askers import STRANGER, Requester, asked_by, browser_digest
from easyphoto.jobs.records import State
from easyphoto.jobs.service import Service
from easyphoto.training.environment import ADVICE
from easyphoto.ui import train_tab
from easyphoto.ui.client_files import Claims
from easyphoto.ui.handlers import saying
from easyphoto.ui.language import Translator
from easyphoto.ui.live import newest_job, place_card, show_job
from easyphoto.ui.train_checks import Checking
from easyphoto.ui.train_form import name_html
from easyphoto.ui.train_photos import (
    PhotoSet,
    held_by,
    refusals_html,
    show_check,
    taken_in,
    unfinished_check,
    upload_paths,
)
from easyphoto.ui.train_resume import resumable
from easyphoto.ui.train_tab import Starting, missing_trainer, trainer_html
from easyphoto.ui.verdicts import Checked, verdicts_html
from tests.fakes import new_person
from tests.jobs.asked import Asked
from tests.services import Workshop, done, five_photos, workshop

__all__ = ["workshop"]
ENGLISH = Translator("en")
ANNAS_LAPTOP = Requester("anna", browser_digest("laptop"))
VERDICT: dict[str, Any] = {
    "photo": "a-0123456789.jpg", "kept": False, "reason": "several faces", "explanation": "2 faces.", "advice": "Say.",
    "faces": [{}, {}], "notes": [],
}  # fmt: skip


def finished(service: Service, kind: str, **request: object) -> str:
    job = service.queue.submit(Asked(kind, f"{kind} x", request=request), lambda context: {})
    while not service.queue.get(job.id).state.is_over:
        service.queue.wait(job.id, len(service.queue.events(job.id)), 1.0)
    return job.id


def uploaded(*files: Path) -> Claims:
    """As gradio would have put them."""
    folder = files[0].parent / "gradio"
    places = [folder / f"{number:040x}" for number in range(len(files))]
    for file, place in zip(files, places, strict=True):
        place.mkdir(parents=True)
        shutil.copy(file, place)
    claims = [(file.name, str(place / file.name)) for file, place in zip(files, places, strict=True)]
    return Claims(tuple(claims), folder)


def test_what_is_no_picture_is_refused_and_the_rest_is_taken(service: Service, tmp_path: Path):
    Image.new("RGB", (40, 30)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no picture")

    names, refused = taken_in(service, uploaded(tmp_path / "good.png", tmp_path / "bad.png"))

    assert [name.split("-")[0] for name in names] == ["good"]
    assert "bad.png cannot be read as a picture" in refusals_html(refused, ENGLISH)


def test_a_photo_dropped_twice_is_held_once():
    held = PhotoSet(("a.jpg",)).with_photos(["b.jpg", "a.jpg"])

    assert held.photos == ("a.jpg", "b.jpg")


def test_an_order_removes_a_photo_with_its_chosen_face():
    held = PhotoSet(("a b.jpg", "c.jpg"), {"a b.jpg": 2})

    assert held.ordered("remove a b.jpg") == PhotoSet(("c.jpg",), {})


def test_a_chosen_face_is_let_go_when_chosen_again():
    held = PhotoSet(("a.jpg",)).ordered("face 2 a.jpg")

    assert held.faces == {"a.jpg": 2}
    assert held.ordered("face 2 a.jpg").faces == {}


@pytest.mark.parametrize(
    "order", ["", "remove other.jpg", "face x a.jpg", "face 1 ../a.jpg", "sing a.jpg", "reference other.jpg"]
)
def test_an_order_for_what_is_not_held_is_refused(order: str):
    with pytest.raises(InputError):
        PhotoSet(("a.jpg",)).ordered(order)


def test_several_faces_are_asked_about_by_number():
    checked = Checked({"verdicts": [VERDICT], "notes": []}, {}, ["a-0123456789.jpg"])

    html = verdicts_html(checked, {"a-0123456789.jpg": 2}, ENGLISH)

    assert 'data-easyphoto-order="face 1 a-0123456789.jpg"' in html
    assert html.count('aria-pressed="true"') == 1
    assert "Several faces" in html


KEPT: dict[str, Any] = {
    "photo": "a-0123456789.jpg", "kept": True, "reason": None, "explanation": "Kept.", "advice": "", "faces": [{}],
    "notes": [],
}  # fmt: skip
OTHER = {**KEPT, "photo": "b-0123456789.jpg"}
NOBODY_KNOWS = {
    "verdicts": [KEPT, OTHER],
    "reference": KEPT["photo"],
    "question": {"photo": KEPT["photo"], "file": "reference.jpg"},
    "notes": [
        f"Whether {KEPT['photo']}, the reference photo, shows the person who is meant was not checked. Look at it, and "
        "choose another one where it does not."
    ],
}
BOTH = [KEPT["photo"], OTHER["photo"]]


def test_a_reference_that_nobody_could_check_is_shown_large_and_asked_about():
    html = verdicts_html(Checked(NOBODY_KNOWS, {}, BOTH, close_up="data:close"), {}, ENGLISH)

    assert 'class="easyphoto-verdict" data-tone="ask"' in html
    assert '<img src="data:close" alt="a.jpg">' in html
    assert "<h3>Is this the person you mean?</h3>" in html
    assert html.count('data-easyphoto-order="reference a-0123456789.jpg"') == 2
    assert html.count('data-easyphoto-order="reference b-0123456789.jpg"') == 1
    # The question says it; the note need not say it again.
    assert "was not checked" not in html


def test_the_question_calls_the_person_by_the_name_that_was_typed():
    html = verdicts_html(Checked(NOBODY_KNOWS, {}, BOTH, person="<Anna>"), {}, ENGLISH)

    assert "<h3>Is this &lt;Anna&gt;?</h3>" in html


def test_a_reference_that_was_chosen_is_marked_and_asked_about_no_more():
    html = verdicts_html(Checked(NOBODY_KNOWS, {}, BOTH, OTHER["photo"]), {}, ENGLISH)

    assert 'class="easyphoto-verdict" data-tone="good"' in html
    assert "easyphoto-asked" not in html
    assert html.count('aria-pressed="true"') == 1
    assert html.index("✓ Kept<") < html.index("✓ Kept, reference photo<")


def test_a_check_of_before_asks_nothing():
    html = verdicts_html(Checked({"verdicts": [KEPT], "reference": KEPT["photo"], "notes": []}, {}, BOTH), {}, ENGLISH)

    assert 'data-tone="ask"' not in html
    assert "Kept, reference photo" in html


def test_only_what_is_kept_can_be_the_reference():
    html = verdicts_html(Checked({"verdicts": [VERDICT], "notes": []}, {}, [VERDICT["photo"]]), {}, ENGLISH)

    assert "reference a-" not in html


def test_an_order_chooses_a_reference_and_lets_it_go():
    held = PhotoSet(("a.jpg", "b.jpg")).ordered("reference b.jpg")

    assert held.reference == "b.jpg"
    assert held.ordered("remove a.jpg").reference == "b.jpg"
    assert held.ordered("remove b.jpg").reference is None
    assert held.ordered("reference b.jpg").reference is None
    assert PhotoSet.of(held.record()) == PhotoSet(("a.jpg", "b.jpg"), {}, "b.jpg")


def test_people_read_a_photos_name_without_its_digest():
    checked = Checked({"verdicts": [VERDICT], "notes": []}, {}, ["a-0123456789.jpg"])

    assert ">a.jpg</p>" in verdicts_html(checked, {}, ENGLISH)


def test_a_removed_photo_is_no_longer_shown_or_counted():
    other = {**VERDICT, "photo": "b.jpg", "kept": True, "reason": None}
    checked = Checked({"verdicts": [VERDICT, other], "notes": []}, {}, ["b.jpg"])

    html = verdicts_html(checked, {}, ENGLISH)

    assert "1 of 1 photos kept" in html
    assert "a.jpg" not in html


def test_a_reloaded_page_finds_the_photos_of_the_last_check(service: Service, tmp_path: Path):
    service = service.for_clients()
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    with asked_by(ANNAS_LAPTOP):
        names, _ = taken_in(service, uploaded(tmp_path / "a.png"))
        faces = {names[0]: 1, "gone.png": 2}
        id = finished(service, "check", photos=[*names, "gone.png"], chosen_faces=faces, reference=names[0])

        job = unfinished_check(service)

        assert job is not None
        assert job.id == id
        assert held_by(service, job) == PhotoSet(names, {names[0]: 1}, names[0])


@pytest.mark.parametrize(
    "other",
    [
        Requester("bea", browser_digest("laptop")),
        Requester("anna", browser_digest("phone")),
        Requester(None, browser_digest("laptop")),
        Requester(),
        STRANGER,
    ],
    ids=["another account", "another browser", "no account", "a program", "a page without a cookie"],
)
def test_nobody_else_is_offered_the_photos_of_a_check(service: Service, other: Requester):
    service = service.for_clients()
    with asked_by(ANNAS_LAPTOP):
        finished(service, "check", photos=[])

    with asked_by(other):
        assert unfinished_check(service) is None


def test_pages_without_a_cookie_cannot_be_told_apart_and_are_offered_nothing(service: Service):
    service = service.for_clients()
    with asked_by(STRANGER):
        finished(service, "check", photos=[])

        assert unfinished_check(service) is None


def test_a_card_finds_no_job_of_somebody_else(service: Service):
    service = service.for_clients()
    with asked_by(ANNAS_LAPTOP):
        id = finished(service, "photograph", templates=[])

        assert newest_job(service, ["photograph"]) == id
    with asked_by(Requester("bea", browser_digest("laptop"))):
        assert newest_job(service, ["photograph"]) is None


@dataclass
class Page:
    """The Train tab's photos without a browser: what it holds, and what an order makes of it."""

    service: Service
    held: PhotoSet
    check: str
    begun: list[PhotoSet] = field(default_factory=list)

    def order(self, order: str) -> str:
        """The card after the order, empty where a check was begun."""
        with gr.Blocks():
            tab = train_tab.build(self.service, ENGLISH)
        checking = Checking(tab.photos, tab.form, self.service, ENGLISH)
        values = {tab.photos.held: self.held.record(), tab.photos.check: self.check, tab.form.name: "anna"}
        begin = checking.begun
        object.__setattr__(checking, "begun", lambda held, row: self.begun.append(held) or begin(PhotoSet(), row))
        updates = checking.ordered(order, *(values.get(each) for each in checking.order_inputs))
        self.held = PhotoSet.of(updates[tab.photos.held])
        return str(updates[tab.photos.card])


@pytest.mark.parametrize("field", ["base", "engine"])
def test_what_will_come_out_is_answered_anew_where_the_base_or_the_kind_of_pictures_is_changed(
    service: Service, field: str
):
    with gr.Blocks() as page:
        tab = train_tab.build(service, ENGLISH)
        train_tab.connect(tab, service)

    changed = [getattr(tab.form, field)._id, "input"]
    heard = [
        each
        for each in page.get_config_file()["dependencies"]
        if changed in [list(target) for target in each["targets"]]
    ]

    assert [tab.photos.card._id in each["outputs"] for each in heard] == [True]


def answered(service: Service, result: dict[str, object]) -> str:
    job = service.queue.submit(Asked("check", "check"), lambda context: result)
    service.queue.wait(job.id, 99, 5.0)
    return job.id


ASSURED = {**NOBODY_KNOWS, "question": None, "notes": []}


def test_choosing_a_reference_needs_no_other_check_and_letting_it_go_neither(service: Service):
    page = Page(service, PhotoSet(tuple(BOTH)), answered(service, {**NOBODY_KNOWS, "question": {"photo": BOTH[0]}}))

    chosen, let_go = page.order(f"reference {BOTH[1]}"), page.order(f"reference {BOTH[1]}")

    assert "Is this anna?" not in chosen
    assert "Is this anna?" in let_go
    assert page.begun == []


def test_letting_go_of_what_the_check_was_asked_for_needs_another_check(service: Service):
    check = answered(service, {**ASSURED, "reference_chosen": True})
    page = Page(service, PhotoSet(tuple(BOTH), {}, BOTH[0]), check)

    page.order(f"reference {BOTH[0]}")

    assert page.begun == [PhotoSet(tuple(BOTH), {}, None)]


def test_removing_the_reference_needs_another_check_and_removing_another_photo_none(service: Service):
    page = Page(service, PhotoSet(tuple(BOTH)), answered(service, ASSURED))

    page.order(f"remove {BOTH[1]}")
    assert page.begun == []
    page.held = PhotoSet(tuple(BOTH))
    page.order(f"remove {BOTH[0]}")

    assert page.begun == [PhotoSet((BOTH[1],), {}, None)]


def test_a_check_that_refused_the_reference_offers_to_choose_it(service: Service):
    def refused(context: object) -> dict[str, object]:
        raise BadReference("It cannot be it.", advice="Choose another.")

    job = service.queue.submit(Asked("check", "check"), refused)
    service.queue.wait(job.id, 99, 5.0)
    with gr.Blocks():
        part = train_tab.build(service, ENGLISH).photos

    shown = show_check(part, service, job.id, PhotoSet(tuple(BOTH), {}, BOTH[0]), ENGLISH)

    assert "It cannot be it." in shown[part.card]
    assert f'data-easyphoto-order="reference {BOTH[0]}"' in shown[part.card]


def test_photos_are_not_found_again_once_they_were_trained(service: Service):
    finished(service, "check", photos=["a.jpg"])
    finished(service, "train")

    assert unfinished_check(service) is None


def test_a_reloaded_page_finds_the_newest_training(service: Service):
    finished(service, "train")
    second = finished(service, "train")
    finished(service, "photograph")

    assert newest_job(service, train_tab.KINDS) == second


def test_a_cancelled_training_can_be_resumed_and_a_finished_one_cannot(service: Service):
    folder = service.app.workspace.runs / "20260101T000000Z-anna"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")

    def work(context: Any) -> dict[str, object]:
        context.run_started(folder)
        raise InputError("It stopped.")

    job = service.queue.submit(Asked("train", "train anna"), work)
    service.queue.wait(job.id, 99, 5.0)
    assert service.queue.get(job.id).state is State.FAILED
    assert list(resumable(service, ENGLISH).values()) == [folder.name]

    def again(context: Any) -> dict[str, object]:
        context.run_started(folder)
        return {}

    job = service.queue.submit(Asked("resume", "resume anna"), again)
    service.queue.wait(job.id, 99, 5.0)
    assert resumable(service, ENGLISH) == {}


def test_a_name_is_judged_while_it_is_typed(service: Service):
    new_person(service.app.workspace, "Anna")
    service.app.workspace.save_person(replace(new_person(service.app.workspace, "Tina"), lora="lora.safetensors"))

    assert name_html(service, " ", ENGLISH) == ""
    assert "A new person: ben" in name_html(service, "Ben", ENGLISH)
    assert "anna exists but is not trained; without photos here, the training uses" in name_html(
        service, "anna", ENGLISH
    )
    assert "tina exists already; this training replaces their LoRA" in name_html(service, "tina", ENGLISH)
    assert 'role="alert"' in name_html(service, "../etc", ENGLISH)


def test_an_error_of_a_handler_is_said_in_the_tab():
    def handler() -> dict[str, str]:
        raise BadName("No.", advice="Choose another <one>.")

    said = saying("message", ENGLISH, handler)()

    assert "Choose another &lt;one&gt;." in said["message"]
    assert list(said) == ["message"]


def test_a_fault_of_ours_is_said_in_the_tab_without_a_traceback():
    said = saying("message", ENGLISH, lambda: {"message": 1 / 0})()

    assert "This is a bug in EasyPhoto." in said["message"]
    assert "Traceback" not in said["message"]


def test_a_missing_trainer_is_said_with_what_to_do(service: Service, monkeypatch: pytest.MonkeyPatch):
    def trainer(self: object, workspace: object) -> None:
        raise TrainerMissing("It is not made.", advice="Make it.")

    assert missing_trainer(service) is None
    monkeypatch.setattr(ThisMachine, "trainer", trainer)

    said = trainer_html(missing_trainer(service), ENGLISH)
    assert "It is not made." in said
    assert "Make it." in said


def test_what_the_button_beside_it_mends_is_said_in_one_line():
    said = trainer_html(TrainerMissing("The environment is not made yet (/some/folder).", advice=ADVICE), ENGLISH)

    assert said == (
        '<p class="easyphoto-setup-line" role="note" title="The environment is not made yet (/some/folder).">'
        "Training is not set up yet. That happens automatically before the first one, or now:</p>"
    )


def test_a_path_cannot_be_smuggled_in_as_a_held_photo(service: Service):
    with pytest.raises(InputError):
        upload_paths(service, ["../../etc/passwd"])


@dataclass
class Buttons:
    """The Train tab's buttons that make a person, without a browser."""

    service: Service

    def __post_init__(self) -> None:
        with gr.Blocks():
            self.tab = train_tab.build(self.service, ENGLISH)
        self.starting = Starting(self.tab, self.service)

    def values(self, name: str, *photos: str, **held: Any) -> dict[Any, Any]:
        values = {component: component.value for component in self.tab.form.inputs}
        return {**values, self.tab.form.name: name, self.tab.photos.held: PhotoSet(photos, **held).record()}


def test_the_button_beside_start_adds_a_person_with_the_same_photos_name_and_settings(workshop: Workshop):
    buttons = Buttons(workshop.service)
    names = [path.name for path in five_photos(workshop.service)]
    values = buttons.values("Anna", *names, faces={names[0]: 1}, reference=names[2])
    values[buttons.tab.form.preprocess.components["keep"]] = 2

    buttons.starting.add(values)

    (job,) = workshop.service.queue.list()
    made = done(workshop.service, job)
    assert (made.kind, made.state) == ("add", State.DONE)
    assert made.request["photos"] == names
    assert (made.request["chosen_faces"], made.request["reference"]) == ({names[0]: 1}, names[2])
    person = workshop.service.app.workspace.person("anna")
    assert (person.name, len(person.photos), person.is_trained) == ("Anna", 2, False)
    shown = train_tab.card_body(workshop.service, made, (), ENGLISH)
    assert "Anna is added with 2 photos, not trained." in shown
    assert '<img src="data:image' in shown
    assert newest_job(workshop.service, train_tab.KINDS) == job.id
    assert unfinished_check(workshop.service) is None


def test_without_photos_nobody_is_added_and_only_who_keeps_some_is_trained(workshop: Workshop):
    buttons, service = Buttons(workshop.service), workshop.service
    for press in (buttons.starting.add, buttons.starting.train):
        with pytest.raises(InputError, match="There are no photos yet"):
            press(buttons.values("anna"))
    buttons.starting.add(buttons.values("anna", *(path.name for path in five_photos(service))))
    done(service, service.queue.list()[0])

    with pytest.raises(NameTaken):
        buttons.starting.add(buttons.values("anna", service.queue.list()[0].request["photos"][0]))
    buttons.starting.train(buttons.values("anna"))

    assert done(service, service.queue.list()[0]).kind == "train"
    assert service.app.workspace.person("anna").is_trained


def test_every_part_of_the_tab_has_a_name_of_ours(service: Service):
    with gr.Blocks() as blocks:
        tab = train_tab.build(service, ENGLISH)
        train_tab.connect(tab, service)

    inputs = (gr.Textbox, gr.Button, gr.Dropdown, gr.Radio, gr.Checkbox, gr.Slider, gr.Number, gr.File)
    for component in blocks.blocks.values():
        if isinstance(component, inputs):
            assert str(component.elem_id).startswith("easyphoto_train")
            assert getattr(component, "label", None) or getattr(component, "value", None)


def test_a_job_that_is_asked_to_stop_says_so_and_the_next_one_can_be_cancelled(workshop: Workshop):
    service, begun, gate = workshop.service, threading.Event(), threading.Event()
    with gr.Blocks():
        live = place_card("easyphoto_test", ENGLISH)

    def stubborn(context: Any) -> dict[str, Any]:
        begun.set()
        assert gate.wait(30)
        return {}

    def button(id: str) -> tuple[object, ...]:
        update = show_job(live, service, id, words=ENGLISH)[live.cancel]
        return update["value"], update["interactive"], update["visible"]

    first = service.queue.submit(Asked("train", "train anna"), stubborn)
    second = service.queue.submit(Asked("train", "train ben", request={"name": "ben"}), stubborn)
    assert begun.wait(30)
    assert button(first.id) == ("Cancel", True, True)

    service.queue.cancel(first.id)

    assert button(first.id) == ("Stopping …", False, True)
    assert button(second.id) == ("Cancel", True, True)
    gate.set()
    while not service.queue.get(first.id).state.is_over:
        service.queue.wait(first.id, len(service.queue.events(first.id)), 1.0)
    assert button(first.id) == ("Cancel", True, False)


def test_more_photos_than_are_of_use_bring_a_remark():
    def said(count: int) -> str:
        photos = [f"{number:02}-0123456789.jpg" for number in range(count)]
        verdicts = [{**VERDICT, "photo": photo, "kept": number < 15} for number, photo in enumerate(photos)]
        return verdicts_html(Checked({"verdicts": verdicts}, {}, photos), {}, ENGLISH)

    assert "5 to 20 are best" not in said(20)
    assert "These are 21 photos; 5 to 20 are best. Only the 15 that are kept are used." in said(21)
