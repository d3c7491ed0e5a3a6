"""The location of a web UI's workspace: in the user's data folder, which none of the web UI's routes reaches.

Until format 2 it was in the web UI's data folder, from where `/file=` serves it to everybody who sees a page. A leading
dot in the name does not help: gradio 3 hides such files, gradio 4 does not if the host allows a folder above. The
journal in the data folder records the location, so that it is found when the web UI's folder is renamed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import BadRecord, DiskFailure, RunBusy
from easyphoto.messages import note
from easyphoto.storage.locks import file_lock
from easyphoto.workspace.folders import user_folder
from easyphoto.workspace.moving import (
    COPIED,
    SETTLED,
    Journal,
    is_workspace,
    move_workspace,
    read_journal,
    write_journal,
)
from easyphoto.workspace.web_ui_files import EARLIER, HOMES, JOURNAL

SECONDS_TO_WAIT = 600.0
"""How long to wait for another process of this web UI that moves it, with all its weights, to another disk."""
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settled:
    root: Path
    notes: tuple[str, ...] = ()
    """Shown to the user once."""


def workspace_of(data: Path) -> Path:
    """Return the current workspace of the web UI with that data folder; changes nothing."""
    earlier, journal = data / EARLIER, _journal(data)
    if journal is None:
        return earlier if is_workspace(earlier) else _home(data)
    place, source = Path(journal.place), Path(journal.source)
    is_here = journal.state in (SETTLED, COPIED) or place.is_dir() or not source.is_dir()
    return place if is_here else source


def settle(data: Path) -> Settled:
    """Move the workspace to its place if it is not there yet; if it cannot be moved it is used where it is."""
    earlier, notes, journal = data / EARLIER, list[str](), _journal(data)
    if is_workspace(earlier) if journal is None else journal.state != SETTLED:
        try:
            with file_lock(_home(data).with_suffix(".lock"), wait=SECONDS_TO_WAIT):
                notes.append(_moved(data, earlier))
        except (RunBusy, DiskFailure) as error:
            notes.append(
                note(
                    "persons-not-moved",
                    "Your persons could not be moved out of the web UI's folder yet. {error}",
                    error=error,
                )
            )
    elif journal is None:
        _remember(data / JOURNAL, _home(data))
    root = workspace_of(data)
    if root != earlier and is_workspace(earlier) and not notes:
        notes.append(
            note(
                "another-workspace",
                "There is another workspace in {earlier}, within reach of everybody who sees a page of "
                "the web UI. Export its persons, import them here, and delete that folder.",
                earlier=earlier,
            )
        )
    return Settled(root, tuple(notes))


def _moved(data: Path, earlier: Path) -> str:
    """Move it and return a note. Raises RunBusy and DiskFailure; the workspace then stays where it was."""
    file, journal = data / JOURNAL, _journal(data)
    if journal is None and earlier.is_symlink():
        # The user chose that disk; only the link made it reachable.
        target = earlier.resolve()
        write_journal(file, Journal(str(target)))
        earlier.unlink()
        return note(
            "link-removed",
            "The link {earlier} was removed, through which the web UI served files of {target}.",
            earlier=earlier,
            target=target,
        )
    place = Path(journal.place) if journal is not None else _free(_home(data))
    _log.warning("EasyPhoto: moving %s to %s. This is done once and may take minutes.", earlier, place)
    left = move_workspace(file, earlier, place)
    if left is not None:
        return note(
            "earlier-left-over",
            "Your persons are in {place} now; {left} could not be removed yet. Close whatever has it open, or "
            "delete it.",
            place=place,
            left=left,
        )
    return note(
        "persons-moved",
        "Your persons were moved from {earlier} to {place}, where no page of the web UI can reach them.",
        earlier=earlier,
        place=place,
    )


def _remember(file: Path, place: Path) -> None:
    """Write the journal. If the data folder is read-only, the place is found by the folder's name."""
    try:
        write_journal(file, Journal(str(place)))
    except DiskFailure as error:
        _log.info("EasyPhoto: %s", error)


def _journal(data: Path) -> Journal | None:
    """Return the journal; None for a damaged one, because the place can be derived from the folder's name."""
    try:
        return read_journal(data / JOURNAL)
    except BadRecord as error:
        _log.warning("EasyPhoto: %s", error)
        return None


def _home(data: Path) -> Path:
    digest = hashlib.sha256(str(data.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = re.sub(r"[^\w-]+", "-", data.name).strip("-")[:40] or "webui"
    home = user_folder(HOMES) / f"{name}-{digest}"
    return data / f".{EARLIER}" if _is_passing(home, data) else home


def _free(place: Path) -> Path:
    """Return the name, or the next free one: an existing folder belongs to somebody else."""
    numbered = (place.with_name(f"{place.name}-{number}") for number in range(2, 1000))
    return next(each for each in (place, *numbered) if not os.path.lexists(each))


def _is_passing(place: Path, data: Path) -> bool:
    """Return whether `place` vanishes with its container while the data folder, then the only safe one, stays."""
    if not any(mark.exists() for mark in _CONTAINER_MARKS):
        return False
    home = next(each for each in place.parents if each.exists())
    return _disk_of(home) == _disk_of(Path("/")) != _disk_of(data)


def _disk_of(path: Path) -> int:
    return path.stat().st_dev
