"""What a process reaches for: files outside its own place, other programs, the network."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trials.forks import CHANGES, changed_paths

_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
_NETWORK = ("socket.connect", "socket.sendto", "urllib.Request")


class Fence:
    """Notes what this process changes outside `places`, reads of `secret`, starts, or connects to."""

    def __init__(self, places: Sequence[Path], secret: Path | None) -> None:
        self._places = (*(str(place.resolve()) for place in places), "/dev/", "/proc/")
        self._secret = str(secret.resolve()) if secret is not None else None
        self.crossed: list[str] = []
        self._busy = threading.local()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if getattr(self._busy, "on", False):
            return
        self._busy.on = True
        try:
            # Python's own `platform` asks for it, where a report of a fault is written.
            if event in _PROGRAMS and arguments[0] != "uname":
                self.crossed.append(f"program {arguments[0]!r}")
            elif event in _NETWORK and not _is_own(arguments):
                self.crossed.append(f"network {arguments[-1]!r}")
            elif event == "open" and self._is_secret(arguments[0]):
                self.crossed.append(f"reads {arguments[0]}")
            elif event in CHANGES:
                self.crossed += [
                    f"{event} {path}" for path in changed_paths(event, arguments) if self._is_outside(path)
                ]
        finally:
            self._busy.on = False

    def _is_secret(self, path: Any) -> bool:
        if self._secret is None or not isinstance(path, (str, bytes, os.PathLike)):
            return False
        return os.path.realpath(os.fsdecode(path)) == self._secret

    def _is_outside(self, path: str) -> bool:
        return bool(path) and not os.path.realpath(path).startswith(self._places)


def _is_own(arguments: tuple[Any, ...]) -> bool:
    """What threads of this process say to each other."""
    address = arguments[-1]
    return isinstance(address, tuple) and address[:1] in (("127.0.0.1",), ("::1",))
