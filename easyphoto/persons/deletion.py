"""Deletes a person: writes the tombstone, then removes all their data, in steps that may be repeated at any point."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import DiskFailure, EasyPhotoError, UnknownPerson
from easyphoto.host.base import Host, listed_names, unlisted
from easyphoto.messages import text
from easyphoto.persons.folder import LORA
from easyphoto.persons.traces import copies_of, made_for_pages, traces_of, uploaded_copies
from easyphoto.storage.files import WRITING, inside, matching
from easyphoto.storage.journal import (
    CHANGES,
    DELETE,
    INSTALL,
    Change,
    begin,
    changing,
    end,
    is_pending,
    names_of,
    new_change,
    pending,
    rubbish,
    works_on,
)
from easyphoto.storage.locks import is_held, owner_of
from easyphoto.storage.scratch import abandoned, clear, discard, is_left_over
from easyphoto.training.run import RunFolder
from easyphoto.workspace.folders import Workspace, folders_in

SECONDS_TO_STOP = 30.0
"""How long running work may take to stop: a diffusion step on a CPU takes up to 10 seconds."""
SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Left:
    """Something that could not be deleted yet; the next sweep tries again."""

    what: str
    why: str


@dataclass(frozen=True)
class Deletion:
    gone: tuple[Path, ...]
    left: tuple[Left, ...] = ()


def delete_person(workspace: Workspace, id: str, *, host: Host, seconds: float = SECONDS_TO_STOP) -> Deletion:
    """Delete all data of the id, whether or not there is a person of it; returns what was deleted and what is left.

    Work on the person in any process is asked to stop; the deletion waits for it up to `seconds`. The next sweep
    deletes what is left; until then the person is hidden. Raises UnknownPerson where no data belongs to the id.
    """
    id = workspace.person_folder(id).name
    change = _pending_deletion(workspace, id)
    if change is None:
        traces = traces_of(workspace, id)
        if not traces.all and not works_on(workspace.root, names_of((id,))):
            workspace.person(id)
            raise UnknownPerson(
                text("There is nothing of {id!r}.", id=id), advice=text("easyphoto persons lists everybody.")
            )
        listed = listed_names(host, id, (folder / LORA for folder in (*traces.person, *traces.runs)))
        change = new_change(DELETE, (id,), uploads=tuple(file.name for file in traces.uploads), listed=listed)
        with suppress(DiskFailure):  # the disk may be full, and the deletion frees space
            begin(workspace.root, change)
    return _delete(workspace, change, host, seconds, must_be_pending=False)


def finish_deletion(workspace: Workspace, change: Change, host: Host) -> Deletion:
    """Complete a deletion that was begun. Raises RunBusy while another process runs it."""
    if busy := _workers(workspace, change):
        return Deletion((), busy)
    return _delete(workspace, change, host, 0.0, must_be_pending=True)


def _pending_deletion(workspace: Workspace, id: str) -> Change | None:
    return next((each for each in pending(workspace.root) if each.kind == DELETE and id in each.persons), None)


def _delete(workspace: Workspace, change: Change, host: Host, seconds: float, *, must_be_pending: bool) -> Deletion:
    latest = time.monotonic() + seconds
    while (left := _workers(workspace, change)) and time.monotonic() < latest:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    with changing(workspace.root, change.persons, seconds=seconds):
        if must_be_pending and not is_pending(workspace.root, change):
            return Deletion(())
        remover = _Remover(workspace, change, host)
        remover.remove_all()
        left = (*_workers(workspace, change), *remover.left)
        if not left:
            end(workspace.root, change)
    return Deletion(tuple(dict.fromkeys(remover.gone)), left)


def _workers(workspace: Workspace, change: Change) -> tuple[Left, ...]:
    """Running work on the person; a training's worker may outlive its parent for a moment."""
    id = change.persons[0]
    found = [Left(id, f"{who} works on them and has not stopped yet") for who in works_on(workspace.root, change.names)]
    for run in workspace.runs_of(id):
        if is_held(lock := RunFolder(run).lock):
            found.append(Left(f"runs/{run.name}", f"{owner_of(lock)} trains there and has not stopped yet"))
    return tuple(found)


class _Remover:
    """Deletes a person's data; records what cannot be deleted and continues."""

    def __init__(self, workspace: Workspace, change: Change, host: Host) -> None:
        self._workspace, self._change, self._host = workspace, change, host
        self.gone: list[Path] = []
        self.left: list[Left] = []

    def remove_all(self) -> None:
        workspace, root, id = self._workspace, self._workspace.root, self._change.persons[0]
        traces = traces_of(workspace, id, self._change.uploads)
        for lora in (folder / LORA for folder in traces.person):
            if lora.is_file():
                self._try(lora, self._withdraw, lora)
        self._try(root, self._unlist)
        # Before their originals are deleted, because they are found by comparison.
        for copy in copies_of(traces, workspace.page):
            self._try(copy, discard, root, copy)
        for copy in made_for_pages(workspace.page, id):
            self._try(copy, discard, root, copy)
        for copy in uploaded_copies(workspace, traces):
            self._try(copy, self._discard, copy)
        for path in traces.all:
            if not is_held(RunFolder(path).lock):
                self._try(path, self._discard, path)
        self._forget_installs(id)
        for path in _left_overs(workspace):
            self._try(path, clear, root, path)

    def _withdraw(self, lora: Path) -> None:
        gone = self._host.withdraw(lora)
        self.gone += [gone] if gone is not None else []

    def _unlist(self) -> None:
        self.gone += unlisted(self._workspace.root, self._change, self._host)

    def _discard(self, path: Path) -> None:
        self.gone += [path] if discard(self._workspace.root, path) else []

    def _forget_installs(self, id: str) -> None:
        """Drop unfinished installs: the folder that they would put in place has just been deleted."""
        root = self._workspace.root
        for change in pending(root):
            if change.kind == INSTALL and id in change.persons:
                for path in (change.new, change.old):
                    if path:
                        self._try(root / path, lambda path: discard(root, inside(root, path)), path)
                self._try(root, end, root, change)

    def _try(self, path: Path, step: Callable[..., object], *given: object) -> None:
        try:
            step(*given)
        except EasyPhotoError as error:
            self.left.append(Left(_below(self._workspace.root, path), error.said))


def _left_overs(workspace: Workspace) -> Iterable[Path]:
    """Files that killed processes left: their owner is unknown, so every deletion removes them."""
    for place in (workspace.arriving, workspace.passing, workspace.page):
        yield from abandoned(place)
    yield from half_written(workspace)
    yield from rubbish(workspace.root)


def half_written(workspace: Workspace) -> tuple[Path, ...]:
    """Temporary files whose writer has ended."""
    places = (workspace.persons, workspace.runs, workspace.results, workspace.jobs)
    folders = [workspace.root, workspace.root / CHANGES, workspace.uploads, workspace.templates, *places]
    folders += [folder for place in places for folder in _tree(place)]
    found = (file for folder in folders if folder.is_dir() for file in matching(folder, f"{WRITING}*"))
    return tuple(file for file in found if file.is_file() and is_left_over(file))


def _tree(place: Path) -> Iterable[Path]:
    for folder in folders_in(place):
        yield folder
        yield from _tree(folder)


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if root in path.parents else path.name
