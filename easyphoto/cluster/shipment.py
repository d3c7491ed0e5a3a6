"""What a job takes along to another machine: the files that its command needs, and the command as it reads there."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.commands.base import Command
from easyphoto.commands.draw_style_previews import DrawStylePreviews
from easyphoto.commands.draw_template import DrawTemplate
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.templates import own_templates
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import EasyPhotoError
from easyphoto.persons.scenes import scene_ids
from easyphoto.preprocess.captions import caption_file
from easyphoto.storage.files import matching
from easyphoto.storage.scratch import LOCK
from easyphoto.training.run import RUN_FILE
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import read_person
from easyphoto.workspace.styles import read_styles

SENT: tuple[type[Command], ...] = (
    TrainPerson, ResumeTraining, PhotographPersons, PlaceObject, DrawTemplate, DrawStylePreviews,
)  # fmt: skip
"""The commands that compute for long. All others run where the workspace is: importing moves files about there, a
checkpoint is chosen among files that lie there, words are proposed in a second, and the trainer is set up for that
machine."""
BROUGHT = "brought"
"""Folder on the other machine for files from outside of the workspace."""


@dataclass(frozen=True)
class SentFile:
    below: str
    """Its path in the other machine's workspace."""
    source: str
    bytes: int
    changed: int
    """Its time of change in nanoseconds: with path and size it tells whether the file is there already."""


@dataclass(frozen=True)
class Shipment:
    kind: str
    command: Mapping[str, Any]
    """`Command.whole_record` with paths relative to the other machine's workspace."""
    files: tuple[SentFile, ...] = ()
    folders: tuple[str, ...] = ()
    """Folders of which `files` are the whole content."""
    persons: tuple[str, ...] = ()
    """Ids of those whose files travel."""

    @property
    def gives_person(self) -> str | None:
        """The id of the person whom the job makes anew."""
        return self.persons[0] if self.kind in (TrainPerson.kind, ResumeTraining.kind) and self.persons else None


def goes_elsewhere(command: Command) -> bool:
    """Whether another machine may run the command."""
    # A folder of the user's own for the results is on this machine.
    return isinstance(command, SENT) and getattr(command, "out", None) is None


def shipment_of(command: Command, workspace: Workspace) -> Shipment:
    """Return what the command needs of the workspace and of the files that it names.

    Files that are missing are left out: running the command names them. Raises BadSettings.
    """
    files: dict[str, SentFile] = {}

    def add(place: Path, below: str) -> str:
        with suppress(OSError):
            found = place.stat()
            files[below] = SentFile(below, str(place), found.st_size, found.st_mtime_ns)
        return below

    def written(file: Path) -> str:
        below = _below(file, workspace)
        for beside in (file, caption_file(file)):
            if beside is not None:
                add(beside, f"{below.rpartition('/')[0]}/{beside.name}")
        return below

    persons = _persons(command, workspace)
    record = command.whole_record(written)
    folders = []
    for folder in _folders(command, workspace, persons):
        folders.append(folder.relative_to(workspace.root).as_posix())
        for file in _files_in(folder):
            add(file, file.relative_to(workspace.root).as_posix())
    for file in _single_files(command, workspace, persons):
        add(file, file.relative_to(workspace.root).as_posix())
    return Shipment(command.kind, record, tuple(files.values()), tuple(folders), persons)


def _below(file: Path, workspace: Workspace) -> str:
    """The path on the other machine, without spaces for two files of one name from different folders."""
    place = file.expanduser().absolute()
    with suppress(ValueError):
        return place.relative_to(workspace.root.absolute()).as_posix()
    return f"{BROUGHT}/{zlib.crc32(str(place.parent).encode('utf-8', 'surrogateescape')):08x}/{place.name}"


def _persons(command: Command, workspace: Workspace) -> tuple[str, ...]:
    """The persons of the command, then the scenes and objects that its settings or its style call."""
    ids = [*command.subjects(workspace).persons]
    if isinstance(command, PhotographPersons):
        ids += command.called(workspace)
    if isinstance(command, DrawStylePreviews):
        for style in read_styles(workspace).usable:
            ids += scene_ids(workspace, style.written_loras)
    return tuple(dict.fromkeys(ids))


def _folders(command: Command, workspace: Workspace, persons: Iterable[str]) -> Iterator[Path]:
    for id in persons:
        yield workspace.person_folder(id)
    if isinstance(command, ResumeTraining):
        yield workspace.run_folder(command.training)
    if isinstance(command, DrawStylePreviews):
        yield workspace.styles


def _single_files(command: Command, workspace: Workspace, persons: Iterable[str]) -> Iterator[Path]:
    if isinstance(command, (TrainPerson, ResumeTraining)):
        # On them the checkpoints of photographed persons are judged.
        yield from own_templates(workspace)
    if isinstance(command, PhotographPersons):
        yield from matching(workspace.styles, "*.json")
    for id in persons:
        with suppress(EasyPhotoError):
            person = read_person(workspace.person_folder(id))
            if person.base is None and person.run:
                yield workspace.runs / person.run / RUN_FILE


def _files_in(folder: Path) -> Iterator[Path]:
    for file in matching(folder, "**/*"):
        if file.is_file() and not file.is_symlink() and file.suffix != LOCK:
            yield file
