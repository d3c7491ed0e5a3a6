"""Completes changes that were cut off and removes orphans; runs at every start and every hour of a server.

Data of a living process is never removed: files in progress lie in held folders or are locked, and work on a person is
registered in the journal. Trainings that can be resumed stay, whether or not their person exists.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import BadName, EasyPhotoError, RunBusy
from easyphoto.host.base import Host, finish_unlisting
from easyphoto.persons.deletion import finish_deletion, half_written
from easyphoto.persons.folder import STAGING, finish_install
from easyphoto.persons.renaming import finish_rename
from easyphoto.persons.traces import Traces, persons_in, subject_of, traces_of
from easyphoto.storage.files import WRITING, make_folder, matching
from easyphoto.storage.journal import (
    DELETE,
    INSTALL,
    RENAME,
    UNLIST,
    Change,
    changing,
    dead_locks,
    doomed,
    names_of,
    pending,
    rubbish,
    works_on,
)
from easyphoto.storage.locks import is_held
from easyphoto.storage.records import read_json
from easyphoto.storage.scratch import abandoned, clear, is_left_over
from easyphoto.training.run import RUN_FILE, RunFolder
from easyphoto.workspace.folders import JOB_FILE, Workspace, checked_id, folders_in, records_in
from easyphoto.workspace.person_record import PERSON_FILE

EARLIER = "replaced"
"""Folder of a run in which earlier versions kept the replaced person until the new one was in place."""


@dataclass(frozen=True)
class Orphan:
    """A path that belongs to nothing and that no living process is writing."""

    what: str
    """Description for the list of `doctor`."""
    path: Path


@dataclass(frozen=True)
class Swept:
    gone: tuple[Path, ...]
    troubles: tuple[str, ...] = ()
    """What could not be completed or removed, and why."""


_RECORDLESS = "jobs without a record"


def sweep(workspace: Workspace, host: Host) -> Swept:
    """Complete pending changes and remove every orphan. Never raises: a start must not fail because of it."""
    if not workspace.root.is_dir():
        return Swept(())
    troubles = list(finish_begun(workspace, host))
    gone = []
    with suppress(OSError):
        _bring_back_the_replaced(workspace)
        for orphan in orphans(workspace):
            try:
                gone += [orphan.path] if _removed(workspace, orphan) else []
            except EasyPhotoError as error:
                troubles.append(str(error))
    return Swept(tuple(gone), tuple(troubles))


def finish_begun(
    workspace: Workspace, host: Host, persons: Iterable[str] | None = None, *, but: str = ""
) -> tuple[str, ...]:
    """Complete the pending changes of these persons, or of all; returns what could not be completed.

    Skips changes that a living process is making, and changes of the kind `but`, which are the caller's.
    """
    troubles: list[str] = []
    wanted = None if persons is None else frozenset(persons)
    for change in pending(workspace.root):
        if change.kind != but and (wanted is None or wanted & {*change.persons}):
            try:
                troubles += _finished(workspace, change, host)
            except RunBusy:
                continue
            except EasyPhotoError as error:
                troubles.append(str(error))
    return tuple(troubles)


def _finished(workspace: Workspace, change: Change, host: Host) -> tuple[str, ...]:
    if change.kind == DELETE:
        return tuple(f"{left.what}: {left.why}" for left in finish_deletion(workspace, change, host).left)
    if change.kind == INSTALL:
        finish_install(workspace, change)
    elif change.kind == RENAME:
        finish_rename(workspace, change, host)
    elif change.kind == UNLIST:
        finish_unlisting(workspace.root, change, host)
    return ()


def orphans(workspace: Workspace) -> Iterator[Orphan]:
    """Every orphan in the workspace; `sweep` removes them, `doctor` lists them."""
    for path in rubbish(workspace.root):
        yield Orphan("thrown away", path)
    for place, what in (
        (workspace.arriving, "half imported"),
        (workspace.passing, "archives on their way"),
        (workspace.page, "copies of a page that is closed"),
    ):
        for path in abandoned(place):
            yield Orphan(what, path)
    for path in half_written(workspace):
        yield Orphan("half written", path)
    for path in dead_locks(workspace.root):
        yield Orphan("locks of processes that have ended", path)
    yield from _runs(workspace)
    for folder in folders_in(workspace.jobs):
        if not (folder / JOB_FILE).exists() and not _is_being_written(folder):
            yield Orphan(_RECORDLESS, folder)
    for place in (workspace.persons, workspace.results):
        for folder in folders_in(place):
            if is_empty(folder):
                yield Orphan("empty folders", folder)


def _runs(workspace: Workspace) -> Iterator[Orphan]:
    """Trainings that were cut off before their record was written and cannot be resumed.

    Folders are listed before the running work is read: a run's folder is made only after its work was registered.
    """
    named = {Path(change.new).parent for change in pending(workspace.root) if change.new}
    for run in folders_in(workspace.runs):
        if is_held(RunFolder(run).lock) or works_on(workspace.root, names_of((whose(run),))):
            continue
        if not (run / RUN_FILE).exists():
            yield Orphan("trainings cut off before they began", run)
            continue
        for name in (STAGING, EARLIER):
            if (run / name).is_dir() and run.relative_to(workspace.root) not in named:
                yield Orphan("copies of persons", run / name)


def whose(run: Path) -> str:
    """The id of the person that a run trains."""
    with suppress(EasyPhotoError):
        return str(read_json(run / RUN_FILE).get("person"))
    return run.name.partition("-")[2]


def _bring_back_the_replaced(workspace: Workspace) -> None:
    """Restore persons from `EARLIER` folders that a killed earlier version left in a run."""
    for run in folders_in(workspace.runs):
        id, earlier = whose(run), run / EARLIER
        if not (earlier / PERSON_FILE).is_file() or not is_id(id) or works_on(workspace.root, names_of((id,))):
            continue
        with suppress(RunBusy), changing(workspace.root, (id,), seconds=0):
            if not workspace.person_folder(id).exists() and id not in doomed(workspace.root):
                make_folder(workspace.persons)
                os.rename(earlier, workspace.person_folder(id))


def nobodys(workspace: Workspace) -> dict[str, Traces]:
    """Id → traces, for ids without a person. They may be resumed or deleted, and are never removed automatically."""
    known = {folder.name for folder in folders_in(workspace.persons) if (folder / PERSON_FILE).is_file()}
    named = {folder.name for folder in folders_in(workspace.persons) if not is_empty(folder)}
    named |= {whose(run) for run in folders_in(workspace.runs) if (run / RUN_FILE).exists()}
    named |= {id for folder in folders_in(workspace.results) for id in persons_in(folder)}
    named |= {id for _, record in records_in(workspace.jobs, JOB_FILE) for id in subject_of(record)[1]}
    strange = sorted(id for id in named - known if is_id(id) and not works_on(workspace.root, names_of((id,))))
    found = {id: traces_of(workspace, id) for id in strange}
    return {id: traces for id, traces in found.items() if traces.all}


def is_id(text: str) -> bool:
    """Whether the text is a valid person's id as it stands; a damaged record may contain anything."""
    with suppress(BadName):
        return checked_id(text) == text
    return False


def is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        return False


def _is_being_written(folder: Path) -> bool:
    return any(not is_left_over(file) for file in matching(folder, f"{WRITING}*"))


def _has_lost_its_record(job: Path) -> bool:
    """Whether a job's folder holds other files but no record.

    A new job writes its record first, so other files without a record, looked for afterwards, mean that the job was
    deleted in part.
    """
    try:
        holds_more = any(not each.name.startswith(WRITING) for each in job.iterdir())
    except OSError:
        return False
    return holds_more and not (job / JOB_FILE).exists()


def _removed(workspace: Workspace, orphan: Orphan) -> bool:
    if orphan.what == "empty folders" or (orphan.what == _RECORDLESS and not _has_lost_its_record(orphan.path)):
        # Unlike a rename, rmdir fails where another process has just put something in.
        with suppress(OSError):
            orphan.path.rmdir()
        return not orphan.path.exists()
    return clear(workspace.root, orphan.path)
