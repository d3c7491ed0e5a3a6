"""What the command line says: results on stdout, everything else on stderr, so that a script can read the last line."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

SECONDS_BETWEEN_LINES = 5.0


def say(text: str = "") -> None:
    """A line for the reader who asked for it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """A line beside the result: advice, warnings, progress in words."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class BarProgress:
    """A bar on a terminal; in a log, a line now and then. Ctrl-C interrupts by itself, so there is nothing to check."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._place = (0, 0)
        self._said = ("", 0.0)

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        if not sys.stderr.isatty():
            self._line(done, total, message)
            return
        if self._bar is None or total != self._place[1] or done < self._place[0]:
            self._start(total)
        self._place = (done, total)
        self._bar.set_description_str(message[:40], refresh=False)
        self._bar.update(done - self._bar.n)
        self._bar.refresh()

    def check(self) -> None:
        pass

    def close(self) -> None:
        """Take the bar off the screen, so that what follows stands on a line of its own."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _start(self, total: int) -> None:
        from tqdm import tqdm

        self.close()
        self._bar = tqdm(total=total, file=sys.stderr, leave=False, dynamic_ncols=True, unit="", unit_scale=False)

    def _line(self, done: int, total: int, message: str) -> None:
        last, when = self._said
        now = time.monotonic()
        if message != last and now - when >= SECONDS_BETWEEN_LINES:
            self._said = (message, now)
            tell(f"  {done}/{total} {message}")


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of a plain table, columns as wide as their longest cell, the last one free."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
