"""One process at a time holds a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from easyphoto.errors import DiskFailure, RunBusy


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold `path` locked; raises RunBusy where another process does.

    The operating system's lock, not the file's existence, decides: it ends with its process, so a killed worker leaves
    nothing that would have to be cleared.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DiskFailure(f"{path} cannot be made: {error}.", advice="Check the rights of the folder.") from error
    try:
        if not _taken(handle):
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
