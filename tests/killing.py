"""A process that is killed at one of its file operations: it does neither that nor a later one, clean-ups included."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

OPERATIONS = ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "open", "chmod", "symlink", "utime", "fsync")


class Killed(BaseException):
    pass


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Whether `work` was killed at its operation of that number, from 1; False where it has fewer and was done."""
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **words: Any) -> Any:
            nonlocal count
            count += 1
            if count >= number:
                raise Killed
            return real(*arguments, **words)

        return called

    with pytest.MonkeyPatch.context() as patch:
        for name in OPERATIONS:
            patch.setattr(os, name, counted(getattr(os, name)))
        try:
            work()
        except Killed:
            return True
    return count >= number
