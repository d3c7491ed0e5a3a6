"""Words that are kept for prompts: plain text, because a web UI carries out what stands between < and > in one."""

from __future__ import annotations

import re
import unicodedata

from easyphoto.errors import BadWords
from easyphoto.messages import text

MOST_WORDS = 300
"""Most characters of what describes a person, a scene or an object: about the 75 tokens that CLIP reads."""
_TAG = re.compile(r"[<＜][^<>＜＞]*[>＞]")
_TAGS = frozenset("<>＜＞")
"""`<lora:name:1>` loads a file there; the wide forms become these where a host normalises the text."""


def checked_words(written: str, *, most: int = MOST_WORDS) -> str:
    """The words on one line, with single spaces. Raises BadWords for tags, unprintable characters and too many."""
    words = " ".join(unicodedata.normalize("NFC", written).split()).strip(" ,")
    shown = words[:60]
    if len(words) > most:
        raise BadWords(
            text("The words “{words}…” have {count} characters.", words=shown, count=len(words)),
            advice=text("Use at most {most}.", most=most),
        )
    if not words.isprintable():
        raise BadWords(
            text("The words {words} contain characters that cannot be shown.", words=ascii(shown)),
            advice=text("Type them again."),
        )
    if _TAGS & set(words):
        raise BadWords(
            text("The words “{words}” contain < or >.", words=shown),
            advice=text("A web UI would load what stands between them: use plain words."),
        )
    return words


def plain_words(written: str, *, most: int) -> str:
    """What is left of a file's words without tags and what else `checked_words` refuses, at most `most` characters."""
    untagged = _TAG.sub(" ", unicodedata.normalize("NFC", written))
    kept = "".join(sign if sign.isprintable() and sign not in _TAGS else " " for sign in untagged)
    return " ".join(kept.split()).strip(" ,")[:most].strip(" ,")


def are_plain(words: str) -> bool:
    """Whether words of a record are as `checked_words` leaves them, of any length."""
    try:
        return checked_words(words, most=len(words)) == words
    except BadWords:
        return False
