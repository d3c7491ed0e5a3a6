"""How long-running work reports progress to its caller, and how the caller cancels it."""

from typing import Any, Protocol


class Cancelled(Exception):
    """The caller asked to stop. It is outside the error tree so that `except EasyPhotoError` does not catch it."""


class Progress(Protocol):
    """Passed as an argument to every function that takes longer than a second; never a global."""

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        """Report that `done` of `total` parts are finished; `preview` is a PIL image to show meanwhile."""
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
