"""Opens a workspace: makes it private from the start, upgrades an older format, refuses a newer one.

`workspace.json` holds the number of the format; without that file it is 1. Opening a workspace of the current format
reads that file only. An upgrade goes from number to number under a lock, and every step can be repeated after a kill. A
record that a step rewrites is first copied into `upgrading/`, where it stays until the whole upgrade has succeeded.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

from easyphoto.errors import BadRecord, DiskFailure, InputError, MovedWorkspace, NewerWorkspace, NotAFolder
from easyphoto.messages import text
from easyphoto.storage.files import WRITING, cause_of, make_folder, make_private_folder, read_regular, write_bytes
from easyphoto.storage.locks import file_lock
from easyphoto.storage.records import MOST_BYTES, read_json, write_json
from easyphoto.workspace.folders import ENV, PARTS, RUN_FILE, WORKSPACE_FILE, Workspace

FORMAT = 2
LOCK_FILE, KEPT = "workspace.lock", "upgrading"
MOVED_TO = "moved_to"
SECONDS_TO_WAIT = 60.0
"""How long to wait for another process that upgrades the workspace: 50,000 files take a second or two."""
_OTHERS = 0o077


def open_workspace(root: Path) -> Workspace:
    """Open the workspace at `root`; makes it where there is none.

    Raises NewerWorkspace, MovedWorkspace, BadRecord and NotAFolder before anything is changed; DiskFailure where it
    cannot be made or upgraded, RunBusy where another process upgrades it for longer than `SECONDS_TO_WAIT`.
    """
    found = format_of(root)
    try:
        if found != FORMAT:
            make_private_folder(root) if found is None else make_folder(root)
            with file_lock(root / LOCK_FILE, wait=SECONDS_TO_WAIT):
                _upgrade(root)
        if (root / KEPT).is_dir():
            shutil.rmtree(root / KEPT, ignore_errors=True)
    except OSError as error:
        raise DiskFailure(
            text("The workspace {root} cannot be made: {cause}.", root=root, cause=cause_of(error)),
            advice=text("Check the permissions of the folder, or choose another workspace."),
        ) from error
    return Workspace(root)


@contextmanager
def used_workspace(root: Path) -> Iterator[Workspace]:
    """As `open_workspace`; a workspace that it made is removed after the block if nothing was written in it."""
    was_there = root.exists()
    try:
        yield open_workspace(root)
    finally:
        with suppress(OSError):
            if not was_there and set(os.listdir(root)) <= {WORKSPACE_FILE, LOCK_FILE}:
                shutil.rmtree(root)


def check_writable(workspace: Workspace) -> None:
    """Raises DiskFailure where nothing can be written into the workspace, or into a folder of it."""
    for folder in (workspace.root, workspace.persons, workspace.runs, workspace.results):
        if folder.is_dir():
            check_takes_files(folder)


def check_takes_files(folder: Path) -> None:
    """Raises DiskFailure where no file can be made in the folder, or below the one in which it is to be made.

    One is made and removed: rights alone do not tell on Windows, nor on a disk that was mounted read-only.
    """
    place = next((each for each in (folder, *folder.absolute().parents) if os.path.lexists(each)), folder)
    try:
        with tempfile.TemporaryFile(dir=place, prefix=WRITING):
            pass
    except OSError as error:
        raise DiskFailure(
            text("Nothing can be written into {folder}: {cause}.", folder=folder, cause=cause_of(error)),
            advice=text("Check its permissions and the free space, or choose another folder."),
        ) from error


def format_of(root: Path) -> int | None:
    """The number of the workspace's format; None where there is no folder yet.

    Raises NewerWorkspace, MovedWorkspace, BadRecord, NotAFolder and DiskFailure.
    """
    if not _is_folder(root):
        return None
    mark = root / WORKSPACE_FILE
    if not os.path.lexists(mark):
        return 1
    record = read_json(mark, any_format=True)
    number, moved_to = record.get("format"), record.get(MOVED_TO)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise BadRecord(
            text("{mark} names no format.", mark=mark),
            advice=text("Delete it; the workspace is then looked through again."),
        )
    if number > FORMAT:
        raise NewerWorkspace(
            text(
                "{root} was made by a later version of EasyPhoto (format {number}; this version knows {format}).",
                root=root,
                number=number,
                format=FORMAT,
            ),
            advice=text("Update EasyPhoto, or choose another workspace."),
        )
    if moved_to is not None:
        raise MovedWorkspace(
            text("{root} was moved to {moved_to}.", root=root, moved_to=moved_to),
            advice=text("Choose that folder as the workspace."),
        )
    return number


def write_mark(root: Path, **more: Any) -> None:
    write_json(root / WORKSPACE_FILE, {"format": FORMAT, **more})


def _is_folder(root: Path) -> bool:
    try:
        mode = root.stat().st_mode
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        raise NotAFolder(
            text("{root} is below a file, not a folder.", root=root), advice=text("Choose another workspace.")
        ) from error
    except OSError as error:
        raise DiskFailure(
            text("The workspace {root} cannot be looked at: {cause}.", root=root, cause=cause_of(error)),
            advice=text("Check the permissions of its folders."),
        ) from error
    if not stat.S_ISDIR(mode):
        raise NotAFolder(text("{root} is not a folder.", root=root), advice=text("Choose another workspace."))
    return True


@dataclass(frozen=True)
class Upgrade:
    """What a step may do with the workspace's records."""

    root: Path

    def rewrite(self, record: Path, content: Mapping[str, Any]) -> None:
        """Replace the record by `content`; a copy of the original is kept until the whole upgrade has succeeded."""
        kept = self.root / KEPT / record.relative_to(self.root)
        if not kept.exists():
            # Keep the first copy, which no step has changed.
            write_bytes(kept, read_regular(record, MOST_BYTES))
        write_json(record, content)


def _upgrade(root: Path) -> None:
    # Read again: another process may have upgraded it while this one waited.
    number = format_of(root) or 1
    for step in range(number, FORMAT):
        STEPS[step](Upgrade(root))
    if number < FORMAT:
        write_mark(root)


def _first_to_second(upgrade: Upgrade) -> None:
    """Make the workspace private to its owner, and remove its absolute path from the records of runs."""
    make_all_private(upgrade.root)
    for record in sorted(upgrade.root.glob(f"runs/*/{RUN_FILE}")):
        # A damaged record hides its run only, as everywhere.
        with suppress(InputError):
            content = read_json(record)
            if _is_of_workspace(content):
                upgrade.rewrite(record, {**content, "weights": "../../weights"})


def _is_of_workspace(run: Mapping[str, Any]) -> bool:
    """Whether the run used its workspace's own weights folder, wherever that was: it may have been moved since."""
    dataset, weights = _path(run.get("dataset")), _path(run.get("weights"))
    return dataset is not None and len(dataset.parents) > 3 and weights == dataset.parents[2] / "weights"


def _path(text: Any) -> PurePath | None:
    if not isinstance(text, str):
        return None
    return PureWindowsPath(text) if re.match(r"[A-Za-z]:[\\/]|\\\\", text) else PurePosixPath(text)


STEPS: Mapping[int, Callable[[Upgrade], None]] = MappingProxyType({1: _first_to_second})
"""The step from each format to the next. Every step may be repeated."""


def make_all_private(root: Path) -> None:
    """Give the workspace's folders mode 0700 and its files mode 0600. Raises OSError.

    A root with other content keeps its mode, because `--workspace .` is not meant to change it. The workspace's parts
    are then made at once, because a later file is as private as its folder.
    """
    names = set(os.listdir(root))
    if {name for name in names if not name.startswith((".", f"{ENV}."))} <= {*PARTS, WORKSPACE_FILE, LOCK_FILE, KEPT}:
        _make_private(root)
        _make_private_below(root, but=root / ENV)
        return
    if stat.S_IMODE(root.stat().st_mode) & _OTHERS:
        names |= set(PARTS)
    for name in sorted(names & set(PARTS)):
        _make_private(root / name)
        _make_private_below(root / name, but=root / ENV)


def _make_private(folder: Path) -> None:
    try:
        make_private_folder(folder)
    except PermissionError:
        # Disks without modes, and folders of another owner; `doctor` reports them.
        if not folder.is_dir():
            raise


def _make_private_below(folder: Path, *, but: Path) -> None:
    """Make everything below private, except `but`: the training environment, whose programs must stay executable."""
    if os.name != "posix":
        return
    waiting = [str(folder)]
    while waiting:
        inside = waiting.pop()
        if inside == str(but):
            continue
        with suppress(PermissionError, FileNotFoundError), os.scandir(inside) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting.append(entry.path)
                if (stat.S_ISDIR(mode) or stat.S_ISREG(mode)) and mode & _OTHERS:
                    with suppress(PermissionError, FileNotFoundError):
                        os.chmod(entry.path, stat.S_IMODE(mode) & ~_OTHERS)
