"""What can be learned besides a face, as a check and a training ask for it: the kind, and the words that call it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from easyphoto.errors import BadReference, BadSettings, UnknownPerson, WrongKind
from easyphoto.messages import text
from easyphoto.spelling import known_names
from easyphoto.workspace.person_record import FACE, KINDS
from easyphoto.workspace.prompt_words import checked_words

if TYPE_CHECKING:
    from easyphoto.workspace.folders import Workspace
    from easyphoto.workspace.person_record import Person

KIND = "What the photos show: a person's face, a scene, or an object (also a pet)."
WORDS = (
    "What calls a scene or an object in a prompt, such as: a room with a red sofa (default: easyphoto_scene or "
    "easyphoto_object, and its name)."
)


def check_concept(concept: str, faces: Collection[str], reference: str | None) -> None:
    """Raise BadSettings for an unknown kind, BadReference where a face is chosen although none is learned."""
    if concept not in KINDS:
        raise BadSettings(text("kind cannot be {value}.", value=repr(concept)), advice=known_names(concept, KINDS))
    if concept != FACE and (faces or reference):
        raise BadReference(
            text("Of a scene or an object no face and no reference photo is chosen."),
            advice=text("Leave them out, or train a person's face."),
        )


def check_same_kind(workspace: Workspace, id: str, concept: str) -> None:
    """Raise WrongKind where the id belongs to something of another kind, which the training would replace."""
    person = known(workspace, id)
    if person is not None and person.kind != concept:
        raise WrongKind(
            text("{name} is known already, as {kind}.", name=person.name, kind=KIND_WORDS[person.kind]),
            advice=text("Train it with --kind {kind} (in the API: kind), or choose another name.", kind=person.kind),
        )


def words_of(workspace: Workspace, name: str, concept: str, written: str | None) -> str:
    """The words that call what is trained: those that were written, or it has already, or made from its name.

    They begin with a word that no model knows, as a person's trigger does, so that other pictures are not changed. The
    name follows: a model knows what a kitchen is, and two scenes in one prompt need different words. Of a face they are
    empty. Raises BadSettings for words written for a face, BadWords.
    """
    said = checked_words(written or "")
    if concept == FACE:
        if said:
            raise BadSettings(
                text("Words that call it belong to a scene or an object."),
                advice=text("Leave them out, or add --kind scene or --kind object."),
            )
        return ""
    person = known(workspace, workspace.id_of(name))
    return said or (person.words if person else "") or f"easyphoto_{concept}, {name.strip()}"


def known(workspace: Workspace, id: str) -> Person | None:
    """Who has that id already; None where nobody has."""
    try:
        return workspace.person(id)
    except UnknownPerson:
        return None


KIND_WORDS = {"face": text("a person"), "scene": text("a scene"), "object": text("an object")}
