"""Words that describe a person: what is proposed from their photos, and what somebody says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.architectures.registry import FAMILIES
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.errors import BadRecord, BadWords, UnknownPerson
from easyphoto.faces.engine import Part, Worn
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from easyphoto.persons.own_words import change_words, proposed_words
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import PERSON_FILE
from tests.fakes import FakeEngine, face_at, new_person

BLACK, GREY, WHITE = (23, 20, 26), (148, 148, 153), (224, 222, 217)
GLASSES, HAT = frozenset({Worn.GLASSES}), frozenset({Worn.HAT})


@dataclass
class Seeing(FakeEngine):
    """Sees on each picture what it is told."""

    things: dict[int, frozenset[Worn]] = field(default_factory=dict)

    def worn(self, picture, face):
        return self.things.get(id(picture), frozenset())


def seen(*pictures, outlines=True):
    """Faces with hair of a colour each, and the engine that knows what is worn there."""
    faces, things = [], {}
    for colour, worn in pictures:
        picture = Image.new("RGB", (100, 120), (230, 180, 150))
        labels = np.zeros((120, 100), np.uint8)
        labels[50:110, 20:80] = Part.SKIN
        if colour is not None:
            labels[10:50, 20:80] = Part.HAIR
            picture.paste(colour, (20, 10, 80, 50))
        faces.append((picture, face_at(Box(20, 10, 80, 110)), labels))
        things[id(picture)] = worn
    return faces, Seeing(outlines=outlines, things=things)


NONE: frozenset[Worn] = frozenset()


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ([(BLACK, NONE)], "black hair"),
        ([(GREY, GLASSES)] * 3, "grey hair, glasses"),
        ([(BLACK, NONE)] * 2 + [(GREY, GLASSES)], "black hair"),
        ([(BLACK, NONE), (GREY, GLASSES)], ""),
        ([(None, NONE)] * 3, "bald"),
        ([(None, GLASSES)] * 2, "bald, glasses"),
        # Under a hat nobody's hair is seen.
        ([(None, HAT)] * 3, ""),
        ([(BLACK, HAT)] * 2 + [(WHITE, NONE)] * 3, "white hair"),
        ([(BLACK, HAT)] * 3 + [(WHITE, NONE)] * 2, ""),
        ([], ""),
    ],
)
def test_what_more_than_half_of_the_pictures_show_is_proposed(pictures, words):
    proposal = proposed_words(*seen(*pictures))

    assert (proposal.words, proposal.notes) == (words, ())


def test_where_the_parser_knows_no_outlines_nothing_is_proposed_and_that_is_said():
    proposal = proposed_words(*seen((BLACK, GLASSES), outlines=False))

    assert proposal.words == ""
    assert [note.code for note in proposal.notes] == ["words-not-proposed"]


def test_an_engine_that_cannot_tell_what_is_worn_still_tells_the_hair():
    faces, _ = seen((GREY, NONE), (GREY, NONE))

    assert proposed_words(faces, FakeEngine(wears=None)).words == "grey hair"


def test_the_hair_of_drawn_people_is_named_as_it_was_drawn():
    pytest.importorskip("torch")
    from easyphoto.faces.drawn_engine import DrawnEngine

    engine = DrawnEngine(FAMILIES["miniature"].folder / "faces")
    right = 0
    for number in range(12):
        identity = sample_identity(920_000 + number)
        scene = sample_scene(number, identity, framing="portrait")
        picture = as_picture(draw(identity, scene, 384).image)
        face = engine.detect(picture)[0]
        words = proposed_words([(picture, face, engine.parse(picture, face))], engine).words
        drawn = scene.words().split(",")[0].removesuffix(f" {scene.hair_form} hair")
        right += words == ("bald" if scene.hair_form == "bald" else f"{drawn} hair")

    assert right >= 11


def test_words_are_kept_and_answer_a_proposal(tmp_path: Path):
    workspace = Workspace(tmp_path)
    anna = new_person(workspace, "anna")
    workspace.save_person(replace(anna, proposed_words="brown hair"))

    changed = change_words(workspace, "anna", "  grey hair,\n glasses, ")

    assert (changed.words, changed.proposed_words) == ("grey hair, glasses", "")
    assert workspace.person("anna") == changed
    assert change_words(workspace, "anna", "").words == ""


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("grey hair <lora:other:1>", "contain < or >"),
        ("\uff1clora:other:1\uff1e", "contain < or >"),
        ("x" * 301, "have 301 characters"),
        ("grey\x07hair", "cannot be shown"),
        ("grey\u202ehair", "cannot be shown"),
    ],
)
def test_words_that_a_web_ui_would_carry_out_or_nobody_can_read_are_refused(tmp_path: Path, words, why):
    workspace = Workspace(tmp_path)
    before = new_person(workspace, "anna")

    with pytest.raises(BadWords, match=why):
        change_words(workspace, "anna", words)

    assert workspace.person("anna") == before


def test_words_of_nobody_are_refused(tmp_path: Path):
    with pytest.raises(UnknownPerson):
        change_words(Workspace(tmp_path), "anna", "glasses")


@pytest.mark.parametrize("key", ["words", "proposed_words"])
def test_a_record_from_elsewhere_cannot_bring_a_tag_into_a_prompt(tmp_path: Path, key):
    workspace = Workspace(tmp_path)
    new_person(workspace, "anna")
    file = workspace.person_folder("anna") / PERSON_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), key: "<lora:other:1>"}))

    with pytest.raises(BadRecord, match="its words are no plain text"):
        workspace.person("anna")
    assert [one.id for one in workspace.damaged_persons()] == ["anna"]
