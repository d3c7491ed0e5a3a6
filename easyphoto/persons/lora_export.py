"""Exports the LoRA of a person, a scene or an object as a file of its own, in whose metadata it says what it is."""

from __future__ import annotations

from pathlib import Path

from easyphoto.backends.lora_metadata import write_with_metadata
from easyphoto.backends.lora_words import KIND_KEY, words_metadata
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person


def write_lora_of(workspace: Workspace, person: Person, target: Path) -> Path:
    """Write the LoRA to the .safetensors file; of a scene or an object with the words that call it.

    Raises InputError where there is none, DiskFailure.
    """
    lora = workspace.person_folder(person.id) / (person.lora or "")
    if not lora.is_file():
        raise InputError(
            text("{name} has no LoRA.", name=person.name), advice=text("Train them, or export a ZIP file.")
        )
    # Without a prompt the 2023 extension would fail to list its other scenes.
    said = {} if person.shows_face else {**words_metadata(person.words or person.name), KIND_KEY: person.kind}
    return write_with_metadata(lora, target, said)
