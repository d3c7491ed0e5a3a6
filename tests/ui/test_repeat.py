"""From a result's record back to a filled form."""

from typing import Any

import pytest

from easyphoto.errors import InputError
from easyphoto.settings.declarations import settings_record
from easyphoto.settings.inference import InferenceSettings
from easyphoto.ui.repeat import Known, repeated
from easyphoto.workspace.person_record import Person

ANNA = Person("anna", "Anna", "miniature", "2026-01-01T00:00:00Z")
BEN = Person("ben", "Ben", "miniature", "2026-01-01T00:00:00Z")
KNOWN = Known([ANNA, BEN], {"04-two.png": "04-two"}, ["miniature", "photo.safetensors"], {"upscale": ["4x"]})


def record(**changes: Any) -> dict[str, Any]:
    return {
        "persons": ["anna", "ben"],
        "template": "04-two.png",
        "settings": settings_record(InferenceSettings(first_strength=0.6, count=4, seed=10)),
        "seed": 12,
        "seats": [{"face": 0, "sitter": "Ben", "lora": None}, {"face": 1, "sitter": "Anna", "lora": None}],
        **changes,
    }


def test_a_picture_is_made_again_with_its_own_seed_alone():
    found = repeated(record(), KNOWN)

    assert found.settings == InferenceSettings(first_strength=0.6, count=1, seed=12)
    assert found.missing == ()


def test_everybody_takes_the_face_they_took():
    found = repeated(record(), KNOWN)

    assert found.persons == ("anna", "ben")
    assert found.takers == {0: "ben", 1: "anna"}
    assert found.template == "04-two"


def test_who_took_two_faces_takes_two():
    twice = record(persons=["anna", "anna"], seats=[{"face": 0, "sitter": "Anna"}, {"face": 1, "sitter": "Anna"}])

    found = repeated(twice, KNOWN)

    assert (found.persons, found.takers) == (("anna",), {0: "anna", 1: "anna"})


def test_who_was_renamed_is_found_by_their_id():
    renamed = Known([Person("anna", "Anna Maria", "miniature", ""), BEN], KNOWN.templates)

    assert repeated(record(), renamed).takers == {0: "ben", 1: "anna"}


def test_who_is_gone_is_said_and_leaves_their_face():
    found = repeated(record(), Known([BEN], KNOWN.templates))

    assert (found.persons, found.takers) == (("ben",), {0: "ben"})
    assert found.missing == ("The person 'anna' is gone.",)


def test_a_template_that_is_gone_is_said():
    found = repeated(record(template="beach.png"), KNOWN)

    assert found.template is None
    assert found.missing == ("The template 'beach.png' is gone: upload it again.",)


@pytest.mark.parametrize(
    ("base", "expected", "missing"),
    [
        ("photo.safetensors", "photo.safetensors", 0),
        (None, None, 0),
        ("gone.safetensors", None, 1),
    ],
)
def test_a_checkpoint_is_taken_where_it_still_is(base: str | None, expected: str | None, missing: int):
    found = repeated(record(base=base), KNOWN)

    assert (found.base, len(found.missing)) == (expected, missing)


def test_settings_of_another_version_are_said_and_the_rest_is_kept():
    settings = {"first_strength": 0.6, "sparkle": 1, "cfg": 900.0}

    found = repeated(record(settings=settings), KNOWN)

    assert found.settings == InferenceSettings(first_strength=0.6, seed=12)
    assert found.missing == (
        "The setting 'sparkle' is not known any more.",
        "cfg cannot be 900.0. It must be between 1.0 and 30.0.",
    )


def test_an_upscaler_of_another_machine_is_said():
    here = repeated(record(settings={"upscale": "4x"}), KNOWN)
    elsewhere = repeated(record(settings={"upscale": "8x"}), KNOWN)

    assert (here.settings.upscale, here.missing) == ("4x", ())
    assert (elsewhere.settings.upscale, elsewhere.missing) == ("none", ("Upscaler: '8x' is not here.",))


@pytest.mark.parametrize("value", [None, [], "text", {}, {"settings": {}}, {"settings": 3, "seed": 1}])
def test_a_record_that_is_none_of_ours_is_refused(value: Any):
    with pytest.raises(InputError, match="no record of EasyPhoto"):
        repeated(value, KNOWN)


@pytest.mark.parametrize(
    "changes",
    [{"seats": "all"}, {"seats": [3, {"face": "left", "sitter": ["Anna"]}]}, {"persons": None}, {"persons": [{}]}],
)
def test_a_broken_part_of_a_record_breaks_nothing_else(changes: dict[str, Any]):
    found = repeated(record(**changes), KNOWN)

    assert found.settings.first_strength == 0.6
    assert found.takers == {}


def test_a_seed_that_is_no_seed_is_said():
    found = repeated(record(seed="many"), KNOWN)

    assert found.settings.seed == 0
    assert found.missing == ("seed cannot be 'many'. It must be a whole number.",)


def test_a_picture_into_which_an_object_was_placed_is_no_photograph_to_repeat():
    with pytest.raises(InputError, match="an object that was put into it"):
        repeated(record(kind="place"), KNOWN)
