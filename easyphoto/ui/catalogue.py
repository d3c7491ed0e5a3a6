"""Translation catalogues: PO files, which gettext's tools edit and check."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "locale"


@dataclass(frozen=True)
class CatalogueEntry:
    text: str
    """The English template."""
    said: str
    """Its translation; "" if there is none yet."""
    comments: tuple[str, ...] = ()
    """Whole lines with their `#` markers."""


def catalogue_file(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "easyphoto.po"


def catalogue(language: str) -> Mapping[str, str]:
    """Return template → translation for everything translated."""
    content = catalogue_file(language).read_text("utf-8")
    return {entry.text: entry.said for entry in entries(content) if entry.text and entry.said}


def entries(content: str) -> Iterator[CatalogueEntry]:
    """Yield the entries of a PO file, its header first.

    Raises ValueError for plural forms and contexts, which our catalogues do not use.
    """
    for block in content.split("\n\n"):
        comments: list[str] = []
        found = {"msgid": "", "msgstr": ""}
        current = ""
        for line in block.splitlines():
            if line.startswith("#"):
                comments.append(line)
                continue
            keyword, _, quoted = line.partition(" ") if not line.startswith('"') else (current, "", line)
            if keyword not in found:
                raise ValueError(f"{line!r} is not known in a catalogue.")
            current = keyword
            found[keyword] += ast.literal_eval(quoted)
        if current:
            yield CatalogueEntry(found["msgid"], found["msgstr"], tuple(comments))
