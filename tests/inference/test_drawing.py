"""From words to the request of a drawing: what is asked, with which LoRAs, how large."""

from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.architectures.base import Family
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.architectures.sdxl import SDXL
from easyphoto.backends.base import Sampler
from easyphoto.backends.conditions import LoraCondition
from easyphoto.errors import BadSettings
from easyphoto.geometry import Size
from easyphoto.inference.drawing import (
    DrawingPlan,
    DrawingWords,
    DrawnPerson,
    checked_size,
    drawing_prompt,
    drawing_request,
    drawing_size,
    people_words,
)
from easyphoto.inference.passes import CalledLoras, SamplerPreset
from easyphoto.settings.drawing import DrawingSettings

ANNA, BEN, ROOM, FAST = (Path(f"{name}.safetensors") for name in ("anna", "ben", "room", "lcm"))
PACE = SamplerPreset(Sampler.EULER_A, 7.0)
STAGE = DrawingWords(
    "a violinist on a stage, evening light",
    "hats",
    (DrawnPerson("grey hair, glasses", ANNA),),
    ("oil painting", "photograph"),
    CalledLoras((LoraCondition(ROOM, 0.8),), ("special_scene, scene",)),
)


def test_what_was_typed_comes_first_and_the_familys_words_last():
    assert drawing_prompt(STAGE, SD15) == (
        "a violinist on a stage, evening light, special_scene, scene, oil painting, 1person, grey hair, glasses, "
        "looking at viewer, easyphoto_face, easyphoto, best quality, masterpiece, realistic, detailed face"
    )


def test_without_a_lora_nobody_is_called_by_the_trigger():
    words = DrawingWords("a garden", persons=(DrawnPerson(),))

    assert drawing_prompt(words, MINIATURE) == "a garden, 1person"


def test_a_request_has_the_persons_lora_at_a_quarter_the_scene_and_the_few_steps():
    fast = replace(PACE, cfg=1.5, conditions=(LoraCondition(FAST),), made=8)

    request = drawing_request(STAGE, SD15, DrawingSettings(), fast, size=Size(512, 768), seed=9)

    assert request.conditions == (LoraCondition(ANNA, 0.25), LoraCondition(ROOM, 0.8), LoraCondition(FAST))
    assert request.negative == "hats, photograph, worst quality, low quality, blurry, deformed, extra limbs"
    assert (request.size, request.seed, request.steps, request.cfg) == (Size(512, 768), 9, 8, 1.5)


def test_guidance_is_the_settings_else_the_familys_for_drawings_else_that_of_its_passes():
    def asked(family, **settings):
        plan = DrawingPlan(STAGE, family, DrawingSettings(**settings), PACE, Size(128, 128))
        return plan.request(0).cfg

    assert asked(SD15, drawing_cfg=4.5) == 4.5
    assert asked(MINIATURE) == 5.0
    assert asked(SD15) == 7.0


def test_two_loras_share_the_weight_of_one():
    words = replace(STAGE, persons=(DrawnPerson("", ANNA), DrawnPerson("red hair"), DrawnPerson("", BEN)))

    request = drawing_request(words, SD15, DrawingSettings(), PACE, size=Size(768, 512), seed=0)

    assert request.conditions[:2] == (LoraCondition(ANNA, 0.125), LoraCondition(BEN, 0.125))
    assert "3 people, group photo of three people in a row, three faces, red hair" in request.prompt
    assert "1person" not in request.prompt


def test_a_weight_of_nothing_leaves_the_persons_lora_out():
    request = drawing_request(STAGE, SD15, DrawingSettings(drawing_lora_weight=0.0), PACE, size=Size(512, 512), seed=0)

    assert request.conditions == (LoraCondition(ROOM, 0.8),)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1person"),
        (2, "2 people, group photo of two people side by side, two faces"),
        (3, "3 people, group photo of three people in a row, three faces"),
        (8, "8 people, group photo of eight people in a row, eight faces"),
    ],
)
def test_as_many_faces_are_asked_for_as_there_are_persons(count: int, words: str):
    assert people_words(count) == words


@pytest.mark.parametrize(
    ("family", "people", "size"),
    [(MINIATURE, 1, (128, 128)), (SD15, 1, (512, 768)), (SD15, 2, (768, 512)), (SDXL, 1, (832, 1216))],
)
def test_a_drawing_has_the_size_that_the_family_draws_well_and_lies_for_a_group(family, people, size):
    assert drawing_size("", family, people) == (Size(*size), ())


def test_a_styles_size_goes_before_the_familys_and_what_was_typed_before_both():
    assert drawing_size("", SD15, 1, Size(640, 640))[0] == Size(640, 640)
    assert drawing_size("768x1024", SD15, 2, Size(640, 640))[0] == Size(768, 1024)


def test_a_size_that_the_family_cannot_draw_is_rounded_and_said():
    size, notes = drawing_size(" 771 × 1021 ", SD15, 1)

    assert size == Size(768, 1024)
    assert notes == ("The picture is drawn at 768×1024 pixels: SD 1.5 needs multiples of 8.",)


@pytest.mark.parametrize("written", ["large", "768", "768x", "x768", "32x512", "512x4096", "-512x512", "5e2x512"])
def test_a_size_that_is_none_is_refused_by_name(written: str):
    with pytest.raises(BadSettings, match="size cannot be") as refused:
        checked_size(written)

    assert refused.value.advice == "Write width x height in pixels, each from 64 to 2048: 768x1024."


@pytest.mark.parametrize("family", [SD15, SDXL], ids=["SD 1.5", "SDXL"])
def test_a_painting_is_not_asked_to_be_a_photograph(family: Family):
    """The families' usual words ask for realism, and SDXL's refuse paintings."""
    asked = drawing_request(STAGE, family.for_artwork(), DrawingSettings(), PACE, size=Size(512, 768), seed=9)

    assert "oil painting" in asked.prompt
    assert not {"realistic", "photograph", "natural skin"} & set(asked.prompt.split(", "))
    assert not {"painting", "drawing", "cartoon"} & set(asked.negative.split(", "))
