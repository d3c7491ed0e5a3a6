"""Captions in text files beside the photos, as kohya's trainer and taggers write them: `a.txt` for `a.jpg`."""

from __future__ import annotations

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
    """The first line of the photo's caption; None where there is none, or none that can be read."""
    place = caption_file(photo)
    if place is None:
        return None
    with suppress(OSError, InputError), open_regular(place) as stream:
        lines = stream.read(_MOST_BYTES).decode("utf-8-sig", "replace").splitlines()
        words = (" ".join("".join(filter(str.isprintable, line)).split()) for line in lines)
        return next(filter(None, words), None)
    return None
