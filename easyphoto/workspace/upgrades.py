"""Opening a workspace: private from its first moment, brought to today's format once, refused where it is newer.

`workspace.json` says its format; without that file it is 1. Opening one of today's format reads that file and nothing
else. An upgrade goes from number to number under a lock, and every step can be repeated: whoever is killed in one
begins it again. A record that a step rewrites is copied into `upgrading/` first, where it stays until all has worked.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

from easyphoto.errors import BadRecord, DiskFailure, InputError, MovedWorkspace, NewerWorkspace, NotAFolder
from easyphoto.messages import text
from easyphoto.storage.files import cause_of, make_folder, make_private_folder, read_regular, write_bytes
from easyphoto.storage.locks import file_lock
from easyphoto.storage.records import MOST_BYTES, read_json, write_json
from easyphoto.workspace.folders import ENV, PARTS, RUN_FILE, WORKSPACE_FILE, Workspace

FORMAT = 2
LOCK_FILE, KEPT = "workspace.lock", "upgrading"
MOVED_TO = "moved_to"
SECONDS_TO_WAIT = 60.0
"""For who upgrades it at the same time: 50,000 files take a second or two."""
_OTHERS = 0o077


def open_workspace(root: Path) -> Workspace:
    """The workspace at `root`, which is made where there is none.

    Raises NewerWorkspace, MovedWorkspace, BadRecord and NotAFolder, which touch nothing; DiskFailure where it cannot be
    made or upgraded, RunBusy where somebody else does that for long.
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
            advice=text("Check the rights of the folder, or choose another workspace."),
        ) from error
    return Workspace(root)


@contextmanager
def used_workspace(root: Path) -> Iterator[Workspace]:
    """As `open_workspace`; one that was made for this and in which nothing was written is gone afterwards."""
    was_there = root.exists()
    try:
        yield open_workspace(root)
    finally:
        with suppress(OSError):
            if not was_there and set(os.listdir(root)) <= {WORKSPACE_FILE, LOCK_FILE}:
                shutil.rmtree(root)


def format_of(root: Path) -> int | None:
    """None where there is no folder yet. Raises what `open_workspace` says touches nothing, and DiskFailure."""
    if not _is_folder(root):
        return None
    mark = root / WORKSPACE_FILE
    if not os.path.lexists(mark):
        return 1
    record = read_json(mark, any_format=True)
    number, moved_to = record.get("format"), record.get(MOVED_TO)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise BadRecord(
            text("{mark} says no format.", mark=mark),
            advice=text("Delete it; the workspace is then looked through anew."),
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
            advice=text("Name that folder as the workspace."),
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
            text("{root} lies below a file.", root=root), advice=text("Choose another workspace.")
        ) from error
    except OSError as error:
        raise DiskFailure(
            text("The workspace {root} cannot be looked at: {cause}.", root=root, cause=cause_of(error)),
            advice=text("Check the rights of its folders."),
        ) from error
    if not stat.S_ISDIR(mode):
        raise NotAFolder(text("{root} is no folder.", root=root), advice=text("Choose another workspace."))
    return True


@dataclass(frozen=True)
class Upgrade:
    """What a step may do with the workspace's records."""

    root: Path

    def rewrite(self, record: Path, content: Mapping[str, Any]) -> None:
        """Put `content` in the record's place; as it was it is kept until the whole upgrade has worked."""
        kept = self.root / KEPT / record.relative_to(self.root)
        if not kept.exists():
            # The first copy is the one that no step has touched.
            write_bytes(kept, read_regular(record, MOST_BYTES))
        write_json(record, content)


def _upgrade(root: Path) -> None:
    # Once more: another process may have done it while this one waited.
    number = format_of(root) or 1
    for step in range(number, FORMAT):
        STEPS[step](Upgrade(root))
    if number < FORMAT:
        write_mark(root)


def _first_to_second(upgrade: Upgrade) -> None:
    """Nobody else on the machine may look in, and no record says where on the disk the workspace lies."""
    make_all_private(upgrade.root)
    for record in sorted(upgrade.root.glob(f"runs/*/{RUN_FILE}")):
        # A damaged record hides its own run, as everywhere.
        with suppress(InputError):
            content = read_json(record)
            if _is_of_workspace(content):
                upgrade.rewrite(record, {**content, "weights": "../../weights"})


def _is_of_workspace(run: Mapping[str, Any]) -> bool:
    """Whether its weights lay beside its run, wherever that was: it may have been moved since."""
    dataset, weights = _path(run.get("dataset")), _path(run.get("weights"))
    return dataset is not None and len(dataset.parents) > 3 and weights == dataset.parents[2] / "weights"


def _path(text: Any) -> PurePath | None:
    if not isinstance(text, str):
        return None
    return PureWindowsPath(text) if re.match(r"[A-Za-z]:[\\/]|\\\\", text) else PurePosixPath(text)


STEPS: Mapping[int, Callable[[Upgrade], None]] = MappingProxyType({1: _first_to_second})
"""What leads from each format to the next. A step may be begun again at any time."""


def make_all_private(root: Path) -> None:
    """Folders 0700 and files 0600, as far as the workspace goes. Raises OSError.

    A root that holds other things than a workspace's keeps its rights: who says `--workspace .` does not mean that.
    Its parts are made at once then, because what is made later is as private as the folder it lies in.
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
        # Disks that know no rights, and folders of somebody else; `doctor` says so.
        if not folder.is_dir():
            raise


def _make_private_below(folder: Path, *, but: Path) -> None:
    """`but`: the environment that trains is somebody else's files, and its programs must stay runnable."""
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
