"""The words of a LoRA, as the 2023 extension keeps them."""

from __future__ import annotations

import pytest

from easyphoto.backends.lora_words import is_scene, lora_words, words_metadata


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("a castle, evening", ("a castle, evening",)),
        ("['a castle', \"a king's tower\"]", ("a castle", "a king's tower")),
        ('["a castle", "a tower, (dark:1.2)"]', ("a castle", "a tower, (dark:1.2)")),
        ("['it\\'s late',]", ("it's late",)),
        ("[castle], tower", ("[castle], tower",)),
        ("[castle]", ("[castle]",)),
        ("['castle', __import__('os')]", ("['castle', __import__('os')]",)),
        ("[" * 100_000, ("[" * 1000,)),
        ("a  castle\n", ("a castle",)),
        ("['', 'a castle']", ("a castle",)),
        ("[]", ()),
        ("", ()),
    ],
)
def test_prompts_are_read_in_every_spelling_and_never_executed(written: str, words: tuple[str, ...]) -> None:
    assert lora_words({"ep_prompt": written}) == words


def test_what_is_written_is_read_again() -> None:
    metadata = words_metadata("a room with a red sofa")

    assert metadata == {"ep_lora_version": "scene", "ep_prompt": "a room with a red sofa"}
    assert is_scene(metadata)
    assert lora_words(metadata) == ("a room with a red sofa",)


def test_other_loras_are_no_scenes() -> None:
    assert is_scene({"ep_lora_version": "scene"})
    assert not is_scene({})
    assert not is_scene({"ep_prompt": " "})
    assert lora_words({}) == ()


def test_a_tag_of_a_foreign_file_never_reaches_a_prompt() -> None:
    words = "a room <lora:evil:1> with ＜lora:wide:1＞ a sofa\u202e, <"

    assert lora_words({"ep_prompt": words}) == ("a room with a sofa",)
