"""What a trial has seen, a row for each thing that it looked at, and how a row comes to its outcome."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PASSED, FAILED, NOT_TRIED = "passed", "FAILED", "not tried"
_LONGEST = 400


class NotAsExpected(Exception):
    """What was seen is not what a working EasyPhoto does."""


class NotTried(Exception):
    """What the picture shows cannot be seen here: with this checkpoint, these options, this web UI."""


def expect(holds: object, otherwise: str) -> None:
    if not holds:
        raise NotAsExpected(otherwise)


@dataclass(frozen=True)
class Row:
    part: str
    what: str
    outcome: str
    seen: str
    seconds: float


@dataclass
class Table:
    rows: list[Row] = field(default_factory=list)

    @contextmanager
    def row(self, part: str, what: str) -> Iterator[list[str]]:
        """The row of one look; what is appended to the list is what was seen. Goes on after a failure."""
        seen: list[str] = []
        began = time.monotonic()
        outcome = PASSED
        try:
            yield seen
        except NotTried as reason:
            outcome = NOT_TRIED
            seen.append(str(reason))
        except NotAsExpected as reason:
            outcome = FAILED
            seen.append(str(reason))
        except Exception as error:
            outcome = FAILED
            where = traceback.extract_tb(error.__traceback__)[-1]
            seen.append(f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})")
        row = Row(part, what, outcome, shortened("; ".join(seen)), time.monotonic() - began)
        self.rows.append(row)
        print(as_line(row), flush=True)

    def head(self) -> None:
        print("| part | what | outcome | seen | s |\n|---|---|---|---|--:|", flush=True)

    @property
    def has_failed(self) -> bool:
        return any(row.outcome == FAILED for row in self.rows)

    def summary(self) -> str:
        counts = {outcome: sum(row.outcome == outcome for row in self.rows) for outcome in (PASSED, FAILED, NOT_TRIED)}
        return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


def as_line(row: Row) -> str:
    return f"| {row.part} | {row.what} | {row.outcome} | {row.seen} | {row.seconds:.1f} |"


def shortened(text: str) -> str:
    plain = " ".join(text.replace("|", "/").split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
