"""Finds all data of a person in a workspace, which a deletion removes, whether or not there is a person of that id."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.errors import EasyPhotoError
from easyphoto.images.formats import SUFFIXES
from easyphoto.images.pictures import picture_files, picture_record
from easyphoto.storage.records import read_json
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.folders import EXPORT_NOTE, JOB_FILE, SESSION_FILE, Workspace, folders_in, records_in, texts_in

UNFINISHED = ("queued", "running")
ON_WHICH_IT_IS_PAINTED = ("templates", "template", "mask", "pose_picture")
"""Keys of a job's request that name pictures which are nobody's photos: lists of uploads, or one each."""
_COPIED = (*SUFFIXES, ".safetensors")
_SHOWN = "image.webp"
"""What gradio calls a picture on show, which it encodes anew."""
_PIECE = 1 << 20
Print = tuple[int, int]
"""A file's size in bytes and CRC-32, as ZIP files list them."""


@dataclass(frozen=True)
class Traces:
    """Existing paths, by kind."""

    person: tuple[Path, ...] = ()
    """The folder in `persons`, with or without a record: none or one."""
    runs: tuple[Path, ...] = ()
    results: tuple[Path, ...] = ()
    jobs: tuple[Path, ...] = ()
    checks: tuple[Path, ...] = ()
    """Jobs that examined the person's photos and name no person."""
    uploads: tuple[Path, ...] = ()
    templates: tuple[Path, ...] = ()
    """Templates that were drawn with the person's LoRA, and kept."""

    @property
    def all(self) -> tuple[Path, ...]:
        """All paths in the order of deletion: a path that leads to others comes after them."""
        return (*self.results, *self.checks, *self.uploads, *self.templates, *self.jobs, *self.runs, *self.person)


def traces_of(workspace: Workspace, id: str, uploads: Iterable[str] = ()) -> Traces:
    """The traces of the id, by records, or by names where a record is missing.

    `uploads` belong to the person although no job says so. Photos that another person's job still needs are left out.
    """
    folder = workspace.person_folder(id)
    said = {folder: subject_of(record) for folder, record in records_in(workspace.jobs, JOB_FILE)}
    theirs = {folder for folder, (_, persons, _) in said.items() if id in persons}
    needed = _needed(said, theirs)
    names = {*uploads, *(name for folder in theirs for name in said[folder][2])} - needed
    names |= _templates_of_nobody_else(workspace, theirs)
    checks = {folder for folder, (_, persons, photos) in said.items() if not persons and names.intersection(photos)}
    files = (workspace.uploads / name for name in sorted(names) if is_file_name(name))
    return Traces(
        person=(folder,) if folder.is_dir() else (),
        runs=workspace.runs_of(id),
        results=tuple(each for each in folders_in(workspace.results) if id in persons_in(each)),
        jobs=tuple(sorted(theirs)),
        checks=tuple(sorted(checks)),
        uploads=tuple(file for file in files if file.is_file()),
        templates=tuple(file for file, record in drawn_templates(workspace) if id in texts_in(record, "persons")),
    )


def drawn_templates(workspace: Workspace) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The templates that were drawn with persons' LoRAs, with their records, which name the persons."""
    folder = workspace.templates
    for file in picture_files(folder) if folder.is_dir() else ():
        with suppress(Exception):  # Pillow raises many kinds on a damaged picture, which names nobody
            record = None if file.is_symlink() else picture_record(file)
            if texts_in(record, "persons"):
                yield file, record or {}


def _needed(said: Mapping[Path, tuple[str, tuple[str, ...], tuple[str, ...]]], theirs: Container[Path]) -> set[str]:
    """Uploads that other persons' jobs still need."""
    return {
        name
        for folder, (state, persons, names) in said.items()
        if state in UNFINISHED and persons and folder not in theirs
        for name in names
    }


def uploaded_copies(workspace: Workspace, traces: Traces) -> tuple[Path, ...]:
    """Uploads with the same bytes as the person's photos that no job names any more, because the job was removed."""
    said = {folder: subject_of(record) for folder, record in records_in(workspace.jobs, JOB_FILE)}
    needed = _needed(said, traces.jobs)
    return tuple(file for file in copies_of(traces, workspace.uploads) if file.name not in needed)


def _templates_of_nobody_else(workspace: Workspace, theirs: Container[Path]) -> frozenset[str]:
    """Uploads used as templates by the person's jobs and by no other job."""
    mine: set[str] = set()
    others: set[str] = set()
    for folder, record in records_in(workspace.jobs, JOB_FILE):
        named = pictures_named(record.get("request"), ON_WHICH_IT_IS_PAINTED)
        (mine if folder in theirs else others).update(named)
    return frozenset(mine - others)


def pictures_named(request: Any, keys: Iterable[str]) -> Iterator[str]:
    """The pictures that a job's request names under the keys; a malformed request names none."""
    for key in keys:
        value = request.get(key) if isinstance(request, Mapping) else None
        yield from (value,) if isinstance(value, str) else texts_in(request, key)


def persons_in(session: Path) -> frozenset[str]:
    """Ids of the persons in a results folder, from its record or, where that is unreadable, from its pictures."""
    with suppress(EasyPhotoError):
        return frozenset(texts_in(read_json(session / SESSION_FILE), "persons"))
    found: set[str] = set()
    with suppress(OSError):
        for picture in picture_files(session):
            with suppress(Exception):  # Pillow raises many kinds on a truncated picture
                found.update(texts_in(picture_record(picture), "persons"))
    return frozenset(found)


def subject_of(record: dict[str, Any]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """State, persons and uploads of a job; a malformed record names no person."""
    subject = record.get("subject")
    return str(record.get("state")), texts_in(subject, "persons"), texts_in(subject, "uploads")


def copies_of(traces: Traces, place: Path) -> tuple[Path, ...]:
    """Files in `place` with the same bytes as one of the traces, or ZIP files that contain one.

    A page keeps copies of the files that passed through it, under meaningless names.
    """
    passing = {file: _prints(file) for file in _files(place)}
    sizes = {size for prints in passing.values() for size, _ in prints}
    theirs = {
        _print_of(file)
        for trace in traces.all
        for file in ([trace] if trace.is_file() else _files(trace))
        # Two persons may have identical loss weights.
        if file.suffix.lower() in _COPIED and file.parent.name != "weights" and _size(file) in sizes
    }
    return tuple(file for file, prints in passing.items() if theirs & prints)


def made_for_pages(place: Path, id: str) -> tuple[Path, ...]:
    """Files in `place` that a page made: what it shows, and downloads whose note names the person.

    Nothing tells whom the pictures on show are of: all of them go. Open pages have loaded theirs already.
    """
    found = []
    for file in _files(place):
        if file.name == _SHOWN:
            found.append(file)
        elif file.name == EXPORT_NOTE:
            with suppress(EasyPhotoError):
                found += list(_files(file.parent)) if id in texts_in(read_json(file), "persons") else []
    return tuple(found)


def _files(place: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in sorted(place.rglob("*")) if path.is_file() and not path.is_symlink())


def _prints(file: Path) -> frozenset[Print]:
    """Prints of the file and, for a ZIP file, of its entries."""
    prints = {_print_of(file)}
    if file.suffix.lower() == ".zip":
        with suppress(zipfile.BadZipFile, OSError, ValueError, NotImplementedError), zipfile.ZipFile(file) as archive:
            prints |= {(entry.file_size, entry.CRC) for entry in archive.infolist()}
    return frozenset(prints)


def _print_of(file: Path) -> Print:
    size, code = 0, 0
    with suppress(OSError), file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            size, code = size + len(piece), zlib.crc32(piece, code)
    return size, code


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1
