"""What is known of a result on show."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from easyphoto.errors import UnknownJob
from easyphoto.images.pictures import write_picture
from easyphoto.jobs.askers import Requester, asked_by
from easyphoto.jobs.records import State
from easyphoto.jobs.service import Service
from easyphoto.ui.language import Translator
from easyphoto.ui.photograph_filling import repeat_updates
from easyphoto.ui.photograph_form import PhotographPlan
from easyphoto.ui.photograph_layout import PhotographTab
from easyphoto.ui.photograph_results import obeyed, page_picture, record_of_result, ticked
from easyphoto.ui.photograph_tab import build
from easyphoto.ui.results_part import Shown
from easyphoto.ui.sessions import Sessions
from tests import icc
from tests.ui.made_sessions import make_session, save_person


def test_the_job_knows_the_checkpoint_by_its_whole_name(tmp_path: Path) -> None:
    picture = {"file": "a.png", "template": "a", "seed": 3, "score": None, "likeness": [], "notes": [], "stages": []}
    file = write_picture(tmp_path / "a.png", Image.new("RGB", (8, 8)), {"seed": 3, "base": "face.safetensors"})
    request = {"options": {"base": "portraits/face.safetensors [0a1b]"}}
    job = SimpleNamespace(
        id="job", kind="photograph", state=State.DONE, result={"pictures": [picture]}, request=request
    )
    service: Any = SimpleNamespace(queue=SimpleNamespace(get=lambda _: job, file=lambda *_: file))

    record = record_of_result(service, Shown("job", "a.png"))

    assert record is not None
    assert (record["seed"], record["base"]) == (3, "portraits/face.safetensors [0a1b]")


def test_a_page_shows_a_result_in_srgb_with_its_record(tmp_path: Path) -> None:
    linear = write_picture(
        tmp_path / "a.png", Image.new("L", (8, 8), 128), {"seed": 3}, profile=icc.grey_profile(icc.gamma(1.0))
    )
    plain = write_picture(tmp_path / "b.png", Image.new("RGB", (8, 8), "teal"), {"seed": 3})

    for file, pixel in ((linear, (188, 188, 188)), (plain, (0, 128, 128))):
        shown = page_picture(file)
        assert shown.getpixel((0, 0)) == pixel
        assert "icc_profile" not in shown.info
        assert shown.info["easyphoto"] == '{"seed": 3}'


@pytest.mark.parametrize(
    ("settings", "label"), [({"first_steps": 60, "second_steps": 30}, "Thorough"), ({"cfg": 3.5}, None)]
)
def test_a_repeated_picture_shows_the_preset_it_was_made_with_or_none(
    service: Service, settings: dict[str, Any], label: str | None
) -> None:
    with gr.Blocks():
        tab = build(service, Translator("en"))

    updates = repeat_updates(tab, service, {"settings": settings, "seed": 3}, PhotographPlan(), said=tab.record_said)

    assert updates[tab.how.preset]["value"] == label
    # What a preset had changed before is not true of the form any more.
    assert updates[tab.how.preset_said] == ""


@pytest.fixture
def tab(service: Service) -> PhotographTab:
    save_person(service.app.workspace, "anna")
    with gr.Blocks():
        return build(service, Translator("en"))


def test_a_page_shows_the_last_results_and_those_of_a_job_when_it_ends(tab: PhotographTab, service: Service) -> None:
    part, first = tab.results, make_session(service)
    opened = ticked(tab, service, None, Shown(), "")
    assert (opened[part.shown].job, opened[part.shown].followed) == (first.id, first.id)
    assert opened[part.group]["visible"] is True

    # What somebody looks at stays until the next job has ended.
    chosen = obeyed(tab, service, f'["show", "{first.id}", "03-room-anna-7.png"]', opened[part.shown])[part.shown]
    assert chosen.file == "03-room-anna-7.png"
    assert part.shown not in ticked(tab, service, first.id, chosen, "")
    second = make_session(service)
    assert ticked(tab, service, second.id, chosen, "")[part.shown].job == second.id


def test_a_job_that_ends_leaves_the_link_of_a_download_where_it_was_announced(
    tab: PhotographTab, service: Service
) -> None:
    part, first = tab.results, make_session(service)
    shown = ticked(tab, service, None, Shown(), "")[part.shown]
    second = make_session(service)

    assert part.download not in ticked(tab, service, second.id, shown, "")
    assert obeyed(tab, service, f'["show", "{first.id}", ""]', shown)[part.download]["visible"] is False


def test_results_go_from_the_page_with_their_job(tab: PhotographTab, service: Service) -> None:
    job = make_session(service)
    shown = ticked(tab, service, None, Shown(), "")[tab.results.shown]
    service.queue.forget(job.id)

    updates = ticked(tab, service, job.id, shown, "")

    assert updates[tab.results.group]["visible"] is False
    assert updates[tab.results.shown].job == ""


def test_a_star_and_a_choice_change_the_tiles_and_leave_the_picture(tab: PhotographTab, service: Service) -> None:
    part, job = tab.results, make_session(service)
    shown = ticked(tab, service, None, Shown(), "")[part.shown]

    for verb in ("star", "tick"):
        updates = obeyed(tab, service, f'["{verb}", "{job.id}", "03-room-anna-7.png"]', shown)
        assert set(updates) == {part.shown, part.tiles}
        shown = updates[part.shown]
    assert shown.ticked == ((job.id, "03-room-anna-7.png"),)
    assert [one.ranked.seed for one in Sessions(service).favourites()] == [7]

    again = obeyed(tab, service, f'["tick", "{job.id}", "03-room-anna-7.png"]', shown)[part.shown]
    assert again.ticked == ()


def test_a_zip_holds_what_is_chosen_else_all_that_is_seen(tab: PhotographTab, service: Service, tmp_path: Path) -> None:
    part, job = tab.results, make_session(service)
    tab = replace(tab, downloads=replace(tab.downloads, folder=tmp_path))
    shown = ticked(tab, service, None, Shown(), "")[part.shown]
    Sessions(service).change_favourite(job.id, "03-room-anna-8.png")

    def names(shown: Shown) -> list[str]:
        file = obeyed(tab, service, '["zip"]', shown)[part.download]["value"]
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()[:-1]

    assert names(shown) == ["03-room-anna-8.png", "03-room-anna-7.png"]
    assert names(replace(shown, is_favourites=True)) == ["03-room-anna-8.png"]
    assert names(replace(shown, ticked=((job.id, "03-room-anna-7.png"),))) == ["03-room-anna-7.png"]


@pytest.mark.parametrize("verb", ["show", "star"])
def test_results_of_others_are_out_of_reach(tab: PhotographTab, service: Service, verb: str) -> None:
    others = make_session(service, asker=Requester(browser="b" * 32))

    with asked_by(Requester(browser="a" * 32)), pytest.raises(UnknownJob):
        obeyed(tab, service.for_clients(), f'["{verb}", "{others.id}", "03-room-anna-7.png"]', Shown())
