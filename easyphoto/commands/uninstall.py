"""Removes everything that EasyPhoto keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.messages import text
from easyphoto.workspace.web_ui_files import WebuiFiles

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.persons.deletion import Left
    from easyphoto.persons.leaving import Leaving, Removal


@dataclass(frozen=True)
class Uninstall(Command):
    """Remove persons, pictures, weights, the environment that trains, and what the web UI keeps of EasyPhoto.

    It is no job of the queue, whose records lie in the workspace that goes.
    """

    kind: ClassVar[str] = "uninstall"
    keep: tuple[str, ...] = ()
    """Words of `persons.leaving.KEEPABLE`."""
    files: WebuiFiles | None = field(default=None, metadata=UNRECORDED)
    """The web UI whose own folder is looked through as well."""

    @property
    def title(self) -> str:
        return text("remove EasyPhoto")

    def listing(self, app: EasyPhoto) -> tuple[Leaving, ...]:
        """Return what `run` takes; changes nothing."""
        from easyphoto.persons.leaving import leavings

        return leavings(app.workspace, self.files, self.keep)

    def run(self, app: EasyPhoto, context: Context) -> Removal:
        """Return what is gone, and what could not be removed. Raises InputError, and RunBusy before anything goes."""
        from easyphoto.persons.leaving import remove

        def delete(id: str) -> tuple[tuple[Path, ...], tuple[Left, ...]]:
            context.check()
            found = DeletePerson(id).run(app, context)
            return found.gone, found.left

        app.cache.clear()
        return remove(app.workspace, self.files, self.keep, delete)
