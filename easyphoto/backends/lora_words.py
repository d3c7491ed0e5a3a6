"""The words that call what a LoRA was trained on, as the 2023 extension keeps them in the file's metadata.

It writes `ep_lora_version: scene` and `ep_prompt`: a text, or the captions of all photos as Python prints a list. JSON
is read as well.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from contextlib import suppress

from easyphoto.workspace.person_record import FACE, KINDS, SCENE
from easyphoto.workspace.prompt_words import plain_words

VERSION_KEY, WORDS_KEY = "ep_lora_version", "ep_prompt"
SCENE_VERSION = "scene"
KIND_KEY = "easyphoto_kind"
"""Our own: the 2023 extension has scenes alone."""
MOST_WORDS = 1000
"""Characters of one prompt; CLIP reads about 300 at a time."""
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_LIST = re.compile(rf"\[\s*(?:(?:{_QUOTED})\s*(?:,\s*|(?=\])))*\]", re.DOTALL)


def is_scene(metadata: Mapping[str, str]) -> bool:
    """Whether the 2023 extension would list the LoRA among its scenes."""
    return metadata.get(VERSION_KEY, "").startswith(SCENE_VERSION) or bool(metadata.get(WORDS_KEY, "").strip())


def kind_in(metadata: Mapping[str, str]) -> str | None:
    """What the file says that it shows, `scene` or `object`; None where it says nothing."""
    own = metadata.get(KIND_KEY)
    return own if own in KINDS and own != FACE else SCENE if is_scene(metadata) else None


def lora_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The prompts that the metadata proposes, one or several, without the tags that a web UI would carry out; empty
    where it has none."""
    written = metadata.get(WORDS_KEY, "").strip()
    return tuple(words for each in _texts(written) if (words := plain_words(each, most=MOST_WORDS)))


def words_metadata(words: str) -> dict[str, str]:
    """What a file needs so that the 2023 extension lists it among its scenes and proposes the words."""
    return {VERSION_KEY: SCENE_VERSION, WORDS_KEY: words}


def _texts(written: str) -> tuple[str, ...]:
    """The texts of a list, or the text itself where it is none: a prompt, too, may begin with a bracket."""
    if not _LIST.fullmatch(written):
        return (written,)
    # Nothing is nested in it, so neither reader can be led astray, and nothing is executed.
    with suppress(ValueError):
        return tuple(json.loads(written))
    with suppress(ValueError, SyntaxError):
        return tuple(ast.literal_eval(each) for each in re.findall(_QUOTED, written, re.DOTALL))
    return (written,)
