"""Whether what was learned fits the weights that the base model has now, which may have been replaced."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.backends.headers import read_header
from easyphoto.backends.shipped_base import BASE_KEY, has_weights
from easyphoto.errors import InputError
from easyphoto.messages import Text, note
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


def other_weights_notes(
    workspace: Workspace, learned: Sequence[Person], family: Family, base: Path
) -> tuple[Text, ...]:
    """A note on each person, scene or object whose LoRA was trained on other weights of the family than the base's."""
    return tuple(
        note(
            "other-base-weights",
            "{name} was trained on other weights of {family}, so pictures are less accurate. Train {name} again with "
            "the same photos.",
            name=person.name,
            family=family.short,
        )
        for person in learned
        if person.family == family.id and not _fits(workspace, person, family, base)
    )


def _fits(workspace: Workspace, person: Person, family: Family, base: Path) -> bool:
    """A LoRA that is gone or cannot be read is an error where it is applied."""
    if person.lora is not None:
        with suppress(InputError):
            lora = read_header(workspace.person_folder(person.id) / person.lora)
            return has_weights(family, base, lora.metadata.get(BASE_KEY, ""))
    return True
