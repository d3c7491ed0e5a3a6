"""How long work tells its caller how far it is, and how the caller tells it to stop."""

from typing import Any, Protocol


class Cancelled(Exception):
    """The caller asked to stop. Outside the error tree, so that `except EasyPhotoError` does not eat it."""


class Progress(Protocol):
    """Passed as an argument to everything that takes longer than a second; never global."""

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        """Say that `done` of `total` parts are finished; `preview` is a PIL picture to show meanwhile."""
        ...

    def check(self) -> None:
        """Raise `Cancelled` where the caller has asked to stop."""
        ...


class NullProgress:
    """Nobody is watching and nobody will cancel."""

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        pass

    def check(self) -> None:
        pass
