"""The tool that tries pictures from words: which colours are asked for and found, and what its figures are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import words_trial
from word_trials.colours import (
    HUES,
    Change,
    Wish,
    changes,
    colour_wishes,
    mean_colours,
    palette_colour,
    place_colour,
    regions,
    tally,
)
from word_trials.people import FIRST_INDEX, judging_templates

from easyphoto.bench.persons import FIRST_PERSON
from easyphoto.faces.engine import Face, Part
from easyphoto.geometry import Box

POINTS = np.zeros((5, 2), np.float32)
FACE = Face(Box(30, 20, 70, 60), POINTS, 0.9)


@pytest.mark.parametrize(
    ("word", "colour"),
    [("red", (49, 24, 11)), ("green", (60, -31, 25)), ("blue", (43, 17, -33)), ("purple", (46, 29, -27))],
)
def test_a_colour_is_the_mean_of_what_the_renderer_makes_of_it(word, colour):
    assert palette_colour(word) == pytest.approx(colour, abs=1)


def test_a_place_has_the_mean_colour_of_its_backgrounds():
    assert place_colour("landscape") == pytest.approx((60, -11, 0), abs=1)
    assert place_colour("lights") == pytest.approx((34, 1, 5), abs=1)


def test_clothes_are_asked_for_in_another_colour_than_the_background():
    asked = [wish.words for wish in colour_wishes()]

    assert len(asked) == len(HUES)
    assert asked[0] == "red background, blue sweater"
    assert all(words.split()[0] != words.split()[2] for words in asked)


def test_the_background_is_what_lies_above_the_chin():
    labels = np.full((100, 100), Part.BACKGROUND, np.uint8)
    labels[20:60, 30:70] = Part.SKIN
    labels[80:, :] = Part.CLOTHES

    found = regions(labels, FACE)

    assert found["background"].sum() == 60 * 100 - 40 * 40
    assert found["clothes"].sum() == 20 * 100


def test_clothes_of_a_few_pixels_are_none():
    labels = np.full((100, 100), Part.BACKGROUND, np.uint8)
    labels[99, :49] = Part.CLOTHES

    assert list(regions(labels, FACE)) == ["background"]


def test_a_region_is_nearer_if_its_mean_colour_is():
    grey, blue = np.full((10, 10, 3), 119, np.uint8), np.full((10, 10, 3), (40, 90, 200), np.uint8)
    whole = {"background": np.ones((10, 10), bool)}
    wish = Wish("blue background, red sweater", {name: palette_colour("blue") for name in ("background", "clothes")})

    found = changes(wish, mean_colours(blue, whole), mean_colours(grey, whole))

    assert [(change.region, change.word, change.nearer) for change in found] == [
        ("background", "blue background, red sweater", True)
    ]
    assert changes(wish, mean_colours(grey, whole), mean_colours(blue, whole))[0].nearer is False


def test_regions_are_counted_apart():
    found = [
        Change("background", "a", 10.0, 14.0), Change("background", "b", 12.0, 11.0), Change("clothes", "a", 5.0, 5.0)
    ]  # fmt: skip

    assert tally(found) == {
        "background": {"nearer": 1, "of": 2, "gained": 1.5}, "clothes": {"nearer": 0, "of": 1, "gained": 0.0}
    }  # fmt: skip


def test_a_picture_without_a_face_is_not_usable_and_counts_in_no_likeness():
    made = [[portrait(0.5, 1), portrait(0.7, 3)], [portrait(0.3, 1), portrait(None, 0, "NoFaceFound: none")]]

    found = words_trial.summary(made, [[0.6, 0.6], [0.4, None]])

    assert (found["usable"], found["pictures"], found["tries"]) == (3, 4, [1, 3, 1, 0])
    assert found["errors"] == ["NoFaceFound: none"]
    assert (found["likeness"]["from words"], found["likeness"]["on templates"]) == (0.5, 0.5333)
    # Both persons' differences: 0.6 − 0.6 and 0.3 − 0.4.
    assert found["likeness"]["difference"] == [-0.05, -0.1, 0.0]


def test_nobody_of_the_trial_is_known_elsewhere():
    """Networks were trained on identities below 1,000,000, benches and templates use those up to 5,000,000."""
    assert FIRST_PERSON + FIRST_INDEX == 8_500_000


def test_templates_to_compare_with_have_one_face_and_chose_no_checkpoint():
    assert [file.name for file in judging_templates(4)] == [
        "01-lights.png", "02-landscape.png", "03-room.png", "01-lights.png"
    ]  # fmt: skip


def portrait(cosine: float | None, tries: int, said: str = "") -> words_trial.Portrait:
    file = Path("x.png") if cosine is not None else None
    return words_trial.Portrait("words", file, file, cosine, tries, said)
