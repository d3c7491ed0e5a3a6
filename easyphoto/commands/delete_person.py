"""Deleting a person with everything that was made from their photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context, Subjects
from easyphoto.messages import text
from easyphoto.storage.journal import DELETE
from easyphoto.workspace.folders import Workspace, checked_id

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.persons.deletion import Deletion


@dataclass(frozen=True)
class DeletePerson(Command):
    """Everything of somebody in this workspace, and what of it the host lists."""

    kind: ClassVar[str] = "delete"
    name: str

    @property
    def title(self) -> str:
        return text("delete {name}", name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        from easyphoto.persons.traces import traces_of

        id = checked_id(self.name)
        return Subjects((id,), tuple(file.name for file in traces_of(workspace, id).uploads))

    def run(self, app: EasyPhoto, context: Context) -> Deletion:
        """Says what went. Raises UnknownPerson where nothing is theirs.

        Who works on them is asked to stop, wherever that is. What has not stopped in time, or cannot be deleted, is
        said as well, and goes with the next sweep.
        """
        from easyphoto.persons.deletion import delete_person
        from easyphoto.persons.upkeep import finish_begun

        id = checked_id(self.name)
        try:
            finish_begun(app.workspace, app.host, (id,), but=DELETE)
            return delete_person(app.workspace, id, host=app.host)
        finally:
            # Last, because a job of theirs may measure them until it has stopped.
            app.cache.discard(app.workspace.person_folder(id))
