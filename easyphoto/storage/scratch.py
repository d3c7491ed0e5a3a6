"""Scratch folders of a workspace, and its trash.

Files in progress lie in a folder held by a process; its lock says whether that process still lives. A deletion moves a
folder into the trash by one rename, so that a killed deletion leaves rubbish and never half a folder.
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
from easyphoto.storage.files import WRITING, cause_of, make_folder, try_lock
from easyphoto.storage.locks import file_lock, is_held

TRASH = "trash"
LOCK = ".lock"
SECONDS_UNHELD = 3600
"""Age at which a folder without a lock counts as abandoned; earlier versions had no locks."""
_ADVICE = text("Close whatever has it open and check its permissions, then run the same command again.")
SECONDS_OF_A_WRITE = 3600
"""Time without a change after which a temporary file counts as left over, where no lock tells."""


@contextmanager
def held_folder(place: Path) -> Iterator[Path]:
    """Yield a new folder in `place` and delete it after the block; `abandoned` finds those of killed processes.

    Raises DiskFailure.
    """
    own = place / secrets.token_hex(8)
    with file_lock(own.with_suffix(LOCK), stays=False, wait=1.0):
        try:
            own.mkdir(mode=0o700)
        except OSError as error:
            raise DiskFailure(
                text("{own} cannot be made: {cause}.", own=own, cause=cause_of(error)),
                advice=text("Check free space and the permissions of the folder."),
            ) from error
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)


def abandoned(place: Path) -> tuple[Path, ...]:
    """Entries of `place` that no process holds: folders, and their lock files."""
    found = []
    for path in _entries(place):
        lock = path if path.suffix == LOCK else path.with_name(path.name + LOCK)
        is_young = path == lock or _age(path) <= SECONDS_UNHELD
        if is_held(lock) if lock.exists() else is_young:
            continue
        found.append(path)
    # Locks last: without its lock a folder would count as young for an hour.
    return tuple(sorted(found, key=lambda path: (path.suffix == LOCK, path)))


def clear(root: Path, path: Path) -> bool:
    """Delete an `abandoned` path; returns whether it did. A lock file is locked first, as it may be in use again.

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


def remove_left_over(temporary: Path) -> bool:
    """Delete a temporary file if its writer has ended; returns whether it is gone. Raises OSError.

    It is deleted under its lock, which the writer also takes; otherwise a writer that has just begun would lose its
    file.
    """
    try:
        handle = os.open(temporary, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        if _writer_has_ended(handle):
            if os.name == "nt":  # an open file cannot be deleted there; without a lock it is an hour old
                os.close(handle)
                handle = -1
            temporary.unlink(missing_ok=True)
            return True
    finally:
        if handle >= 0:
            os.close(handle)
    return False


def is_left_over(temporary: Path) -> bool:
    """Whether the writer of this file of `atomic_path` has ended; without locks, whether it is an hour old."""
    try:
        handle = os.open(temporary, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _writer_has_ended(handle)
    finally:
        os.close(handle)


def _writer_has_ended(handle: int) -> bool:
    try:
        taken = try_lock(handle)
    except OSError:  # some network disks have no locks
        taken = None
    is_old = time.time() - os.fstat(handle).st_mtime > SECONDS_OF_A_WRITE
    return is_old if taken is None else taken


def thrown_away(root: Path) -> tuple[Path, ...]:
    """Entries of the workspace's trash."""
    return tuple(_entries(root / TRASH))


def place_in_trash(root: Path, name: str) -> Path:
    """A path for `name` in the trash, in a folder of its own."""
    return root / TRASH / secrets.token_hex(8) / name


def discard(root: Path, path: Path) -> bool:
    """Delete a file, or a folder by one rename into the trash; returns whether there was one.

    Raises DiskFailure where it cannot be moved or emptied; the next sweep deletes what is then in the trash.
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
    """Move the folder into the trash; returns the folder to empty."""
    make_folder(place.parent)
    try:
        os.rename(path, place)
    except OSError as error:
        place.parent.rmdir()
        if error.errno == errno.EXDEV:  # this part of the workspace is on another disk
            return path
        raise
    return place.parent


def swap_folder(new: Path, place: Path, old: Path | None) -> None:
    """Move the folder `new` to `place` and the folder there, if any, to `old`. Raises OSError.

    Killed between the two renames it leaves `place` empty. Where the second rename fails, `place` is unchanged.
    """
    replaced = old if place.exists() else None
    if replaced is not None:
        make_folder(replaced.parent)
        os.rename(place, replaced)
    try:
        make_folder(place.parent)
        os.rename(new, place)
    except OSError:
        if replaced is not None:
            os.rename(replaced, place)
        raise


def empty(folder: Path) -> None:
    """Delete the folder, which another process may be deleting too. Raises DiskFailure that names what remains."""
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
    """Size in bytes of a file, or of a folder with everything in it."""
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
