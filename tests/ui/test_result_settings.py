"""What a result was made with, as settings to be saved."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from easyphoto.commands.base import options_record
from easyphoto.errors import InputError
from easyphoto.jobs.service import Service
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import FaceSettings, Options, WeightSettings
from easyphoto.ui import compat, photograph_filling, photograph_tab
from easyphoto.ui.language import Translator
from easyphoto.ui.result_settings import result_configuration
from easyphoto.ui.results_part import Shown
from easyphoto.ui.sessions import Sessions
from easyphoto.workspace.configurations import checked_name, proposed_name
from tests.ui.made_sessions import make_session, save_person

RECORD: dict[str, Any] = {"seed": 9, "persons": ["anna"], "template": "a.png", "settings": {"cfg": 3.5, "count": 4}}


def test_a_results_settings_are_its_own_with_its_seed_and_its_jobs_options():
    options = Options("sd15", "photographs", FaceSettings(detector="scrfd"), WeightSettings(offline=True))

    found = result_configuration(RECORD, {"options": options_record(options)}, "Studio")

    assert found.settings == InferenceSettings(cfg=3.5, count=4, seed=9)
    assert (found.base, found.engine, found.name) == ("sd15", "photographs", "Studio")
    assert (found.parts["faces"], found.parts["weights"]) == (options.faces, options.weights)
    assert found.dropped == ()
    assert "anna" not in found.text()


def test_whole_records_of_today_lose_nothing():
    settings = InferenceSettings(retouch=False, prompt="at sea", ai_label=True)

    found = result_configuration({"settings": settings_record(settings), "seed": 0}, {}, "x")

    assert (found.settings, found.dropped) == (settings, ())


def test_what_an_earlier_version_knew_is_dropped_and_said():
    record = {**RECORD, "settings": {"cfg": 3.5, "wings": 2, "skin": "blue"}}

    found = result_configuration(record, {"options": {"faces": {"ears": "big"}, "engine": "clay"}}, "x")

    assert found.settings == InferenceSettings(cfg=3.5, seed=9)
    assert [said.partition(".")[0] for said in found.dropped] == [
        "Unknown setting: wings", "skin cannot be 'blue'", "Unknown setting: ears", "engine cannot be 'clay'",
    ]  # fmt: skip


def test_one_click_fills_the_form_with_a_results_settings_and_proposes_a_name(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    save_person(service.app.workspace, "anna")
    job = make_session(service, settings=InferenceSettings(first_steps=60, second_steps=30, seed=7, count=2))
    with gr.Blocks():
        tab = photograph_tab.build(service, Translator("en"))
    heard: list[Any] = []
    monkeypatch.setattr(compat, "listen", lambda event, handler, **words: heard.append((handler, words)))
    photograph_filling.connect_keeping(tab, service)
    (handler, words), shown = heard[0], Sessions(service).of(job.id)
    assert shown is not None

    updates = handler(Shown(job=job.id, file=shown.pictures[0].key[1]))

    part = tab.how.saved
    assert updates[part.name] == "At home Thorough"
    assert updates[part.fold]["open"] is True
    assert updates[tab.how.preset]["value"] == "Thorough"
    assert "Change the name, and save them." in updates[part.said]
    assert set(updates) <= words["outputs"]
    assert not service.app.workspace.configurations.exists()


@pytest.mark.parametrize("record", [None, [], {}, {"settings": {}}, {"seed": 1, "settings": []}])
def test_a_picture_without_a_record_is_refused(record: Any):
    with pytest.raises(InputError, match="This picture has no record of EasyPhoto"):
        result_configuration(record, {}, "x")


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("In the hills", "Balanced"), "In the hills Balanced"),
        (("a:b/c?", ""), "a b c"),
        (("x" * 80,), "x" * 60),
        ((".hidden", "快速"), "hidden 快速"),
    ],
)
def test_a_proposed_name_is_one_that_can_be_saved(parts: tuple[str, ...], name: str):
    assert proposed_name(*parts) == name
    assert checked_name(name) == name
