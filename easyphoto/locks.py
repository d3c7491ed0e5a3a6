"""One process at a time holds a run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from easyphoto.errors import DiskFailure, RunBusy
from easyphoto.files import cause_of, make_folder, private_opener


@contextmanager
def file_lock(path: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Hold `path` locked; raises RunBusy where another process does, and goes on doing so for `wait` seconds.

    The operating system's lock, not the file's existence, decides: it ends with its process, so a killed worker leaves
    nothing that would have to be cleared.
    """
    try:
        make_folder(path.parent)
        handle = private_opener(str(path), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise DiskFailure(
            f"{path} cannot be made: {cause_of(error)}.", advice="Check the rights of the folder."
        ) from error
    try:
        latest = time.monotonic() + wait
        while not (is_taken := _taken(handle)) and time.monotonic() < latest:
            time.sleep(0.1)
        if not is_taken:
            raise RunBusy(
                f"Another process ({_owner(path)}) works on {path.parent.name}.",
                advice="Wait until it is done, or stop it first.",
            )
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        # The file stays: removing it would let two later comers lock two different files of one name.
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        try:
            # Far beyond the process id, which others must be able to read.
            os.lseek(handle, 4096, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            os.lseek(handle, 0, os.SEEK_SET)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(path: Path) -> str:
    try:
        return f"process {path.read_text().strip() or 'unknown'}"
    except OSError:
        return "process unknown"
