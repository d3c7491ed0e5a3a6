"""Settings are declared once and refuse everything else."""

import dataclasses
import math

import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.errors import BadSettings
from easyphoto.settings.declarations import settings_from, settings_record
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.presets import PRESETS, preset
from easyphoto.settings.training import PreprocessSettings, TrainSettings

KINDS = (PreprocessSettings, TrainSettings, InferenceSettings, DrawingSettings)
FIELDS = [
    pytest.param(kind, field, id=f"{kind.__name__}.{field.name}")
    for kind in KINDS
    for field in dataclasses.fields(kind)
]
RANGED = [
    pytest.param(kind, field, id=f"{kind.__name__}.{field.name}")
    for kind in KINDS
    for field in dataclasses.fields(kind)
    if field.metadata["declared"].low is not None
]
CHOSEN = [
    pytest.param(kind, field, id=f"{kind.__name__}.{field.name}")
    for kind in KINDS
    for field in dataclasses.fields(kind)
    if field.metadata["declared"].choices and not field.metadata["declared"].is_open
]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_every_setting_says_what_it_is(kind, field):
    declared = field.metadata["declared"]

    assert declared.label
    assert (declared.low is None) == (declared.high is None)


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_every_setting_refuses_another_type(kind, field):
    with pytest.raises(BadSettings, match=field.name):
        kind(**{field.name: ["a", "list"]})


@pytest.mark.parametrize(("kind", "field"), RANGED)
def test_every_range_is_kept(kind, field):
    declared = field.metadata["declared"]
    step = 1 if isinstance(declared.low, int) else 1e-3

    for inside in (declared.low, declared.high):
        assert getattr(kind(**{field.name: inside}), field.name) == inside
    for outside in (declared.low - step, declared.high + step, math.nan, math.inf):
        with pytest.raises(BadSettings, match=field.name):
            kind(**{field.name: outside})


def test_an_open_choice_leaves_unknown_names_to_the_host():
    assert InferenceSettings(upscale="4x-UltraSharp").upscale == "4x-UltraSharp"
    with pytest.raises(BadSettings):
        InferenceSettings(upscale=4)


@pytest.mark.parametrize("kind", [TrainSettings, InferenceSettings])
def test_every_preset_is_within_the_settings_and_balanced_is_the_default(kind):
    made = {name: preset(kind, name) for name in PRESETS[kind]}

    assert list(made) == ["fast", "balanced", "thorough"]
    assert made["balanced"] == kind()
    assert len({str(one) for one in made.values()}) == 3


def test_what_is_set_by_hand_stands_above_the_preset():
    assert preset(TrainSettings, "fast", steps=7).steps == 7
    with pytest.raises(BadSettings, match="fast, balanced, thorough"):
        preset(TrainSettings, "quick")


@pytest.mark.parametrize(("kind", "field"), CHOSEN)
def test_every_choice_refuses_what_is_not_on_the_list(kind, field):
    with pytest.raises(BadSettings, match="Choose one of"):
        kind(**{field.name: "something else"})


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_is_refused_by_name(kind):
    with pytest.raises(BadSettings, match="fusoin"):
        settings_from(kind, {"fusoin": True})


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_gives_the_same_settings_back(kind):
    settings = kind()

    assert settings_from(kind, settings_record(settings)) == settings


def test_true_is_not_a_number():
    with pytest.raises(BadSettings, match="steps"):
        TrainSettings(steps=True)


def test_json_writes_a_float_without_its_point_and_that_is_fine():
    assert InferenceSettings(lora_weight=1).lora_weight == 1


def test_the_designs_numbers():
    first, train = InferenceSettings(), TrainSettings()

    assert (first.first_strength, first.second_strength, first.lora_weight) == (None, None, 0.9)
    assert [(one.first_strength, one.second_strength) for one in (SD15, SDXL)] == [(0.45, 0.30)] * 2
    assert (train.batch, train.learning_rate, train.text_learning_rate, train.flip) == (4, None, None, False)
    assert (SD15.learning_rate, SD15.rank, SD15.alpha, SD15.training_steps) == (1e-4, 128, 64, 800)
    assert PreprocessSettings().keep == 15
