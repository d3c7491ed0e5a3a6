"""Work in a forked child: ended in time, its memory measured, its output kept, killed at a chosen file operation.

A fork of a process that has imported everything starts in milliseconds, and dies as a real process does.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
# What a child may take above its start: a fault must not end the other processes of the machine.
_MOST_MEMORY = 5 << 30
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# `os.replace` announces itself as os.rename, `shutil.rmtree` by os.remove and os.rmdir in an open folder.
CHANGES = {
    "os.rename": (0, 1), "os.remove": (0,), "os.rmdir": (0,), "os.mkdir": (0,), "os.link": (1,), "os.symlink": (1,),
    "os.truncate": (0,), "os.chmod": (0,), "os.chown": (0,), "os.utime": (0,), "open": (0,),
}  # fmt: skip
"""Audit event → which of its arguments are the paths that it changes."""
_FOLDER_HANDLES = {"os.remove": 1, "os.rmdir": 1, "os.mkdir": 2, "os.chmod": 2, "os.utime": 3, "os.rename": 2}


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    value: Any = None
    fault: str = ""
    """The traceback of what it raised."""
    signal: int = 0
    hung: str = ""
    """Where it stood when its time was over."""
    output: str = ""
    peak: int = 0
    """Bytes of memory above those at its start."""
    seconds: float = 0.0


def forked(work: Callable[[], T], *, seconds: float = 60.0) -> Ended:
    """What `work` returns, from a child of its own that has at most so long; what it started is ended with it."""
    began = time.monotonic()
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as standing:
        child = os.fork()
        if child == 0:
            os.close(reading)
            _do(work, writing, output.fileno(), standing)
        os.close(writing)
        answer, is_hung = _read(reading, child, seconds)
        if is_hung:
            os.kill(child, signal.SIGUSR1)
            time.sleep(0.3)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        value, fault, start = pickle.loads(answer) if answer and not is_hung else (None, "", 0)
        return Ended(
            value, fault, 0 if is_hung or answer else os.WTERMSIG(status), _text(standing) or "?" if is_hung else "",
            _text(output), max(0, used.ru_maxrss * 1024 - start) if start else 0, time.monotonic() - began,
        )  # fmt: skip


def _do(work: Callable[[], Any], writing: int, output: int, standing: Any) -> None:
    """In the child; never returns."""
    os.setpgid(0, 0)
    faulthandler.register(signal.SIGUSR1, file=standing, all_threads=True)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + _MOST_MEMORY, resource.RLIM_INFINITY))
    value, fault = None, ""
    try:
        value = work()
    except BaseException:
        fault = traceback.format_exc()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    with os.fdopen(writing, "wb") as stream:
        stream.write(pickle.dumps((value, fault, start)))
    os._exit(0)


def _read(reading: int, child: int, seconds: float) -> tuple[bytes, bool]:
    """What the child says before its end, and whether its time was over: so long worked, or waited.

    On a machine that others use a child that works is given more time.
    """
    parts, began, worked = [], time.monotonic(), 0.0
    with os.fdopen(reading, "rb", buffering=0) as stream:
        while True:
            ready, _, _ = select.select([stream], [], [], seconds if not worked else 2.0)
            if not ready:
                before, worked = worked, _processor_seconds(child)
                is_waiting = worked - before < 0.02
                if worked >= seconds or is_waiting or time.monotonic() - began > 10 * seconds:
                    return b"", True
                continue
            part = stream.read(1 << 16)
            if not part:
                return b"".join(parts), False
            parts.append(part)


def _processor_seconds(child: int) -> float:
    fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _text(stream: Any) -> str:
    stream.seek(0)
    return str(stream.read().decode("utf-8", "replace"))


class FileOperations:
    """Counts what changes files below `root` in this process; at number `kill_at` the process dies, before the
    operation or right after it. What C libraries write by themselves (OpenCV, safetensors) is not seen."""

    def __init__(self, root: Path, *, kill_at: int = 0, after: bool = False) -> None:
        self._root, self._kill_at, self._after = f"{root.resolve()}{os.sep}", kill_at, after
        self.seen: list[str] = []
        self._is_on = True
        sys.addaudithook(self._hear)

    def stop(self) -> None:
        """Hooks stay for a process's life."""
        self._is_on = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on or event not in CHANGES:
            return
        changed = next((path for path in changed_paths(event, arguments) if path.startswith(self._root)), None)
        if changed is None:
            return
        self.seen.append(f"{event} {changed.removeprefix(self._root)}")
        if len(self.seen) == self._kill_at:
            if self._after:
                sys.setprofile(self._die)
            else:
                os.kill(os.getpid(), signal.SIGKILL)

    def _die(self, frame: Any, event: str, argument: Any) -> None:
        # What is still inside the hook comes before the operation.
        if frame.f_code is not FileOperations._hear.__code__:
            os.kill(os.getpid(), signal.SIGKILL)


def changed_paths(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """The absolute paths that an audit event changes; none where it only reads."""
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
        return []
    handle = arguments[_FOLDER_HANDLES[event]] if event in _FOLDER_HANDLES else -1
    return [_absolute(arguments[place], handle) for place in CHANGES[event]]


def _absolute(path: Any, folder: Any) -> str:
    if isinstance(path, int):
        return _of_handle(path)
    text = os.fsdecode(path)
    if os.path.isabs(text):
        return os.path.normpath(text)
    base = _of_handle(folder) if isinstance(folder, int) and folder >= 0 else os.getcwd()
    return os.path.normpath(os.path.join(base, text))


def _of_handle(handle: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{handle}")
    except OSError:
        return ""
