"""Output: results go to stdout, everything else to stderr, so that a script can read the last line.

Beside results there are two kinds of lines: what --quiet leaves out (`tell`: progress, notes, advice), and errors and
questions, which are always shown (`complain`).
"""

from __future__ import annotations

import json
import logging
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from easyphoto.commands.base import NullContext
from easyphoto.progress import Progress
from easyphoto.storage.files import JOINERS

if TYPE_CHECKING:
    from easyphoto.inference.results import Photograph
    from easyphoto.training.events import Event

SECONDS_BETWEEN_LINES, SHARE_BETWEEN_LINES, MOST_SECONDS_SILENT = 5.0, 0.05, 30.0
"""In a log, a line of progress follows another after 5 s and 5 % of the work, or after 30 s: a training of an hour
gives some 120 lines."""


def say(text: str = "") -> None:
    """Print a line of the result."""
    _write_line(sys.stdout, visible(text))


def say_path(path: Path) -> None:
    """Print a result's path: the exact name for a script, escaped for a terminal like any other line."""
    _write_line(sys.stdout, visible(str(path)) if sys.stdout.isatty() else str(path))


def say_json(content: Mapping[str, Any]) -> None:
    """Print a result as JSON, for programs; in ASCII where the stream cannot hold every letter of a name."""
    for line in json.dumps(content, indent=2, ensure_ascii=not is_utf8(sys.stdout)).split("\n"):
        _write_line(sys.stdout, "".join(json.dumps(letter)[1:-1] if _is_obeyed(letter) else letter for letter in line))


def json_line(code: str, message: str, advice: str) -> str:
    """Return an error as one line of JSON, for programs."""
    said = {"code": code, "message": str(message), "advice": str(advice)}
    return json.dumps({"error": said}, ensure_ascii=False)


def is_utf8(stream: Any) -> bool:
    return (getattr(stream, "encoding", "") or "").lower().replace("-", "").replace("_", "") == "utf8"


def tell(text: str) -> None:
    """Print a line beside the result to stderr: advice, warnings, progress. With --quiet nothing."""
    if not isinstance(sys.stderr, Hushed):
        complain(text)


def complain(text: str) -> None:
    """Print an error or a question to stderr, with --quiet too."""
    _write_line(sys.stderr, visible(text))


class Hushed:
    """Standard error on which only errors and questions are shown."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def hushed(is_quiet: bool) -> Iterator[None]:
    """Leave out what --quiet leaves out while the context is open."""
    if not is_quiet:
        yield
        return
    log = logging.getLogger("easyphoto")
    before, level = sys.stderr, log.level
    sys.stderr = Hushed(before)
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        sys.stderr = before
        log.setLevel(level)


def visible(text: str) -> str:
    """Escape everything that a terminal would interpret instead of showing it, because file names may hold that.

    These are control characters, line ends, marks that change the direction of writing, and bytes that do not decode.
    """
    if text.isprintable():
        return text
    return "".join(_written_out(letter) if _is_obeyed(letter) else letter for letter in text)


def _is_obeyed(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") and letter not in JOINERS


def _written_out(letter: str) -> str:
    if letter < " ":
        return repr(letter)[1:-1]
    # The same escapes as JSON, which is printed through here too.
    return f"\\u{ord(letter):04x}" if letter <= "\uffff" else f"\\U{ord(letter):08x}"


class VisibleLog(logging.Formatter):
    """Formats log messages as visible lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return visible(super().formatMessage(record))


def _write_line(stream: TextIO, text: str) -> None:
    stream.write(f"{text}\n")
    stream.flush()


class BarProgress:
    """A progress bar on a terminal; elsewhere a line now and then. Ctrl-C interrupts by itself: `check`
    does nothing.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._place = (0, 0)
        self._said: _Said | None = None

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        if isinstance(sys.stderr, Hushed):
            return
        if not sys.stderr.isatty():
            self._line(done, total, message)
            return
        if self._bar is None or total != self._place[1] or done < self._place[0]:
            self._start(total)
        self._place = (done, total)
        self._bar.set_description_str(visible(message)[:40], refresh=False)
        self._bar.update(done - self._bar.n)
        self._bar.refresh()

    def check(self) -> None:
        pass

    def close(self) -> None:
        """Erase the bar, so that what follows has a line of its own."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _start(self, total: int) -> None:
        from tqdm import tqdm

        self.close()
        self._bar = tqdm(total=total, file=sys.stderr, leave=False, dynamic_ncols=True, unit="", unit_scale=False)

    def _line(self, done: int, total: int, message: str) -> None:
        now, last = time.monotonic(), self._said
        if last is None or last.is_over(done, total, message, now):
            self._said = _Said(done, total, message, now)
            tell(f"  {done}/{total} {message}" if total else f"  {message}")


@dataclass(frozen=True)
class _Said:
    """The last line of progress that stands in a log."""

    done: int
    total: int
    message: str
    when: float
    """In seconds."""

    def is_over(self, done: int, total: int, message: str, now: float) -> bool:
        """Whether the next line may follow: after a while, and as soon as something else is done."""
        silent = now - self.when
        if (done, total, message) == (self.done, self.total, self.message):
            return False
        is_other = total != self.total or done < self.done
        moved = is_other or (total > 0 and (done - self.done) / total >= SHARE_BETWEEN_LINES)
        return silent >= MOST_SECONDS_SILENT or (silent >= SECONDS_BETWEEN_LINES and moved)


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a plain table; columns are as wide as their longest cell, except the last."""
    lines = [headings, *(tuple(map(visible, row)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


class TerminalContext(NullContext):
    """Shows a progress bar, each note once as soon as it is known, and how a training fits into the memory."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._noted: set[str] = set()
        self._finished: list[Path] = []

    def note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            tell(f"Note: {text}")

    def training_event(self, event: Event) -> None:
        from easyphoto.training.events import MemoryPlanned

        if isinstance(event, MemoryPlanned):
            tell(event.text)

    def picture_finished(self, file: Path, template: Path, made: Photograph) -> None:
        self._finished.append(file)

    def tell_finished(self) -> None:
        """Name the pictures that are there although the command has ended early."""
        for file in self._finished:
            tell(f"Finished before: {file}")


@contextmanager
def telling() -> Iterator[TerminalContext]:
    with bar() as progress:
        context = TerminalContext(progress)
        try:
            yield context
        except BaseException:
            context.tell_finished()
            raise


@contextmanager
def bar() -> Iterator[BarProgress]:
    progress = BarProgress()
    try:
        yield progress
    finally:
        progress.close()
