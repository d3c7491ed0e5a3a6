"""What a misspelt name may have meant: the same advice on the command line, over HTTP and in the tabs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from easyphoto.messages import Text, joined, text

MOST_MEANT, MOST_LISTED = 3, 20
LEAST_ALIKE = 0.6
"""difflib's measure; below it two names share little more than letters."""


def folded(written: str) -> str:
    """The text as titles are compared: without case, and however its accents and widths are written."""
    return " ".join(unicodedata.normalize("NFKC", written).casefold().split())


def nearest(written: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that look most like `written`, best first; case does not count, nor an option's hyphens."""
    from difflib import get_close_matches

    names = dict.fromkeys(known)
    lowered: dict[str, list[str]] = {}
    for name in names:
        lowered.setdefault(_compared(name), []).append(name)
    wanted = _compared(written)
    if wanted in lowered:
        return tuple(lowered[wanted])
    found = get_close_matches(wanted, lowered, n=MOST_MEANT, cutoff=LEAST_ALIKE)
    return tuple(name for each in found for name in lowered[each])[:MOST_MEANT]


def meant(written: str, known: Iterable[str], *, also: Mapping[str, str] | None = None) -> tuple[Text, ...]:
    """The question what was meant, or nothing where no known name is near.

    `also`: another name → the known name that it stands for.
    """
    others = also or {}
    found = dict.fromkeys(others.get(name, name) for name in nearest(written, (*known, *others)))
    if not found:
        return ()
    return (text("Did you mean {names}?", names=joined([_quoted(name) for name in found], " or ")),)


def known_names(written: str, known: Iterable[str], *, also: Mapping[str, str] | None = None) -> Text:
    """The advice beside "There is no …": what it may have meant, and what there is."""
    names = tuple(known)
    if not names:
        return text("There are none yet.")
    shown = ", ".join(names[:MOST_LISTED])
    more = len(names) - MOST_LISTED
    listed = text("Known: {names} and {count} more.", names=shown, count=more) if more > 0 else None
    return joined((*meant(written, names, also=also), listed or text("Known: {names}.", names=shown)), " ")


def _compared(name: str) -> str:
    return name.lower().lstrip("-")


def _quoted(name: str) -> str:
    """The name in quotation marks, which an option does not need."""
    return name if name.startswith("-") else repr(name)
