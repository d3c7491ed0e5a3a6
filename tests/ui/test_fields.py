"""Settings as components and back."""

import dataclasses
import re

import gradio as gr
import pytest

from easyphoto.errors import BadSettings
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.training import TrainSettings
from easyphoto.ui.fields import SettingFields, presets_of
from easyphoto.ui.language import Translator

KINDS = (TrainSettings, InferenceSettings)


def placed(kind: type, language: str = "en", **more: object) -> SettingFields:
    fields = SettingFields(kind, Translator(language), "easyphoto_test", **more)
    with gr.Blocks():
        fields.place_rest()
    return fields


def values_of(fields: SettingFields, **changes: object) -> dict[object, object]:
    return {component: changes.get(name, component.value) for name, component in fields.components.items()}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_untouched_fields_are_the_defaults(kind: type, language: str):
    fields = placed(kind, language)

    assert fields.read(values_of(fields)) == kind()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_setting_has_a_field_with_a_label_and_an_id(kind: type):
    fields = placed(kind)

    assert set(fields.components) == {each.name for each in dataclasses.fields(kind)}
    for name, component in fields.components.items():
        assert component.label
        assert component.elem_id == f"easyphoto_test_{name}"


def test_what_was_typed_is_read_as_the_settings_kind():
    fields = placed(TrainSettings)

    settings = fields.read(values_of(fields, steps="300", learning_rate="1e-4", rank=" auto ", batch=2.0))

    assert settings == TrainSettings(steps=300, learning_rate=1e-4, rank=None, batch=2)
    assert type(settings.batch) is int


@pytest.mark.parametrize("typed", ["many", "2.5", "nan", "1e999"])
def test_what_is_no_whole_number_is_refused_by_the_fields_label(typed: str):
    fields = placed(TrainSettings)

    with pytest.raises(BadSettings, match="Steps: cannot be"):
        fields.read(values_of(fields, steps=typed))


def test_a_value_outside_its_range_is_refused_by_the_fields_label():
    fields = placed(TrainSettings)

    with pytest.raises(BadSettings, match="Steps: cannot be 99999") as caught:
        fields.read(values_of(fields, steps="99999"))

    assert caught.value.advice == "It must be between 1 and 20000."


def test_an_error_is_said_in_the_pages_language():
    fields = placed(TrainSettings, "zh_CN")

    with pytest.raises(BadSettings) as caught:
        fields.read(values_of(fields, steps="99999"))

    said = (fields.words.translate(caught.value.message), fields.words.translate(caught.value.advice))
    assert said == ("步数：不能是 99999。", "必须在 1 到 20000 之间。")


def test_choices_are_shown_in_words_and_read_as_values():
    fields = placed(TrainSettings, "zh_CN")

    assert fields.components["checkpointing"].value == "自动"
    assert fields.read(values_of(fields, checkpointing="开")).checkpointing == "on"


def test_a_host_adds_its_own_choices():
    fields = placed(InferenceSettings, more={"upscale": ("R-ESRGAN 4x+",)})

    assert fields.read(values_of(fields, upscale="R-ESRGAN 4x+")).upscale == "R-ESRGAN 4x+"


def test_a_preset_fills_the_fields():
    fields = placed(TrainSettings)

    updates, _ = fields.show_preset("fast", values_of(fields))

    changed = {**values_of(fields), **{component: each["value"] for component, each in updates.items()}}
    assert fields.read(changed) == TrainSettings(steps=400, validations=4, validation_steps=10)


def test_a_preset_leaves_alone_what_no_preset_speaks_of_and_says_what_it_changes():
    fields = placed(InferenceSettings)
    typed = values_of(fields, prompt="in the rain", seed="7", count=2.0, first_steps=20)

    updates, said = fields.show_preset("fast", typed)

    assert fields.preset_names == ("first_steps", "second_steps", "count")
    changed = {**typed, **{component: each["value"] for component, each in updates.items()}}
    assert fields.read(changed) == InferenceSettings(
        prompt="in the rain", seed=7, count=1, first_steps=20, second_steps=10
    )
    assert re.sub("<[^>]*>", "", said) == "Second pass steps auto → 10 · Pictures 2 → 1"
    _, again = fields.show_preset("fast", changed)
    assert re.sub("<[^>]*>", "", again) == "Everything that it sets is set that way already."


def test_settings_shown_are_the_settings_read():
    fields = placed(TrainSettings)
    wanted = TrainSettings(steps=77, learning_rate=3e-5, flip=True, precision="bf16", seed=2**32 - 1)

    shown = {component: each["value"] for component, each in fields.show(wanted).items()}

    assert settings_record(fields.read(shown)) == settings_record(wanted)


def test_a_preset_is_known_by_its_label():
    presets = presets_of(TrainSettings, Translator("zh_CN"))

    assert presets.labels == ["快速", "均衡", "精细"]
    assert presets.name("精细") == "thorough"


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        (InferenceSettings(), "Balanced"),
        (InferenceSettings(first_steps=20, second_steps=10, seed=12), "Fast"),
        # A repeated picture is one of four: the number of pictures says nothing of how they are made.
        (InferenceSettings(first_steps=60, second_steps=30, count=1, prompt="at sea"), "Thorough"),
        (InferenceSettings(first_steps=61, second_steps=30), None),
        (InferenceSettings(first_strength=0.6), None),
    ],
)
def test_settings_are_told_by_the_preset_with_their_values(settings: InferenceSettings, label: str | None):
    assert presets_of(InferenceSettings, Translator("en")).fitting(settings) == label
