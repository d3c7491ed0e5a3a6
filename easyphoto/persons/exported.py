"""Imports a person from an export of EasyPhoto; every file is checked before it is accepted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PureWindowsPath

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import family_named
from easyphoto.backends.lora_words import MOST_WORDS
from easyphoto.errors import InputError
from easyphoto.faces.engine import Domain
from easyphoto.images.pictures import read_picture
from easyphoto.messages import phase, text
from easyphoto.persons.archive import unpack_export
from easyphoto.persons.folder import LORA, PORTRAIT, REFERENCE
from easyphoto.persons.lora_family import family_of_lora
from easyphoto.persons.renaming import checked_name
from easyphoto.preprocess.dataset import read_dataset
from easyphoto.progress import Progress
from easyphoto.storage.files import inside
from easyphoto.storage.records import read_json, typed
from easyphoto.workspace.person_record import PERSON_FILE, Person, checked_person

_ADVICE = text("Export the person again where they come from.")


def person_of_archive(source: Path, staging: Path, progress: Progress) -> Person:
    """Unpack the archive into `staging` and return the person of its record, checked against the files."""
    unpack_export(source, staging, progress)
    return person_in(staging, progress)


def person_in(folder: Path, progress: Progress) -> Person:
    """The person in the folder. Raises InputError where a file is missing, invalid, or outside the folder."""
    person = _record(folder)
    references = (REFERENCE,) if person.shows_face else (None, REFERENCE)
    is_usual = person.reference in references and person.portrait in (None, PORTRAIT)
    if not is_usual or not _names_its_lora(person, folder):
        raise InputError(text("The record of the person names unusual files."), advice=_ADVICE)
    if not person.is_ready:
        raise InputError(text("The archive contains neither a LoRA nor photos of the person."), advice=_ADVICE)
    family = family_of_lora(_file_of(folder, LORA)) if person.is_trained else family_named(person.family)
    if family.id != person.family:
        raise InputError(
            text(
                "The person's LoRA is for {label}, but their record says {family!r}.",
                label=family.label,
                family=person.family,
            ),
            advice=_ADVICE,
        )
    # A scene that came as a LoRA file has nothing else.
    has_dataset = person.shows_face or (folder / "dataset").exists()
    entries = read_dataset(folder / "dataset").entries if has_dataset else ()
    of_dataset = [path for entry in entries for path in (entry.image, entry.weights)]
    named = [*person.photos, *(part for part in (person.reference, person.portrait) if part)]
    pictures = [*(_file_of(folder, name) for name in named), *of_dataset]
    for number, picture in enumerate(pictures):
        progress.check()
        progress.step(number, len(pictures), phase("look", "looking at {name}", name=picture.name))
        read_picture(picture)
    # An archive must not decide which file of this or another machine is opened.
    words = " ".join(person.words.split())[:MOST_WORDS]
    return replace(person, base=_base_name(person.base, family), name=checked_name(person.name), words=words)


def _names_its_lora(person: Person, folder: Path) -> bool:
    """Whether the record names the LoRA by its usual name, or there is none: nobody would look at an unnamed one."""
    return person.lora == LORA or (person.lora is None and not (folder / LORA).exists())


def _record(folder: Path) -> Person:
    person = typed(Person, read_json(folder / PERSON_FILE), "The record of the person")
    # The run is not part of the export; a run of that name here would be another person's.
    person = checked_person(replace(person, run=None), folder)
    if person.domain not in (None, *(domain.value for domain in Domain)):
        raise InputError(text("The record of the person names an unknown kind of pictures."), advice=_ADVICE)
    return person


def _base_name(base: str | None, family: Family) -> str | None:
    """The base as hosts list it: of a path only the file name; None for a family that ships its own base."""
    name = PureWindowsPath(base or "").name
    return name if name not in ("", "..") and not family.ships else None


def _file_of(folder: Path, name: str) -> Path:
    """A file that the person's record names. Raises InputError where it is missing or not a file, OutsideFolder."""
    path = inside(folder, name)
    if not path.is_file():
        raise InputError(text("The archive lacks a file that the person's record names."), advice=_ADVICE)
    return path
