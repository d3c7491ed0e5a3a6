"""Renames a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context, Subjects
from easyphoto.messages import text
from easyphoto.storage.journal import RENAME, pending
from easyphoto.workspace.folders import Workspace, checked_id
from easyphoto.workspace.person_record import Person

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto


@dataclass(frozen=True)
class RenamePerson(Command):
    """Change the displayed name, and with `new_id` the id; runs, results and the host's LoRA follow."""

    kind: ClassVar[str] = "rename"
    name: str
    new_name: str
    new_id: str | None = None

    @property
    def ids(self) -> tuple[str, str]:
        """The id before and after."""
        return checked_id(self.name), checked_id(self.name if self.new_id is None else self.new_id)

    @property
    def title(self) -> str:
        return text("rename {name}", name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects(tuple(dict.fromkeys(self.ids)))

    def run(self, app: EasyPhoto, context: Context) -> Person:
        from easyphoto.commands.at_work import settle
        from easyphoto.persons.renaming import rename_person

        before, after = self.ids
        # It is known by the folder, under whose new name a deletion would not find it.
        app.cache.discard(app.workspace.person_folder(before))
        begun = [each for each in pending(app.workspace.root) if (each.kind, each.persons) == (RENAME, self.ids)]
        settle(app, self.ids)
        if begun and before != after and not app.workspace.person_folder(before).exists():
            # Repeated after an interruption: the rename that was begun is complete by now.
            return rename_person(app.workspace, after, self.new_name, host=app.host)
        return rename_person(app.workspace, before, self.new_name, host=app.host, new_id=self.new_id)
