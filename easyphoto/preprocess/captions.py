"""Captions in text files beside the photos, as kohya's trainer and taggers write them: `a.txt` for `a.jpg`."""

from __future__ import annotations

import codecs
import os
from contextlib import suppress
from pathlib import Path

from easyphoto.errors import InputError
from easyphoto.storage.files import open_regular

SUFFIXES = (".txt", ".caption")
# Text encoders read 77 tokens, at most a few hundred letters; this leaves room for letters of three bytes.
_MOST_BYTES = 4000


def caption_file(photo: Path) -> Path | None:
    """The file with the photo's caption; None where there is none."""
    places = [place for suffix in SUFFIXES for place in (photo.with_suffix(suffix), Path(f"{photo}{suffix}"))]
    # A name that is too long is no file either: pathlib would raise.
    return next((place for place in places if os.path.isfile(place)), None) if photo.suffix not in SUFFIXES else None


def caption_beside(photo: Path) -> str | None:
    """The first line of the photo's caption; None where there is none, or none in UTF-8 or UTF-16."""
    place = caption_file(photo)
    if place is None:
        return None
    with suppress(OSError, InputError, UnicodeError), open_regular(place) as stream:
        lines = _decoded(stream.read(_MOST_BYTES)).splitlines()
        words = (" ".join("".join(filter(str.isprintable, line)).split()) for line in lines)
        return next(filter(None, words), None)
    return None


def _decoded(content: bytes) -> str:
    """UTF-8, or Windows' "Unicode" with its mark. Raises UnicodeError for another encoding, which nobody can know."""
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    # Of a long file the last letter may be cut off.
    return codecs.getincrementaldecoder(encoding)().decode(content, final=len(content) < _MOST_BYTES)
