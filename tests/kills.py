"""A process that is killed, inside this one: at the chosen file operation it ends, and nothing of its is done any more.

`finally` and `except` still run here, as they do not in a process that is killed; therefore every later operation fails
too, until `restart`. Locks are given up, as the operating system does it. `tools/kill_trial.py` kills real processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod")
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FD_RELATIVE = -1


class Killed(BaseException):
    pass


@dataclass
class Operations:
    """What changes files below `root`; the one with the number `kill_at` (the first is 1) is not done."""

    root: str
    kill_at: int | None
    seen: list[str] = field(default_factory=list)
    is_dead: bool = False

    def heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._counts(event, arguments):
            return
        if not self.is_dead:
            self.seen.append(f"{event} {arguments[0]}")
            self.is_dead = len(self.seen) == self.kill_at
        if self.is_dead:
            raise Killed(self.seen[-1])

    def _counts(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            return self._is_ours(arguments[0]) and bool((arguments[2] or 0) & _WRITING)
        # Whole trees are emptied through descriptors, and their paths are bare names then.
        return event in _CHANGES and (arguments[-1] != _FD_RELATIVE or self._is_ours(arguments[0]))

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, (str, bytes, os.PathLike)) and os.path.abspath(os.fsdecode(path)).startswith(self.root)


_watching: list[Operations] = []
_installed: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for operations in _watching:
        operations.heard(event, arguments)


@contextmanager
def killed_at(root: Path, number: int | None) -> Iterator[Operations]:
    """Do the block until its operation of that number; leaving it is the restart."""
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    operations = Operations(str(root), number)
    _watching.append(operations)
    try:
        yield operations
    except Killed:
        pass
    finally:
        _watching.remove(operations)


def points_of(root: Path, work: Callable[[], object]) -> int:
    """How many operations the whole work takes."""
    with killed_at(root, None) as operations:
        work()
    return len(operations.seen)
