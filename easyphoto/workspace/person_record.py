"""The record of a person, a scene or an object: `person.json` in their folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.errors import BadRecord
from easyphoto.messages import text
from easyphoto.storage.files import inside
from easyphoto.storage.records import read_json, typed
from easyphoto.workspace.file_names import is_file_name
from easyphoto.workspace.person_ids import checked_id
from easyphoto.workspace.prompt_words import are_plain

PERSON_FILE = "person.json"
LORA_IDENTITY = "lora"
FACE, SCENE, OBJECT = "face", "scene", "object"
KINDS = (FACE, SCENE, OBJECT)
"""What can be learned. A scene or an object (a pet, too) is kept, exported and deleted as a person is."""


@dataclass(frozen=True)
class Person:
    """A person who was added, trained or imported, or a scene or an object that was learned, as in `person.json`.

    Paths are relative to their folder.
    """

    id: str
    name: str
    family: str
    created: str
    photos: tuple[str, ...] = ()
    reference: str | None = None
    portrait: str | None = None
    lora: str | None = None
    """None before the first training."""
    run: str | None = None
    base: str | None = None
    """The base model that the LoRA belongs to, or on which an added person is to be painted, as named then."""
    domain: str | None = None
    """What the photos are: `photographs` or `drawings`, the domain of a face engine. None in older records."""
    likeness: dict[str, Any] | None = None
    """Likeness of the portrait, with the fields of `LikenessRecord`."""
    notes: tuple[str, ...] = ()
    kind: str = FACE
    """One of KINDS."""
    words: str = ""
    """What describes them in a prompt: a person's hair, glasses or age; the words that call a scene or an object."""
    proposed_words: str = ""
    """What an engine saw on their photos; it becomes their `words` only if somebody says so."""

    @property
    def shows_face(self) -> bool:
        """Whether it is a person, who can be photographed; otherwise a scene or an object."""
        return self.kind == FACE

    @property
    def is_trained(self) -> bool:
        return self.lora is not None

    @property
    def is_ready(self) -> bool:
        """Whether they can be photographed: with a LoRA, or with photos from which an engine can take their face."""
        return self.is_trained or (bool(self.photos) and self.reference is not None)

    @property
    def facts(self) -> dict[str, Any]:
        """What programs are told of a person, over HTTP and on the command line."""
        return {
            "id": self.id, "name": self.name, "family": self.family, "domain": self.domain, "created": self.created,
            "is_ready": self.is_ready, "is_trained": self.is_trained, "photos": len(self.photos),
            "likeness": self.likeness, "notes": list(self.notes), "run": self.run, "kind": self.kind,
            "words": self.words, "proposed_words": self.proposed_words,
        }  # fmt: skip


@dataclass(frozen=True)
class LikenessRecord:
    """How like the person a picture is, as stored in records."""

    embedder: str
    cosine: float
    percentile: float | None = None
    strangers: float | None = None


@dataclass(frozen=True)
class Damaged:
    """A person whose record cannot be read."""

    id: str
    reason: str


def read_person(folder: Path) -> Person:
    """The person of a folder, whose name is the id whatever the record says. Raises BadRecord, OutsideFolder."""
    record = read_json(folder / PERSON_FILE)
    return checked_person(typed(Person, {**record, "id": checked_id(folder.name)}, _damage(folder)), folder)


def checked_person(person: Person, folder: Path) -> Person:
    """The person, after checking that all files of the record lie in the folder. Raises BadRecord, OutsideFolder."""
    for name in (
        *person.photos,
        *(part for part in (person.reference, person.portrait, person.lora) if part is not None),
    ):
        inside(folder, name)
    if person.run is not None and not is_file_name(person.run):
        raise BadRecord(
            text("{damage} is damaged: its run is no name.", damage=_damage(folder)),
            advice=text("Restore it from a copy."),
        )
    for words in (person.words, person.proposed_words):
        if words and not are_plain(words):
            raise BadRecord(
                text("{damage} is damaged: its words are no plain text.", damage=_damage(folder)),
                advice=text("Restore it from a copy."),
            )
    if person.kind not in KINDS:
        raise BadRecord(
            text("{damage} is damaged: it is of an unknown kind.", damage=_damage(folder)),
            advice=text("Restore it from a copy."),
        )
    if person.likeness is not None:
        typed(LikenessRecord, person.likeness, f"The likeness of {folder.name!r}")
    return person


def _damage(folder: Path) -> str:
    return f"The record of the person {folder.name!r}"
