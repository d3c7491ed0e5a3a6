"""Imports persons."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, described
from easyphoto.messages import text
from easyphoto.workspace.person_record import KINDS
from easyphoto.workspace.prompt_words import MOST_WORDS

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.persons.importing import ImportedPersons

SHOWN = "What a LoRA file shows, where it does not say so itself."
WORDS = "What calls a LoRA file's scene in a prompt (default: what the file says)."


@dataclass(frozen=True)
class ImportPersons(Command):
    """Import a ZIP file of `ExportPerson`, one or more persons of the 2023 extension, or the LoRA of a scene."""

    kind: ClassVar[str] = "import"
    source: Path
    """A ZIP file, a folder, or a LoRA file."""
    name: str | None = field(default=None, metadata=UNRECORDED)
    """Replaces the name of a single person."""
    concept: str | None = field(default=None, metadata={**described(SHOWN, key="kind", choices=KINDS), **UNRECORDED})
    words: str | None = field(default=None, metadata={**described(WORDS, most=MOST_WORDS), **UNRECORDED})

    @property
    def title(self) -> str:
        return text("import {name}", name=self.name or self.source.name)

    def run(self, app: EasyPhoto, context: Context) -> ImportedPersons:
        """Return the imported persons, and who was left out and why."""
        from easyphoto.commands.at_work import settle
        from easyphoto.persons.importing import import_persons

        settle(app)
        return import_persons(
            app.workspace,
            self.source,
            host=app.host,
            name=self.name,
            progress=context,
            kind=self.concept,
            words=self.words,
            open_engine=lambda pictures: app.engine_for(pictures, context),
        )
