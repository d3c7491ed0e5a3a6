"""How long-running work reports progress to its caller, and how the caller cancels it."""

from dataclasses import dataclass
from typing import Any, Protocol

SHARE = 100
"""What each part counts where several are one after another."""


class Cancelled(Exception):
    """The caller asked to stop. It is outside the error tree so that `except EasyPhotoError` does not catch it."""


class Progress(Protocol):
    """Passed as an argument to every function that takes longer than a second; never a global."""

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        """Report that `done` of `total` parts are finished; `preview` is a PIL image to show meanwhile, or makes one.

        What makes one is called during this call or not at all: most previews are shown to nobody, and making one waits
        for the device.
        """
        ...

    def check(self) -> None:
        """Raise `Cancelled` if the caller has asked to stop."""
        ...


class NullProgress:
    """A progress that shows nothing and never cancels."""

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        pass

    def check(self) -> None:
        pass


@dataclass(frozen=True)
class TurnProgress:
    """The progress of one of several parts that are done one after another, and count from 0 each."""

    whole: Progress
    turn: int
    """From 0."""
    turns: int

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        if self.turns == 1:
            self.whole.step(done, total, message, preview=preview)
            return
        # Every part has the same share, because how much the next ones are is not known yet.
        share = round(SHARE * done / total) if total else 0
        self.whole.step(self.turn * SHARE + share, self.turns * SHARE, message, preview=preview)

    def check(self) -> None:
        self.whole.check()
