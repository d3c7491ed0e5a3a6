"""What persons are called in lists: names are free, so two persons may have the same one; ids are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


def told_apart(persons: Iterable[Person]) -> dict[str, str]:
    """Return id → name; equal names, whatever their case, have their id behind them."""
    persons = tuple(persons)
    counts = Counter(person.name.casefold() for person in persons)
    return {
        person.id: f"{person.name} ({person.id})" if counts[person.name.casefold()] > 1 else person.name
        for person in persons
    }


def label_of(workspace: Workspace, person: Person) -> str:
    """Return what the person is called among everybody of the workspace."""
    return told_apart(workspace.list_persons()).get(person.id, person.name)
