"""Lists and removes everything that EasyPhoto keeps: for who removes the program and wants nothing of it to stay.

Persons go by the same verb as one by one. Of the folders only EasyPhoto's own are removed, links are never followed,
and what cannot be removed is said.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from easyphoto.errors import BadName, EasyPhotoError, InputError
from easyphoto.messages import Text, text
from easyphoto.persons.deletion import Left
from easyphoto.persons.traces import traces_of
from easyphoto.persons.upkeep import nobodys
from easyphoto.storage.scratch import TRASH, discard, empty, size_of
from easyphoto.training.environment import STAMP
from easyphoto.weights.ledger import sha256_of
from easyphoto.workspace.folders import ENV, PARTS, WORKSPACE_FILE, Workspace, checked_id, folders_in
from easyphoto.workspace.moving import check_idle
from easyphoto.workspace.person_record import PERSON_FILE
from easyphoto.workspace.upgrades import KEPT, LOCK_FILE, format_of
from easyphoto.workspace.web_ui_files import HOMES, WebuiFiles, lines_of, loras_by_name, without_lines

PERSONS, TEMPLATES, STYLES, WEIGHTS = "persons", "templates", "styles", "weights"
TRAINER, SETTINGS = "trainer", "settings"
KEEPABLE = (PERSONS, TEMPLATES, STYLES, WEIGHTS, TRAINER, SETTINGS)
"""What may be kept, by its word."""
REST = "rest"
_PARTS_OF = {
    TEMPLATES: ("templates",), STYLES: ("styles",), WEIGHTS: ("weights",), TRAINER: (ENV,),
    SETTINGS: ("configurations",),
}  # fmt: skip
_PARTS_OF_PERSONS = ("persons", "runs", "results", "jobs", "uploads")
_FILES = (WORKSPACE_FILE, LOCK_FILE, f"{ENV}.lock", f"{ENV}.making", KEPT)


@dataclass(frozen=True)
class Leaving:
    """One thing that is kept somewhere."""

    kind: str
    """One of KEEPABLE, or REST."""
    what: Text
    path: Path
    size: int = 0
    """Bytes that go with it."""


@dataclass(frozen=True)
class Removal:
    gone: tuple[str, ...]
    left: tuple[Left, ...] = ()


def leavings(workspace: Workspace, files: WebuiFiles | None, keep: Collection[str] = ()) -> tuple[Leaving, ...]:
    """List what a removal takes. Raises InputError for a folder that is no workspace, or a word that is none."""
    unknown = sorted({*keep} - {*KEEPABLE})
    if unknown:
        raise InputError(
            text("{words} is not something that can be kept.", words=", ".join(unknown)),
            advice=text("Choose among: {choices}.", choices=", ".join(KEEPABLE)),
        )
    check_workspace(workspace.root)
    found = [*_in_workspace(workspace), *(_in_webui(files) if files is not None else ())]
    return tuple(each for each in found if each.kind not in keep)


def check_workspace(root: Path) -> None:
    """Raises InputError for another folder than a workspace: folders called `results` may be anybody's."""
    if not root.exists():
        return
    format_of(root)
    if not (root / WORKSPACE_FILE).is_file():
        raise InputError(
            text("{root} is not a workspace: it has no {file}.", root=root, file=WORKSPACE_FILE),
            advice=text("Name the workspace with --workspace, or its web UI's folder with --webui."),
        )


def _in_workspace(workspace: Workspace) -> Iterator[Leaving]:
    root = workspace.root
    for id, name in _persons(workspace).items():
        paths = traces_of(workspace, id).all
        what = text("{name}: photos, trainings, pictures", name=name)
        yield Leaving(PERSONS, what, workspace.person_folder(id), sum(map(size_of, paths)))
    if templates := _size(workspace.templates):
        yield Leaving(TEMPLATES, text("templates of your own"), workspace.templates, templates)
    if styles := _size(workspace.styles):
        yield Leaving(STYLES, text("styles of your own, and previews"), workspace.styles, styles)
    if weights := _size(workspace.weights):
        yield Leaving(WEIGHTS, text("weights that were downloaded"), workspace.weights, weights)
    if saved := _size(workspace.configurations):
        yield Leaving(SETTINGS, text("saved settings"), workspace.configurations, saved)
    if os.path.lexists(workspace.env):
        yield Leaving(TRAINER, text("the training environment"), workspace.env, _size(workspace.env))
    if root.exists():
        yield Leaving(REST, text("jobs, uploads, reports, and the folder itself"), root)


def _in_webui(files: WebuiFiles) -> Iterator[Leaving]:
    for lora, start in loras_by_name(files):
        if sha256_of(lora).startswith(start):  # a file that was only called so is somebody else's
            yield Leaving(PERSONS, text("a LoRA in the web UI's list"), lora, size_of(lora))
    for file in (files.config, files.ui_config):
        if count := len(lines_of(file)):
            yield Leaving(SETTINGS, text("lines of EasyPhoto: {count}", count=count), file)
    if files.journal.is_file():
        yield Leaving(REST, text("the record of where the workspace is"), files.journal)


def _persons(workspace: Workspace) -> dict[str, str]:
    """Return id → name of everybody of whom there is something, readable or not."""
    named = {person.id: person.name for person in workspace.list_persons()}
    for folder in folders_in(workspace.persons):
        with suppress(BadName):
            if (folder / PERSON_FILE).exists():
                named.setdefault(checked_id(folder.name), folder.name)
    return {**{id: id for id in nobodys(workspace)}, **named}


def _size(path: Path) -> int:
    # A link is removed as a link: what it leads to stays, and does not count.
    return 0 if path.is_symlink() else size_of(path) if path.exists() else 0


def remove(
    workspace: Workspace,
    files: WebuiFiles | None,
    keep: Collection[str],
    delete_person: Callable[[str], tuple[tuple[Path, ...], tuple[Left, ...]]],
) -> Removal:
    """Remove what `leavings` lists; `delete_person` deletes one, by id, and returns what is gone and what is left.

    Raises InputError as `leavings`, and RunBusy while another process works in the workspace: nothing is removed then.
    """
    listed = leavings(workspace, files, keep)
    check_idle(workspace.root, advice=text("Stop the web UI, the page or the training first; then remove EasyPhoto."))
    remover = _Remover(workspace, files, frozenset(keep))
    if PERSONS not in keep:
        for id in _persons(workspace):
            gone, left = delete_person(id)
            remover.gone += map(str, gone)
            remover.left += left
    remover.remove(listed)
    return Removal(tuple(dict.fromkeys(remover.gone)), tuple(remover.left))


@dataclass
class _Remover:
    workspace: Workspace
    files: WebuiFiles | None
    keep: frozenset[str]
    gone: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def remove(self, listed: Collection[Leaving]) -> None:
        keeps_root = bool(self.keep - {SETTINGS}) or (SETTINGS in self.keep and self.workspace.configurations.is_dir())
        if self.workspace.root.is_dir():
            self._remove_parts()
            if not keeps_root:
                self._remove_root()
        if self.files is not None and not keeps_root and not self.left:
            self._try(self.files.journal, self._remove_file, self.files.journal)
        for each in listed:
            if each.kind == SETTINGS and each.path != self.workspace.configurations:
                self._try(each.path, self._remove_lines, each.path)
            elif each.kind == PERSONS and each.path.parent != self.workspace.persons:
                self._try(each.path, self._remove_file, each.path)

    def _remove_lines(self, file: Path) -> None:
        self.gone += [f"{file}: {key}" for key in without_lines(file)]

    def _remove_file(self, file: Path) -> None:
        self.gone += [str(file)] if discard(self.workspace.root, file) else []

    def _remove_parts(self) -> None:
        root = self.workspace.root
        own = self.workspace.checkpoints.name  # the user's files: they stay, and say nothing of whose the rest is
        strangers = sorted({path.name for path in root.iterdir()} - {*PARTS, *_FILES, own})
        kept = {part for kind in self.keep for part in _PARTS_OF.get(kind, ())}
        kept |= {*_PARTS_OF_PERSONS, "changes"} if PERSONS in self.keep else set()
        for name in (part for part in PARTS if part not in kept and part != TRASH):
            path = root / name
            if not os.path.lexists(path):
                continue
            if strangers:
                # Somebody keeps other things here, so that a folder `results` need not be EasyPhoto's alone.
                self._leave(path, text("{root} holds other things as well; delete it by hand", root=root))
            elif name == ENV and not path.is_symlink() and not (path / STAMP).exists():
                self._leave(path, text("it holds something that EasyPhoto did not make"))
            else:
                self._try(path, self._discard, path)

    def _discard(self, path: Path) -> None:
        self.gone += [str(path)] if discard(self.workspace.root, path) else []

    def _remove_root(self) -> None:
        root = self.workspace.root
        trash = root / TRASH
        if trash.is_dir() and not trash.is_symlink():
            self._try(trash, empty, trash)
        if self.left:
            return  # the next removal must find a workspace
        for name in _FILES:
            self._try(root / name, self._discard, root / name)
        with suppress(OSError):
            root.rmdir()
            self.gone.append(str(root))
            _remove_home(root)
        if self.workspace.checkpoints.exists():
            self._leave(self.workspace.checkpoints, text("your own checkpoints are in it; move or delete them by hand"))
        elif root.exists():
            self._leave(root, text("it holds something that EasyPhoto did not make"))

    def _try(self, path: Path, step: Callable[..., object], *given: object) -> None:
        try:
            step(*given)
        except EasyPhotoError as error:
            self.left.append(Left(str(path), error.said))

    def _leave(self, path: Path, why: Text) -> None:
        self.left.append(Left(str(path), why))


def _remove_home(root: Path) -> None:
    """Remove the lock beside a web UI's workspace and their folder, if they are the last in it. Raises OSError."""
    if root.parent.name == HOMES:
        root.with_suffix(".lock").unlink(missing_ok=True)
        root.parent.rmdir()
