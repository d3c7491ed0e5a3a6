"""What the web UI's scripts failed at meanwhile. It swallows their exceptions, and keeps the last few on record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from easyphoto.webui.access import host_module

_LONGEST = 300


@dataclass(eq=False)
class Faults:
    """Remembers what is on record; `new` is what came since. The host keeps five records, and lets go of the oldest."""

    _before: list[Any] = field(default_factory=lambda: _records())

    def new(self) -> tuple[str, ...]:
        """One sentence for each exception, oldest first."""
        fresh = [record for record in _records() if not any(record is old for old in self._before)]
        return tuple(dict.fromkeys(map(_words, fresh)))


def _records() -> list[Any]:
    return list(getattr(host_module("errors"), "exception_records", ()))


def _words(record: Any) -> str:
    said = record.get("exception") if isinstance(record, dict) else record
    first = str(said or "an exception without words").strip().splitlines()[0]
    return first if len(first) <= _LONGEST else first[:_LONGEST] + "…"
