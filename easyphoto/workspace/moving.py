"""Moves a workspace to another place, whole or not at all, however often the process is killed.

On one disk the folder is renamed. To another disk it is copied beside the new place, every file is read back and
compared, and the old folder is removed only once the copy is in place. A journal outside of both records the progress;
it stays afterwards, because it also records where the workspace is. Opening the old place meanwhile raises an error
that names the new one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from easyphoto.errors import DiskFailure, RunBusy
from easyphoto.messages import Text, text
from easyphoto.storage.files import cause_of, make_private_folder, open_regular, private_opener
from easyphoto.storage.locks import is_held, owner_of
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.workspace.folders import PARTS, WORKSPACE_FILE
from easyphoto.workspace.upgrades import MOVED_TO, format_of

MOVING, COPIED, SETTLED = "moving", "copied", "settled"
LOCKS = ("*.lock", "*/*.lock", "jobs/.owner-*.lock", "runs/*/*.lock", "weights/.locks/*.lock", ".passing/*.lock")
"""Lock files of servers, trainings, changes and downloads: all work in a workspace holds one of them."""
_BLOCK = 1 << 20
_SPARE = 100_000_000
"""Bytes that must stay free on the new disk."""


@dataclass(frozen=True)
class Journal:
    """Where the workspace lies, or where it is being moved."""

    place: str
    state: str = SETTLED
    source: str = ""


def read_journal(file: Path) -> Journal | None:
    """The journal in the file; None where there is none. Raises BadRecord."""
    return typed(Journal, read_json(file), str(file)) if os.path.lexists(file) else None


def write_journal(file: Path, journal: Journal) -> Journal:
    """Write the journal and return it. Raises DiskFailure."""
    write_json(file, asdict(journal))
    return journal


def is_workspace(folder: Path) -> bool:
    """Whether the folder holds a workspace's data; empty folders do not count."""
    return any((folder / part).is_dir() and any((folder / part).iterdir()) for part in PARTS)


def move_workspace(file: Path, source: Path, place: Path) -> Path | None:
    """Move the workspace from `source` to `place`, which must be empty, or continue the move in the journal `file`.

    Returns the old folder where it could not be removed; the next call tries again. Raises RunBusy while work in the
    workspace runs, DiskFailure where the move fails, and what `format_of` raises; the workspace is then unchanged.
    """
    journal = read_journal(file)
    if journal is None or journal.state == SETTLED:
        format_of(source)
        journal = write_journal(file, Journal(str(place), MOVING, str(source)))
    source, place = Path(journal.source), Path(journal.place)
    try:
        if journal.state == MOVING and source.is_dir() and not place.is_dir():
            _transfer(source, place)
        if journal.state == MOVING and source.is_dir():
            journal = write_journal(file, replace(journal, state=COPIED))
        if place.is_dir():
            _mark(place, None)
        if journal.state == COPIED:
            _check_there(place)
            if not _removed(source):
                return source
    except OSError as error:
        raise DiskFailure(
            text("{source} could not be moved to {place}: {cause}.", source=source, place=place, cause=cause_of(error)),
            advice=text("It is tried again at the next start."),
        ) from error
    write_journal(file, Journal(str(place)))
    return None


def _transfer(source: Path, place: Path) -> None:
    """Rename or copy the workspace to `place`; a copy to another disk leaves `source`. Raises OSError, RunBusy."""
    _mark(source, place)
    try:
        check_idle(source, advice=text("It is tried again at the next start."))
        make_private_folder(place.parent)
        try:
            os.rename(source, place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_whole(source, place)
    except BaseException:
        if source.is_dir() and not place.is_dir():
            _mark(source, None)
        raise


def check_idle(root: Path, *, advice: Text) -> None:
    """Raises RunBusy, with that advice, while a process holds a lock of the workspace."""
    for pattern in LOCKS:
        for lock in root.glob(pattern):
            # Checked but not held: Windows cannot rename a folder with an open file, and the mark keeps others out.
            if is_held(lock):
                raise RunBusy(
                    text("Another process ({owner}) is using {root}.", owner=owner_of(lock), root=root),
                    advice=advice,
                )


def _mark(root: Path, moved_to: Path | None) -> None:
    """Mark `root` as moved to another place, which opening it reports; None removes the mark."""
    file = root / WORKSPACE_FILE
    record = read_json(file, any_format=True) if file.exists() else {"format": 1}
    kept = {name: value for name, value in record.items() if name != MOVED_TO}
    if moved_to is not None:
        write_json(file, {**kept, MOVED_TO: str(moved_to)})
    elif kept == {"format": 1}:
        file.unlink(missing_ok=True)
    elif kept != record:
        write_json(file, kept)


def _check_there(place: Path) -> None:
    if not place.is_dir():
        raise DiskFailure(
            text("{place} is not there, where the persons were moved to.", place=place),
            advice=text("Is its disk connected?"),
        )


def _removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _copy_whole(source: Path, place: Path) -> None:
    """Copy everything to `place`, where it appears in one step. Raises OSError."""
    draft = place.with_name(f"{place.name}.{MOVING}")
    shutil.rmtree(draft, ignore_errors=True)
    needed, free = sum(_sizes(source)), shutil.disk_usage(place.parent).free
    if free < needed + _SPARE:
        raise OSError(
            errno.ENOSPC,
            text("{needed:.1f} GB are needed, {free:.1f} GB are free", needed=needed / 1e9, free=free / 1e9),
        )
    try:
        _copy(source, draft)
        os.rename(draft, place)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _sizes(folder: Path) -> Iterator[int]:
    for root, _, names in os.walk(folder):
        yield from (os.lstat(os.path.join(root, name)).st_size for name in names)


def _copy(source: Path, target: Path) -> None:
    """Copy one entry; links stay links, and times are kept, because they tell old uploads from new ones."""
    said = os.lstat(source)
    if stat.S_ISLNK(said.st_mode):
        os.symlink(os.readlink(source), target)
        return
    if stat.S_ISDIR(said.st_mode):
        target.mkdir(mode=0o700)
        for name in sorted(os.listdir(source)):
            _copy(source / name, target / name)
    elif stat.S_ISREG(said.st_mode):
        _copy_compared(source, target, said.st_mode)
    else:
        return  # sockets and pipes are useless without the process that made them
    os.utime(target, ns=(said.st_atime_ns, said.st_mtime_ns))


def _copy_compared(source: Path, target: Path, mode: int) -> None:
    written = hashlib.sha256()
    with open_regular(source) as stream, open(target, "xb", opener=private_opener) as copy:
        while block := stream.read(_BLOCK):
            written.update(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    if os.name == "posix" and mode & 0o100:
        target.chmod(0o700)  # a program of the training environment
    read = hashlib.sha256()
    with open_regular(target) as stream:
        while block := stream.read(_BLOCK):
            read.update(block)
    if read.digest() != written.digest():
        raise OSError(errno.EIO, f"the copy of {source.name} is another file than the original")
