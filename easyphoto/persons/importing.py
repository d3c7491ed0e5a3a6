"""Imports persons into a workspace, each whole or not at all."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import BadName, BadSettings, EasyPhotoError, EnvironmentFailure, InputError, NameTaken
from easyphoto.host.base import Host
from easyphoto.messages import note, phase, text
from easyphoto.persons.archive import is_export, unpack_earlier
from easyphoto.persons.earlier import EngineOpener, build_person, earlier_folders, is_earlier, look_into
from easyphoto.persons.exported import person_of_archive
from easyphoto.persons.folder import STAGING, place_person
from easyphoto.persons.lora_import import is_lora_file, scene_of_lora
from easyphoto.progress import NullProgress, Progress
from easyphoto.storage.files import make_folder
from easyphoto.storage.journal import at_work, names_of
from easyphoto.storage.scratch import held_folder
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


@dataclass(frozen=True)
class LeftOut:
    """A person that was found and not imported, with the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class ImportedPersons:
    persons: tuple[Person, ...]
    left_out: tuple[LeftOut, ...] = ()


def import_persons(
    workspace: Workspace,
    source: Path,
    *,
    host: Host,
    open_engine: EngineOpener,
    name: str | None = None,
    progress: Progress | None = None,
    kind: str | None = None,
    words: str | None = None,
) -> ImportedPersons:
    """Import from a ZIP of `export`, or from a folder of the 2023 extension, or a ZIP of it, with one or more persons;
    or a scene or an object from a LoRA file, of which `kind` and `words` say what it shows and what calls it.

    `name` replaces the name of a single person. LoRAs are copied to where the host lists them. Of several persons,
    those that cannot be imported are left out with the reason; for a single one the error is raised: InputError,
    NameTaken, TooFewPhotos, BadPicture, DiskFailure.
    """
    progress = progress or NullProgress()
    if is_lora_file(source):
        found = ImportedPersons((_from_lora(workspace, source, name, kind, words, progress),))
    else:
        _check_says_itself(source, kind, words)
        found = _arrived(workspace, source, name, open_engine=open_engine, progress=progress)
    return replace(found, persons=tuple(_published(workspace, person, host) for person in found.persons))


def _arrived(
    workspace: Workspace, source: Path, name: str | None, *, open_engine: EngineOpener, progress: Progress
) -> ImportedPersons:
    if source.is_file() and zipfile.is_zipfile(source):
        if is_export(source):
            return ImportedPersons((_from_archive(workspace, source, name, progress),))
        with held_folder(workspace.arriving) as staging:
            unpack_earlier(source, staging, progress)
            if name is None and is_earlier(staging):
                name = source.stem  # packed without an enclosing folder
            return _arrived(workspace, staging, name, open_engine=open_engine, progress=progress)
    folders = earlier_folders(source)
    if not folders:
        raise InputError(
            text("There is no person in {source}.", source=source),
            advice=text(
                "Give a ZIP file made by `persons export`, a folder of easyphoto-user-id-infos, or a scene's LoRA."
            ),
        )
    if len(folders) == 1:
        return ImportedPersons(
            (_from_earlier(workspace, folders[0], name, open_engine=open_engine, progress=progress),)
        )
    if name is not None:
        raise InputError(
            text("There are {count} persons in {source}.", source=source, count=len(folders)),
            advice=text("Name one person's folder, or no name."),
        )
    arrived: list[Person] = []
    left_out: list[LeftOut] = []
    for number, folder in enumerate(folders):
        progress.check()
        progress.step(number, len(folders), phase("import", "importing {name}", name=folder.name))
        try:
            arrived.append(_from_earlier(workspace, folder, None, open_engine=open_engine, progress=progress))
        except EasyPhotoError as error:
            left_out.append(LeftOut(folder.name, error.said))
    return ImportedPersons(tuple(arrived), tuple(left_out))


def first_of(found: ImportedPersons) -> Person:
    """The first imported person. Raises InputError where all were left out."""
    if not found.persons:
        raise InputError(
            text("Nobody was imported. {reason}", reason=found.left_out[0].reason),
            advice=text("Import one person at a time."),
        )
    return found.persons[0]


def _published(workspace: Workspace, person: Person, host: Host) -> Person:
    """Publish the LoRA to the host; a failure becomes a note, because the person is imported all the same."""
    if person.lora is None:
        return person
    try:
        host.publish(workspace.person_folder(person.id) / person.lora)
    except EnvironmentFailure as error:
        person = replace(
            person,
            notes=(*person.notes, note("host-cannot-list", "The host cannot list the LoRA yet. {error}", error=error)),
        )
        workspace.save_person(person)
    return person


def _from_archive(workspace: Workspace, source: Path, name: str | None, progress: Progress) -> Person:
    if name is not None:
        _check_free(workspace, name)
    with held_folder(workspace.arriving) as held:
        staging = make_folder(held / STAGING)
        person = person_of_archive(source, staging, progress)
        id = _check_free(workspace, name or person.id)
        with at_work(workspace.root, names_of((id,)), progress):
            person = replace(person, id=id, name=(name or person.name).strip())
            return _installed(workspace, person, staging)


def _from_earlier(
    workspace: Workspace, folder: Path, name: str | None, *, open_engine: EngineOpener, progress: Progress
) -> Person:
    id = _check_free(workspace, name or folder.name)
    earlier = look_into(folder)
    with held_folder(workspace.arriving) as held, at_work(workspace.root, names_of((id,)), progress) as watched:
        staging = make_folder(held / STAGING)
        named = (name or folder.name).strip()
        person = build_person(earlier, id, named, staging=staging, open_engine=open_engine, progress=watched)
        return _installed(workspace, person, staging)


def _from_lora(
    workspace: Workspace, source: Path, name: str | None, kind: str | None, words: str | None, progress: Progress
) -> Person:
    named = (name or source.stem).strip()
    id = _check_free(workspace, named)
    with held_folder(workspace.arriving) as held, at_work(workspace.root, names_of((id,)), progress):
        staging = make_folder(held / STAGING)
        person = scene_of_lora(source, staging=staging, id=id, name=named, kind=kind, words=words)
        return _installed(workspace, person, staging)


def _check_says_itself(source: Path, kind: str | None, words: str | None) -> None:
    """Raise BadSettings where kind or words are given for a source that says both itself."""
    if kind is not None or words is not None:
        raise BadSettings(
            text("{name} says itself what it holds.", name=source.name),
            advice=text("Leave out kind and words; they are for a LoRA file (.safetensors)."),
        )


def _check_free(workspace: Workspace, name: str) -> str:
    """The id for the name. Raises NameTaken or BadName, with the option that helps."""
    try:
        id = workspace.id_of(name)
    except BadName as error:
        raise BadName(
            error.message, advice=text("Give another name (--name on the command line). {rest}", rest=error.advice)
        ) from None
    if workspace.person_folder(id).exists():
        raise NameTaken(
            text("There is already a person {name!r}.", name=id),
            advice=text("Give another name (--name on the command line), or rename or delete the other."),
        )
    return id


def _installed(workspace: Workspace, person: Person, staging: Path) -> Person:
    person = replace(person, run=None, notes=(*person.notes, *_base_note(person)))
    place_person(workspace, person, staging, replaces=False)
    return person


def _base_note(person: Person) -> tuple[str, ...]:
    """A note where the LoRA's base is unknown and the family does not ship one."""
    if person.base or not person.is_trained or FAMILIES[person.family].ships:
        return ()
    return (
        note(
            "base-unknown",
            "Imported. It is not known on which checkpoint the LoRA was trained; choose one with --base.",
        ),
    )
