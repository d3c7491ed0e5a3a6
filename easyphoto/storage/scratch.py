"""Folders for what passes through a workspace, and its trash.

What is put together or handed on lies in a folder that somebody holds: its lock says whether they still live. What is
deleted goes into the trash by one rename, so that a killed deletion leaves rubbish and never half of a thing.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from easyphoto.errors import DiskFailure, RunBusy
from easyphoto.messages import text
from easyphoto.storage.files import WRITING, cause_of, make_folder, remove_left_over
from easyphoto.storage.locks import file_lock, is_held

TRASH = "trash"
LOCK = ".lock"
SECONDS_UNHELD = 3600
"""After which a folder without a lock is nobody's; earlier versions held none."""
_ADVICE = text("Close what has it open and check its rights, then run the same command again.")


@contextmanager
def held_folder(place: Path) -> Iterator[Path]:
    """A new folder in `place` that goes with the block; what a killed process leaves is `abandoned`.

    Raises DiskFailure.
    """
    own = place / secrets.token_hex(8)
    with file_lock(own.with_suffix(LOCK), stays=False, wait=1.0):
        try:
            own.mkdir(mode=0o700)
        except OSError as error:
            raise DiskFailure(
                text("{own} cannot be made: {cause}.", own=own, cause=cause_of(error)),
                advice=text("Check free space and the rights of the folder."),
            ) from error
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)


def abandoned(place: Path) -> tuple[Path, ...]:
    """What lies in `place` and nobody holds: folders, and the locks of their last owners."""
    found = []
    for path in _entries(place):
        lock = path if path.suffix == LOCK else path.with_name(path.name + LOCK)
        is_young = path == lock or _age(path) <= SECONDS_UNHELD
        if is_held(lock) if lock.exists() else is_young:
            continue
        found.append(path)
    # Locks last: without its lock a folder would be young for an hour.
    return tuple(sorted(found, key=lambda path: (path.suffix == LOCK, path)))


def clear(root: Path, path: Path) -> bool:
    """Delete what was found `abandoned`. A lock is taken first: somebody may just have made one of the same name.

    Raises DiskFailure.
    """
    if path.name.startswith(WRITING):
        try:
            return remove_left_over(path)
        except OSError as error:
            raise DiskFailure(
                text("{path} cannot be deleted: {cause}.", path=path, cause=cause_of(error)), advice=_ADVICE
            ) from error
    if path.suffix != LOCK:
        return discard(root, path)
    with suppress(RunBusy), file_lock(path, stays=False):
        pass
    return not path.exists()


def thrown_away(root: Path) -> tuple[Path, ...]:
    """What lies in the workspace's trash."""
    return tuple(_entries(root / TRASH))


def place_in_trash(root: Path, name: str) -> Path:
    """Where something called `name` will lie; the folder around it is its own."""
    return root / TRASH / secrets.token_hex(8) / name


def discard(root: Path, path: Path) -> bool:
    """Delete a file, or a folder by one step out of everybody's sight; returns whether there was one.

    Raises DiskFailure where it cannot be moved or emptied; what is in the trash then goes with the next sweep.
    """
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return True
        gone = path if root / TRASH in path.parents else _moved(path, place_in_trash(root, path.name))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DiskFailure(
            text("{path} cannot be deleted: {cause}.", path=path, cause=cause_of(error)), advice=_ADVICE
        ) from error
    empty(gone)
    return True


def _moved(path: Path, place: Path) -> Path:
    """The folder that is to be emptied then."""
    make_folder(place.parent)
    try:
        os.rename(path, place)
    except OSError as error:
        place.parent.rmdir()
        if error.errno == errno.EXDEV:  # a part of the workspace on another disk
            return path
        raise
    return place.parent


def empty(folder: Path) -> None:
    """Raises DiskFailure, and names what stays. Another process may be at the same."""
    failed: list[tuple[str, OSError]] = []

    def remember(_: object, name: str, caught: tuple[type, BaseException, object]) -> None:
        if isinstance(caught[1], OSError) and not isinstance(caught[1], FileNotFoundError):
            failed.append((name, caught[1]))

    shutil.rmtree(folder, onerror=remember)
    if failed:
        name, error = failed[0]
        raise DiskFailure(
            text("{name} cannot be deleted: {cause}.", name=name, cause=cause_of(error)), advice=_ADVICE
        ) from error


def size_of(path: Path) -> int:
    """Bytes, of a folder with all that lies in it."""
    total = 0
    for each in (path, *path.rglob("*")):
        with suppress(OSError):
            total += each.lstat().st_size if each.is_file() else 0
    return total


def _entries(place: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from sorted(place.iterdir())


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
