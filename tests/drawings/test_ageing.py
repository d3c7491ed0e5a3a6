"""Laws of a drawn person's age, and of what they wear on the nose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from easyphoto.drawings.ageing import aged
from easyphoto.drawings.identity import AGE_WORDS, sample_identity
from easyphoto.drawings.renderer import PARTS, draw
from easyphoto.drawings.scene import sample_scene

SEEDS = range(8)


def test_nobody_has_an_age_unless_it_is_asked_for() -> None:
    person = sample_identity(3)
    assert person.age is None
    assert not set(person.words().split(", ")) & set(AGE_WORDS)


@pytest.mark.parametrize(
    ("age", "word"), [(4, "child"), (12.9, "child"), (13, "young"), (25, "adult"), (45, "middle aged"), (60, "old")]
)
def test_captions_say_the_age(age: float, word: str) -> None:
    assert aged(sample_identity(3), age).words().split(", ")[-1] == word


@pytest.mark.parametrize("age", [3.9, 90.1])
def test_an_age_beyond_the_known_ones_is_refused(age: float) -> None:
    with pytest.raises(ValueError, match="4 to 90"):
        aged(sample_identity(3), age)


def test_years_are_given_once() -> None:
    with pytest.raises(ValueError, match="30 years old already"):
        aged(aged(sample_identity(3), 30), 60)


@pytest.mark.parametrize("seed", SEEDS)
def test_from_twenty_four_to_thirty_six_nothing_of_the_picture_changes(seed: int) -> None:
    person = sample_identity(seed)
    scene = sample_scene(seed, person)
    drawings = [draw(each, scene, 256).image for each in (person, aged(person, 24), aged(person, 36))]
    assert np.array_equal(drawings[0], drawings[1])
    assert np.array_equal(drawings[0], drawings[2])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_child_has_larger_eyes_in_a_shorter_face_and_the_old_have_heavier_lids(seed: int) -> None:
    child, adult, old = (aged(sample_identity(seed), age) for age in (5, 30, 80))
    assert child.eye_size >= adult.eye_size
    assert child.chin_length < 0.85 * adult.chin_length
    assert child.nose_length < adult.nose_length < old.nose_length
    assert old.eye_open < adult.eye_open < child.eye_open
    assert child.beard == 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_hair_turns_white(seed: int) -> None:
    assert np.ptp(aged(sample_identity(seed), 80).hair) < 0.05
    assert aged(sample_identity(seed), 42).hair == sample_identity(seed).hair


@pytest.mark.parametrize("age", [4, 15, 50, 90])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_age_has_all_parts_where_its_points_say(seed: int, age: float) -> None:
    person = aged(sample_identity(seed), age)
    drawing = draw(person, sample_scene(seed, person), 512)
    points = np.rint(drawing.faces[0].points).astype(int)
    assert [PARTS[drawing.parts[y, x]] for x, y in points[:3]] == ["eyes", "eyes", "nose"]
    left, top, right, bottom = drawing.faces[0].box
    assert np.all((drawing.faces[0].points > (left, top)) & (drawing.faces[0].points < (right, bottom)))


@pytest.mark.parametrize("kind", ["glasses", "sunglasses"])
@pytest.mark.parametrize("seed", SEEDS)
def test_glasses_change_the_eyes_and_nothing_beyond_the_head(seed: int, kind: str) -> None:
    person = sample_identity(seed)
    scene = sample_scene(seed, person)
    assert scene.glasses == ""
    bare, worn = draw(person, scene, 256), draw(person, replace(scene, glasses=kind), 256)
    assert replace(scene, glasses=kind).words().split(", ")[-1] == kind
    changed = (bare.image != worn.image).any(2)
    assert changed[bare.parts == PARTS.index("eyes")].any()
    outside = np.isin(bare.parts, [PARTS.index(name) for name in ("clothes", "mouth")])
    assert changed[outside].mean() < 0.02
