"""Imports persons."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context
from easyphoto.messages import text

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.persons.importing import ImportedPersons


@dataclass(frozen=True)
class ImportPersons(Command):
    """Import a ZIP file of `ExportPerson`, or one or more persons of the 2023 extension."""

    kind: ClassVar[str] = "import"
    source: Path
    """A ZIP file or a folder."""
    name: str | None = field(default=None, metadata=UNRECORDED)
    """Replaces the name of a single person."""

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
            open_engine=lambda pictures: app.engine_for(pictures, context),
        )
