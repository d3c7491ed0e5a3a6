"""Words that describe a person in a prompt: proposed from their photos, and changed by whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from easyphoto.faces.engine import FaceEngine, Worn
from easyphoto.faces.hair_colour import BALD, hair_name
from easyphoto.images.pictures import as_array
from easyphoto.inference.identities.base import KnownFace
from easyphoto.messages import Text, note
from easyphoto.persons.subject import known_faces
from easyphoto.preprocess.dataset import Dataset, read_dataset
from easyphoto.storage.journal import changing
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from easyphoto.workspace.prompt_words import checked_words

MOST_LOOKED_AT = 8
"""Pictures that are looked at: more than half of them have to agree."""
_NO_OUTLINES = note(
    "words-not-proposed",
    "No words are proposed: hair and glasses are told by the face parser bisenet only, which is not used here.",
)


@dataclass(frozen=True)
class WordsProposal:
    """Words that may describe a person; whoever knows them decides."""

    words: str = ""
    notes: tuple[Text, ...] = ()
    """What could not be told."""


def proposal_for(dataset: Dataset, engine: FaceEngine) -> WordsProposal:
    """What the engine sees on the pictures of a training set."""
    few = replace(dataset, entries=dataset.entries[:MOST_LOOKED_AT])
    return proposed_words(known_faces(few, engine), engine)


def proposed_words(faces: Sequence[KnownFace], engine: FaceEngine) -> WordsProposal:
    """Hair and glasses, as far as the engine tells them on more than half of the pictures. Nobody's age is guessed."""
    seen = [(picture, face, labels) for picture, face, labels in faces if engine.outlines_at(picture, face)]
    if not seen:
        return WordsProposal(notes=(_NO_OUTLINES,) if faces else ())
    worn = [engine.worn(picture, face) or frozenset() for picture, face, _ in seen]
    hair = (
        hair_name(as_array(picture), labels)
        for (picture, _, labels), things in zip(seen, worn, strict=True)
        if Worn.HAT not in things
    )
    colour = _agreed(hair, len(seen))
    glasses = _agreed((Worn.GLASSES if Worn.GLASSES in things else None for things in worn), len(seen))
    found = [colour if colour == BALD else f"{colour} hair"] if colour else []
    return WordsProposal(", ".join([*found, *([glasses] if glasses else [])]))


def _agreed(told: Iterable[str | None], count: int) -> str | None:
    """What more than half of so many pictures tell."""
    counted = Counter(value for value in told if value is not None).most_common(1)
    return counted[0][0] if counted and counted[0][1] * 2 > count else None


def with_proposal(person: Person, proposal: WordsProposal) -> Person:
    """The person with the proposal, which is none where their words say the same."""
    return replace(person, proposed_words="" if proposal.words == person.words else proposal.words)


def propose_words(workspace: Workspace, id: str, engine: FaceEngine) -> tuple[Person, WordsProposal]:
    """Look at the person's pictures and keep what is proposed, beside the words that they have."""
    proposal = proposal_for(read_dataset(workspace.person_folder(id) / "dataset"), engine)
    with changing(workspace.root, (id,)):
        person = with_proposal(workspace.person(id), proposal)
        workspace.save_person(person)
    return person, proposal


def change_words(workspace: Workspace, id: str, words: str) -> Person:
    """Give the person these words, or none; a proposal is thereby answered. Raises BadWords, UnknownPerson, RunBusy."""
    plain = checked_words(words)
    with changing(workspace.root, (id,)):
        person = replace(workspace.person(id), words=plain, proposed_words="")
        workspace.save_person(person)
    return person
