"""Deletes a person with everything made from their photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context, Subjects
from easyphoto.messages import text
from easyphoto.storage.journal import DELETE
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_ids import id_for

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.persons.deletion import Deletion


@dataclass(frozen=True)
class DeletePerson(Command):
    """Delete everything of a person in this workspace, and what the host lists of it."""

    kind: ClassVar[str] = "delete"
    name: str

    @property
    def title(self) -> str:
        return text("delete {name}", name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        from easyphoto.persons.traces import traces_of

        id = id_for(self.name)
        return Subjects((id,), tuple(file.name for file in traces_of(workspace, id).uploads))

    def run(self, app: EasyPhoto, context: Context) -> Deletion:
        """Return what was deleted. Raises UnknownPerson if nothing belongs to that id.

        Commands that work on the person are asked to stop, in whichever process they run. What has not stopped in time,
        or cannot be deleted, is reported too and is deleted by the next sweep.
        """
        from easyphoto.persons.deletion import delete_person
        from easyphoto.persons.upkeep import finish_begun

        id = id_for(self.name)
        try:
            finish_begun(app.workspace, app.host, (id,), but=DELETE)
            return delete_person(app.workspace, id, host=app.host)
        finally:
            # Last, because a job of theirs may measure them until it has stopped.
            app.cache.discard(app.workspace.person_folder(id))
