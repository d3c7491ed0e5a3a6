"""What the web UI's scripts failed at meanwhile. It swallows their exceptions, and keeps the last few on record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from easyphoto.webui.host_modules import host_module

_LONGEST = 300


def _records() -> list[Any]:
    return list(getattr(host_module("errors"), "exception_records", ()))


@dataclass(eq=False)
class ScriptErrors:
    """Remembers what is on record; `new` is what came since. The host keeps five records, and lets go of the oldest."""

    _before: list[Any] = field(default_factory=_records)

    def new(self, about: str = "") -> tuple[str, ...]:
        """One sentence for each exception, oldest first; only those whose traceback names `about`, if any does."""
        fresh = [record for record in _records() if not any(record is old for old in self._before)]
        named = [record for record in fresh if about in str(record).lower()]
        return tuple(dict.fromkeys(map(_words, named or fresh)))


def _words(record: Any) -> str:
    said = record.get("exception") if isinstance(record, dict) else record
    first = (str(said or "").strip() or "an exception without words").splitlines()[0]
    return first if len(first) <= _LONGEST else first[:_LONGEST] + "…"
