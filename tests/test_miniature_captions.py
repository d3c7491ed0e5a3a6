"""What the miniature's training says of its pictures (tools/miniature/captions.py)."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from easyphoto.drawings.ageing import aged
from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.scene import BACKGROUNDS, CLOTHES, sample_scene

TOOLS = str(Path(__file__).resolve().parents[1] / "tools" / "miniature")


@pytest.fixture(scope="module")
def captions() -> Any:
    sys.path.insert(0, TOOLS)
    try:
        return __import__("captions")
    finally:
        sys.path.remove(TOOLS)


@pytest.fixture(scope="module")
def tokenizer(captions: Any) -> Any:
    return sys.modules["words"].build_tokenizer()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("colour", "word"),
    [
        ((0.9, 0.1, 0.1), "red"), ((0.95, 0.55, 0.12), "orange"), ((0.96, 0.85, 0.2), "yellow"),
        ((0.16, 0.58, 0.24), "green"), ((0.1, 0.58, 0.58), "teal"), ((0.16, 0.32, 0.8), "blue"),
        ((0.48, 0.2, 0.66), "purple"), ((0.96, 0.62, 0.76), "pink"), ((0.42, 0.27, 0.16), "brown"),
        ((0.5, 0.5, 0.51), "grey"), ((0.96, 0.96, 0.95), "white"), ((0.07, 0.07, 0.08), "black"),
    ],
)  # fmt: skip
def test_colours_have_their_everyday_names(captions: Any, colour: tuple[float, float, float], word: str) -> None:
    assert captions.colour_word(colour) == word


def test_every_word_that_is_said_is_one_token(captions: Any, tokenizer: Any) -> None:
    words = set()
    for seed in range(150):
        person = aged(sample_identity(seed), 4 + seed % 80)
        scene = replace(sample_scene(seed, person), glasses=("", "glasses", "sunglasses")[seed % 3])
        said = captions.attributes(person, scene, 1.3 + seed % 5 / 5)
        words |= {word for each in said for way in each.ways for word in re.findall("[a-z]+", way)}
    assert {"child", "old", "glasses", "landscape", "teal"} < words
    assert [word for word in sorted(words) if len(tokenizer.tokenize(word)) != 1] == []


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("clothes", CLOTHES)
def test_captions_fit_into_the_text_encoder(captions: Any, tokenizer: Any, background: str, clothes: str) -> None:
    person = aged(sample_identity(3), 50)
    said = captions.attributes(person, replace(sample_scene(3, person), background=background, clothes=clothes), 2.0)
    made = [captions.make_caption(said, np.random.default_rng(number)) for number in range(200)]
    lengths = [len(tokenizer(caption).input_ids) for caption in made]
    assert np.mean([length <= 32 for length in lengths]) > 0.98
    assert 0.12 < np.mean([caption == sys.modules["networks"].TRIGGER for caption in made]) < 0.32
    assert 0.04 < np.mean([caption == "" for caption in made]) < 0.17


def test_a_plain_background_is_asked_for_by_its_colour(captions: Any) -> None:
    person = sample_identity(1)
    blue = ((0.16, 0.32, 0.80),) * 3
    scene = replace(sample_scene(1, person), background="plain", background_colours=blue)
    assert "blue background" in {way for each in captions.attributes(person, scene, 1.45) for way in each.ways}
    hills = replace(scene, background="landscape")
    assert "blue background" not in {way for each in captions.attributes(person, hills, 1.45) for way in each.ways}


def test_what_can_be_said_survives_json(captions: Any) -> None:
    person = sample_identity(1)
    said = captions.attributes(person, sample_scene(1, person), 1.45)
    assert captions.unpacked(captions.packed(said)) == said
