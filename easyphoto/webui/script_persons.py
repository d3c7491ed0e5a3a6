"""The persons of the always-on script's panel, by labels that tell everybody apart."""

from __future__ import annotations

from easyphoto.errors import EasyPhotoError
from easyphoto.ui.language import Translator
from easyphoto.webui.options import workspace_folder
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from easyphoto.workspace.upgrades import format_of


def labels_of_persons(words: Translator) -> dict[str, str]:
    """Return label → id of who can be photographed."""
    return {label_of_person(person, words): person.id for person in ready_persons()}


def label_of_person(person: Person, words: Translator) -> str:
    """Return the name; the id where it is another, because two persons may have one name; and who is not trained."""
    named = person.name if person.name == person.id else f"{person.name} ({person.id})"
    return named if person.is_trained else f"{named} · {words('not trained')}"


def id_of(chosen: str) -> str:
    """Return the id of a person who was chosen by label, in either language, or named by id or by their only name."""
    chosen, people = chosen.strip(), ready_persons()
    if any(person.id == chosen for person in people):
        return chosen
    languages = (Translator("en"), Translator("zh_CN"))
    labelled = {label_of_person(person, words): person.id for words in languages for person in people}
    namesakes = [person.id for person in people if person.name == chosen]
    return labelled.get(chosen) or (namesakes[0] if len(namesakes) == 1 else chosen)


def ready_persons() -> tuple[Person, ...]:
    """Return who can be photographed; nobody if the workspace cannot be opened, which the tab reports."""
    root = workspace_folder()
    try:
        format_of(root)
    except EasyPhotoError:
        return ()
    return tuple(person for person in Workspace(root).list_persons() if person.is_ready and person.shows_face)
