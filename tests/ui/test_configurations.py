"""Saved settings in the page: what becomes of the form, and what people are asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from easyphoto.errors import BadName, BadRecord, BadSettings, InputError
from easyphoto.jobs.service import Service
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.ui import photograph_tab, train_tab
from easyphoto.ui.client_files import Claims
from easyphoto.ui.configurations import ConfiguredForm, SavedPart, Saving, export_html
from easyphoto.ui.language import Translator
from easyphoto.workspace.configurations import PHOTOGRAPH, TRAIN, Configurations, configuration_of

ENGLISH = Translator("en")


@pytest.fixture
def training(service: Service) -> Saving:
    with gr.Blocks():
        form = train_tab.build(service, ENGLISH).form
    return ready(form.saved, form.configured, service)


@pytest.fixture
def photographing(service: Service) -> Saving:
    with gr.Blocks():
        how = photograph_tab.build(service, ENGLISH).how
    return ready(how.saved, how.configured, service)


def ready(part: SavedPart, form: ConfiguredForm, service: Service) -> Saving:
    service.app.workspace.root.mkdir(exist_ok=True)
    return Saving(part, form, service)


def as_shown(saving: Saving, name: str = "", **changed: Any) -> dict[Any, Any]:
    """The values that the page sends: those it was built with, and what somebody changed since."""
    values = {component: component.value for component in saving.form.inputs} | {saving.part.name: name}
    settings = saving.form.fields["settings"].components
    return values | {settings[field]: value for field, value in changed.items()}


def after(values: Mapping[Any, Any], updates: Mapping[Any, Any]) -> dict[Any, Any]:
    """What the page holds when it has been given these updates."""
    shown = {part: update.get("value", values.get(part)) if isinstance(update, dict) else update
             for part, update in updates.items()}  # fmt: skip
    return {**values, **shown}


def order(*words: str) -> str:
    return json.dumps(words)


def test_what_is_saved_in_the_page_is_loaded_into_another_form(training: Saving):
    training.save(as_shown(training, "Quick look", steps="40", flip=True))

    found = training.ordered(order("load", "Quick look"), {})
    page = after(as_shown(training), found)

    assert training.form.read("x", page).settings == TrainSettings(steps=40, flip=True)
    assert page[training.part.name] == "Quick look"
    assert "Quick look is loaded." in page[training.part.said]
    assert 'aria-current="true"' in page[training.part.rows]


@pytest.mark.parametrize(
    ("settings", "label"),
    [(InferenceSettings(first_steps=60, second_steps=30, count=4), "Thorough"), (InferenceSettings(cfg=3.5), None)],
)
def test_the_preset_is_the_one_with_the_loaded_values_or_none(
    photographing: Saving, settings: InferenceSettings, label: str | None
):
    photographing.known.save(configuration_of(PHOTOGRAPH, "mine", Options(), settings))

    found = photographing.ordered(order("load", "mine"), {})

    assert found[photographing.form.preset]["value"] == label


def test_no_person_and_no_template_is_saved(photographing: Saving):
    photographing.save(as_shown(photographing, "mine", identity="anna=faceid", prompt="at sea"))

    (file,) = photographing.service.app.workspace.configurations.rglob("*.json")

    assert "anna" not in file.read_text("utf-8")
    assert "at sea" in file.read_text("utf-8")


def test_a_name_that_is_taken_is_asked_about_before_anything_is_replaced(training: Saving):
    training.save(as_shown(training, "mine", steps="40"))
    changed = as_shown(training, "MINE", steps="50")

    asked = training.save(changed)

    assert "There are settings called MINE already." in asked[training.part.said]
    assert training.known.get("mine").settings == TrainSettings(steps=40)
    training.ordered(order("keep", "MINE"), changed)
    assert training.known.get("mine").settings == TrainSettings(steps=40)
    training.ordered(order("replace", "MINE"), changed)
    assert training.known.get("mine").settings == TrainSettings(steps=50)
    assert training.known.names() == ("mine",)


def test_a_deletion_is_asked_about(training: Saving):
    training.save(as_shown(training, "mine"))

    asked = training.ordered(order("ask", "mine"), {})

    assert "Delete these settings?" in asked[training.part.rows]
    assert training.known.names() == ("mine",)
    done = training.ordered(order("delete", "mine"), {})
    assert training.known.names() == ()
    assert "Nothing is saved yet." in done[training.part.rows]


@pytest.mark.parametrize(("name", "error"), [("", InputError), ("a/b", BadName)])
def test_settings_are_saved_under_a_name_only(training: Saving, name: str, error: type[Exception]):
    with pytest.raises(error):
        training.save(as_shown(training, name))
    assert training.known.names() == ()


def test_what_the_form_cannot_say_is_not_saved_and_named_by_its_label(training: Saving):
    with pytest.raises(BadSettings, match="Steps: cannot be 'many'"):
        training.save(as_shown(training, "mine", steps="many"))


def brought(tmp_path: Path, name: str, content: str) -> Claims:
    place = tmp_path / "gradio" / ("0f" * 20)
    place.mkdir(parents=True)
    (place / name).write_text(content, "utf-8")
    return Claims(((name, str(place / name)),), tmp_path / "gradio")


def test_an_imported_file_fills_the_form_and_is_saved_only_when_people_say_so(training: Saving, tmp_path: Path):
    options = Options("miniature", engine="drawings")
    exported = configuration_of(TRAIN, "From Bea", options, TrainSettings(rank=8), PreprocessSettings(keep=7))
    claims = brought(tmp_path, "bea.json", exported.text())

    shown = training.brought_in(claims)

    page = after(as_shown(training), shown)
    assert training.known.names() == ()
    assert "bea.json is filled in, and not saved yet." in page[training.part.said]
    assert shown[training.part.fold]["open"] is True
    assert not list((tmp_path / "gradio").rglob("*.json"))
    training.save(page)
    found = training.known.get("From Bea")
    assert (found.settings, found.engine) == (TrainSettings(rank=8), "drawings")
    assert found.parts["preprocess"] == PreprocessSettings(keep=7)


def test_a_file_of_the_other_tab_is_refused_by_name(training: Saving, tmp_path: Path):
    other = configuration_of(PHOTOGRAPH, "x", Options(), InferenceSettings())

    with pytest.raises(BadRecord, match=r"The settings in .*x\.json are for 'photograph'\."):
        training.brought_in(brought(tmp_path, "x.json", other.text()))


def test_what_is_not_here_is_left_out_and_said(photographing: Saving):
    settings = InferenceSettings(restore="CodeFormer", cfg=3.0)
    photographing.known.save(configuration_of(PHOTOGRAPH, "web", Options("elsewhere.safetensors"), settings))

    found = photographing.ordered(order("load", "web"), {})

    page = after(as_shown(photographing), found)
    said = page[photographing.part.said]
    assert "The checkpoint &#x27;elsewhere.safetensors&#x27; is not here." in said
    assert "Face restoration: &#x27;CodeFormer&#x27; is not here." in said
    assert photographing.form.read("x", page).settings == InferenceSettings(cfg=3.0)
    assert photographing.form.read("x", page).base is None


def test_an_export_is_the_file_with_no_path_of_this_machine():
    saved = configuration_of(TRAIN, "mine", Options("/home/anna/v1.ckpt"), TrainSettings(), PreprocessSettings())

    link = export_html(saved, ENGLISH)

    assert 'download="mine.json"' in link
    assert export_html(saved, ENGLISH) != link  # each is followed once
    content = base64.b64decode(link.partition("base64,")[2].partition('"')[0])
    assert json.loads(content) == {**saved.record(), "base": "v1.ckpt"}


def test_all_visitors_see_what_one_has_saved(training: Saving):
    clients = replace(training, service=training.service.for_clients())

    clients.save(as_shown(training, "mine"))

    assert Configurations(training.service.app.workspace, TRAIN).names() == ("mine",)
    assert "mine" in training.listed()[training.part.rows]
