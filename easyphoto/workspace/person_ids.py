"""Makes an id from a person's name, which may be in any script: the same id for the same name on every machine."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from easyphoto.errors import BadName
from easyphoto.messages import text

ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Windows opens a device, not a file, under these names.
RESERVED_IDS = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)
LONGEST = 64
"""Most characters of a name that becomes an id."""
_DIGITS = 8
_WORD = "person"
"""What stands in the id of a name without Latin letters."""


def checked_id(written: str) -> str:
    """`written` as a person's id: at most 64 lower-case letters, digits, `_` and `-`. Raises BadName otherwise."""
    candidate = written.strip().lower()
    if not ID_PATTERN.fullmatch(candidate) or candidate in RESERVED_IDS:
        raise BadName(
            text("{name!r} cannot be a person's id.", name=written),
            advice=text("Use 1 to 64 letters a-z, digits, _ and -, beginning with a letter or digit."),
        )
    return candidate


def id_for(name: str) -> str:
    """The id of a person of that name: the name itself where it is one, else made from its letters.

    `Anna Schmidt` becomes `anna-schmidt`. Where letters are lost, a hash of the name tells it from others: `José`
    becomes `jose-` and eight digits, `张伟` `person-` and eight digits. Raises BadName for a path, and for what is no
    name of 1 to 64 characters on one line.
    """
    whole = same_name(name)
    if not any(map(str.isalnum, whole)) or len(whole) > LONGEST:
        raise BadName(
            text("{name!r} cannot be a person's name.", name=name[:LONGEST]),
            advice=text("Give a name of 1 to 64 characters, in any script, with a letter or digit in it."),
        )
    if ID_PATTERN.fullmatch(whole) or whole in RESERVED_IDS or not _is_name(name.strip()):
        return checked_id(name)
    latin = unicodedata.normalize("NFKD", whole).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", latin).strip("-")
    if whole.isascii():
        return checked_id(slug)
    digits = hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS]
    return f"{slug[: LONGEST - _DIGITS - 1].strip('-') or _WORD}-{digits}"


def same_name(name: str) -> str:
    """The name in the form in which two are compared: without case, and however its accents are written."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).split())


def _is_name(name: str) -> bool:
    is_line = len(name) <= LONGEST and name.isprintable() and any(map(str.isalpha, name))
    return is_line and name[0].isalnum() and not re.search(r"[/\\:]", name)
