"""The file lock: one process at a time holds a run, a person, a download or a scratch folder.

The package `filelock` does not serve: a web UI may hold any version of it, and older ones empty the file at each
attempt, which erases the holder's description, and on Windows lock the first byte, so that others cannot read it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from easyphoto.errors import DiskFailure, RunBusy
from easyphoto.messages import text
from easyphoto.storage.files import cause_of, is_same_file, make_folder, private_opener, try_lock

_SECONDS_BETWEEN_TRIES = 0.02


@contextmanager
def file_lock(path: Path, *, said: str = "", stays: bool = True, wait: float = 0.0) -> Iterator[None]:
    """Hold `path` locked. Blocks up to `wait` seconds; raises RunBusy where another holds it for longer, DiskFailure.

    The operating system's lock decides, not the file's existence: it ends with its process, so that a killed worker
    leaves nothing to clean up. The file holds the process's id, then `said`, for others to read. Without `stays` the
    file is removed with the lock, and its folder where that is then empty.
    """
    handle = _held(path, stays=stays, latest=time.monotonic() + wait)
    try:
        with suppress(OSError):  # the disk may be full, and the caller may be deleting
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} {said}".strip().encode())
        yield
    finally:
        try:
            # While the lock is held: a process that waits for it checks that the file still has that name.
            if not stays:
                _remove(path)
        finally:
            os.close(handle)
        if not stays and os.name == "nt":  # Windows cannot remove an open file
            _remove(path)


def _remove(path: Path) -> None:
    """Remove the file, and its folder where that is then empty."""
    with suppress(OSError):
        path.unlink()
        path.parent.rmdir()


def is_held(path: Path) -> bool:
    """Whether any process, including this one, holds the lock. Creates no file."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _taken(handle)
    finally:
        os.close(handle)


def words_of(path: Path) -> str:
    """The holder's description `said`; "" where it cannot be read."""
    try:
        return path.read_text("utf-8", "replace").partition(" ")[2]
    except OSError:
        return ""


def _held(path: Path, *, stays: bool, latest: float) -> int:
    while True:
        handle = _opened(path)
        try:
            if _taken(handle):
                # A file that does not stay may have been removed while it was being opened.
                if stays or is_same_file(handle, path):
                    return handle
            elif time.monotonic() >= latest:
                raise RunBusy(
                    text("Another process ({owner}) is using {name}.", owner=owner_of(path), name=path.parent.name),
                    advice=text("Wait until it is done, or stop it first."),
                )
            else:
                time.sleep(_SECONDS_BETWEEN_TRIES)
        except OSError as error:
            os.close(handle)
            raise DiskFailure(
                text("{path} cannot be locked: {cause}.", path=path, cause=cause_of(error)),
                advice=text("Keep it on a disk of this machine."),
            ) from error
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    try:
        for _ in range(5):
            with suppress(FileNotFoundError):  # another process has just removed the empty folder
                make_folder(path.parent)
                return private_opener(str(path), flags)
        return private_opener(str(path), flags)
    except OSError as error:
        raise DiskFailure(
            text("{path} cannot be made: {cause}.", path=path, cause=cause_of(error)),
            advice=text("Check the permissions of the folder."),
        ) from error


def _taken(handle: int) -> bool:
    """Whether the lock was acquired. Raises OSError on disks without locks, such as some network disks."""
    taken = try_lock(handle)
    return _is_byte_taken(handle) if taken is None else taken


def _is_byte_taken(handle: int) -> bool:
    """Whether the lock was acquired on Windows. It locks a byte far beyond the process id, which others must read."""
    import msvcrt

    try:
        os.lseek(handle, 4096, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        os.lseek(handle, 0, os.SEEK_SET)
    except OSError:
        return False
    return True


def owner_of(path: Path) -> str:
    """A description of the process that holds or held the lock."""
    try:
        return f"process {path.read_text('utf-8', 'replace').partition(' ')[0] or 'unknown'}"
    except OSError:
        return "process unknown"
