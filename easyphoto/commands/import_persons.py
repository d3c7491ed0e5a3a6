"""Bringing persons in from elsewhere."""

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
    """From a ZIP of `ExportPerson`, or one or many persons of the extension of 2023."""

    kind: ClassVar[str] = "import"
    source: Path
    """A ZIP file or a folder."""
    name: str | None = field(default=None, metadata=UNRECORDED)
    """Instead of their own, for a single person."""

    @property
    def title(self) -> str:
        return text("import {name}", name=self.name or self.source.name)

    def run(self, app: EasyPhoto, context: Context) -> ImportedPersons:
        """Says who was left out, and why."""
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
