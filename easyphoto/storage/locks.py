"""The file lock: one process at a time holds a run, a person, a download, a folder of passing things.

Not the package `filelock`, of which a web UI may hold any version: each try of an older one empties the file, in which
the holder says who they are, and on Windows it locks the first byte, so that nobody else can read that.
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
    """Hold `path` locked; raises RunBusy where another holds it for longer than `wait` seconds, and DiskFailure.

    The operating system's lock, not the file's existence, decides: it ends with its process, so a killed worker leaves
    nothing that would have to be cleared. The file holds the process's id, then `said`, for others to read.
    Without `stays` the file is removed with the lock, and its folder where that is empty then.
    """
    handle = _held(path, stays=stays, latest=time.monotonic() + wait)
    try:
        with suppress(OSError):  # a full disk, from which somebody wants to delete
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} {said}".strip().encode())
        yield
    finally:
        try:
            # While it is held: who waits for this file looks once more whether it is still the one of that name.
            if not stays:
                _remove(path)
        finally:
            os.close(handle)
        if not stays and os.name == "nt":  # which removes nothing that is open
            _remove(path)


def _remove(path: Path) -> None:
    """And its folder, where nothing else lies in it."""
    with suppress(OSError):
        path.unlink()
        path.parent.rmdir()


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock. Nothing is made."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _taken(handle)
    finally:
        os.close(handle)


def words_of(path: Path) -> str:
    """What the holder said; "" where nothing can be read."""
    try:
        return path.read_text("utf-8", "replace").partition(" ")[2]
    except OSError:
        return ""


def _held(path: Path, *, stays: bool, latest: float) -> int:
    while True:
        handle = _opened(path)
        try:
            if _taken(handle):
                # A file that stays is never another one; one that goes may have gone while it was opened.
                if stays or is_same_file(handle, path):
                    return handle
            elif time.monotonic() >= latest:
                raise RunBusy(
                    text("Another process ({owner}) works on {name}.", owner=owner_of(path), name=path.parent.name),
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
            with suppress(FileNotFoundError):  # an empty folder, which somebody has just cleared away
                make_folder(path.parent)
                return private_opener(str(path), flags)
        return private_opener(str(path), flags)
    except OSError as error:
        raise DiskFailure(
            text("{path} cannot be made: {cause}.", path=path, cause=cause_of(error)),
            advice=text("Check the rights of the folder."),
        ) from error


def _taken(handle: int) -> bool:
    """Raises OSError where the disk has no locks, as some network disks."""
    taken = try_lock(handle)
    return _is_byte_taken(handle) if taken is None else taken


def _is_byte_taken(handle: int) -> bool:
    """Windows locks bytes, which others then cannot read: one far beyond the process id, which they must."""
    import msvcrt

    try:
        os.lseek(handle, 4096, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        os.lseek(handle, 0, os.SEEK_SET)
    except OSError:
        return False
    return True


def owner_of(path: Path) -> str:
    """The process that holds or held the lock, in words."""
    try:
        return f"process {path.read_text('utf-8', 'replace').partition(' ')[0] or 'unknown'}"
    except OSError:
        return "process unknown"
