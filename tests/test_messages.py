"""A text is its English sentence, and knows what it was made from, also after it was written down."""

import copy
import json
import pickle
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from easyphoto.errors import InputError
from easyphoto.messages import Text, joined, note, packed, parts_of, phase, text, texts_in, unpacked


class Colour(str, Enum):
    RED = "red"


def written(content: dict) -> dict:
    """As a record holds it and as it is read back."""
    return unpacked(json.loads(json.dumps(packed(content))))


def test_a_text_is_its_english_sentence():
    said = text("There is no person {name!r}.", name="anna")

    assert said == "There is no person 'anna'."
    assert said.template == "There is no person {name!r}."
    assert said.values == {"name": "anna"}
    assert said.code == ""
    assert {said: 1}["There is no person 'anna'."] == 1


def test_a_note_and_a_phase_have_a_code():
    assert note("few-photos", "Only {kept} photos are kept.", kept=3).code == "few-photos"
    assert phase("look", "looking at {name}", name="a.jpg").code == "look"


def test_values_are_what_json_can_hold():
    said = text(
        "{path} {colour} {width:.0f} {count} {none}",
        path=Path("a/b.png"), colour=Colour.RED, width=np.float32(2.4), count=np.int64(7), none=None,
    )  # fmt: skip

    assert said == "a/b.png red 2 7 None"
    assert json.loads(json.dumps(dict(said.values))) == {
        "path": "a/b.png", "colour": "red", "width": pytest.approx(2.4), "count": 7, "none": None,
    }  # fmt: skip


def test_an_error_among_the_values_is_a_text_of_its_message_and_its_advice():
    error = InputError(
        text("There is no face recognition model {id!r}.", id="x"), advice=text("Known: {names}.", names="a, b")
    )

    said = text("Left out. {error}", error=error)

    assert said == "Left out. There is no face recognition model 'x'. Known: a, b."
    inner = said.values["error"]
    assert isinstance(inner, Text)
    assert [part.template for part in inner.values.values()] == [
        "There is no face recognition model {id!r}.",
        "Known: {names}.",
    ]


def test_an_error_says_message_and_advice():
    error = InputError(text("No {thing}.", thing="cake"), advice=text("Bake one."))

    assert (str(error), error.message.values, error.advice) == ("No cake. Bake one.", {"thing": "cake"}, "Bake one.")
    assert (error.said, error.said.code) == ("No cake. Bake one.", "InputError")


def test_an_error_of_plain_words_says_them_as_they_are():
    error = InputError("{name} is no template here.", advice="")

    assert (str(error), error.message, error.message.values) == ("{name} is no template here.",) * 2 + ({},)


def test_braces_of_a_text_are_doubled_in_its_template():
    assert text('It is {{"format": {number}}}.', number=1) == 'It is {"format": 1}.'


@pytest.mark.parametrize("made", [copy.copy, copy.deepcopy, lambda said: pickle.loads(pickle.dumps(said))])
def test_a_copy_knows_what_the_text_was_made_from(made):
    said = made(note("few", "Only {kept}.", kept=text("three")))

    assert (said, said.template, said.code) == ("Only three.", "Only {kept}.", "few")
    assert isinstance(said.values["kept"], Text)


def test_what_is_joined_can_be_taken_apart():
    said = joined([text("training"), text("loss {loss}", loss=0.5)], " · ")

    assert said == "training · loss 0.5"
    assert [part.template for part in parts_of(said, " · ") if isinstance(part, Text)] == ["training", "loss {loss}"]
    assert parts_of("training · loss 0.5", " · ") == ("training", "loss 0.5")
    assert parts_of("training", " · ") == ("training",)


def test_a_record_keeps_templates_and_values_beside_its_sentences():
    reason = text("it is seen from the side")
    said = note("face-left", "Face {number} stays as it is: {reason}.", number=2, reason=reason)

    record = packed({"notes": [said], "title": "train anna"})

    assert record == {
        "notes": ["Face 2 stays as it is: it is seen from the side."],
        "title": "train anna",
        "texts": {
            "Face 2 stays as it is: it is seen from the side.": {
                "code": "face-left",
                "template": "Face {number} stays as it is: {reason}.",
                "values": {"number": 2, "reason": {"text": "it is seen from the side"}},
            },
        },
    }


def test_a_record_gives_its_texts_back():
    said = note("face-left", "Face {number} stays: {reason}.", number=2, reason=text("it is small"))

    [found] = written({"notes": [said]})["notes"]

    assert isinstance(found, Text)
    assert (found, found.template, found.code, found.values["number"]) == (said, said.template, "face-left", 2)
    assert isinstance(found.values["reason"], Text)


def test_a_name_among_the_values_stays_a_name_even_if_it_is_a_text_as_well():
    said = text("Taken for {kind}. Say --engine {name}.", kind=text("drawings"), name="drawings")

    [found] = written({"notes": [said]})["notes"]

    assert isinstance(found.values["kind"], Text)
    assert not isinstance(found.values["name"], Text)


def test_a_record_without_texts_is_left_as_it_is():
    assert packed({"notes": ["ready"], "count": 2}) == {"notes": ["ready"], "count": 2}
    assert unpacked({"notes": ["ready"], "texts": "a text of its own"}) == {
        "notes": ["ready"],
        "texts": "a text of its own",
    }


def test_a_number_that_json_does_not_know_leaves_an_ordinary_sentence():
    said = text("loss {loss}", loss=float("nan"))

    assert packed({"phase": said}) == {"phase": "loss nan"}


@pytest.mark.parametrize(
    "entry",
    [
        {"template": "{name.__class__}", "values": {"name": "x"}},
        {"template": "{name[0]}", "values": {"name": "x"}},
        {"template": "{name:>1000000000}", "values": {"name": "x"}},
        {"template": "{name:{name}}", "values": {"name": "9"}},
        {"template": "{0}", "values": {"0": "x"}},
        {"template": "{name", "values": {"name": "x"}},
        {"template": "{other}", "values": {"name": "x"}},
        {"template": "another sentence", "values": {}},
        {"template": "{name}", "values": "x"},
        {"template": "The {name}.", "values": {"name": {"sentence": "sentence"}}},
        {"template": "The {name}.", "values": {"name": {"text": ["sentence"]}}},
        {"template": "The {name}.", "values": {"name": ["sentence"]}},
        {"template": 3, "values": {}},
        "x",
    ],
    ids=str,
)
def test_what_a_record_from_elsewhere_says_of_a_sentence_is_not_trusted(entry):
    """Templates of strangers put values in their places and do nothing else; what they make must be the sentence."""
    found = unpacked({"notes": ["The sentence."], "texts": {"The sentence.": entry}})

    assert found == {"notes": ["The sentence."]}
    assert not isinstance(found["notes"][0], Text)


def test_sentences_that_name_each_other_end():
    other = {"text": "The sentence."}
    texts = {"The sentence.": {"template": "{x}", "values": {"x": other}}}

    assert unpacked({"notes": ["The sentence."], "texts": texts}) == {"notes": ["The sentence."]}


def test_values_can_be_changed_without_the_words():
    said = text("{file} does not exist. {error}", file="/home/x/a.png", error=text("See {place}.", place="/tmp/b"))

    changed = said.mapped(lambda value: value.rpartition("/")[2])

    assert (changed, changed.template) == ("a.png does not exist. See b.", said.template)


def test_a_client_gets_every_text_by_its_sentence():
    said = note("few", "Only {kept} photos.", kept=3)

    assert texts_in({"notes": [said, "ready"]}) == {
        "Only 3 photos.": {"code": "few", "template": "Only {kept} photos.", "values": {"kept": 3}}
    }
