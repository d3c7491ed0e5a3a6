"""The words that describe a person in prompts: changed, or proposed from their photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context, Subjects, described
from easyphoto.messages import text
from easyphoto.settings.options import Options
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto


@dataclass(frozen=True)
class ChangeWords(Command):
    """Give a person, a scene or an object other words; none are words too."""

    kind: ClassVar[str] = "words"
    name: str
    words: str

    @property
    def title(self) -> str:
        return text("words of {name}", name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects((workspace.id_of(self.name),))

    def run(self, app: EasyPhoto, context: Context) -> Person:
        """Raises UnknownPerson, BadWords."""
        from easyphoto.persons.own_words import change_words

        return change_words(app.workspace, app.workspace.person(self.name).id, self.words)


@dataclass(frozen=True)
class ProposeWords(Command):
    """Look at a person's photos, and keep what describes them as a proposal, beside the words that they have."""

    kind: ClassVar[str] = "propose"
    name: str = field(metadata=described("Who.", least=1, most=200))
    options: Options | None = None

    @property
    def title(self) -> str:
        return text("words for {name}", name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects((workspace.id_of(self.name),))

    def validated(self, app: EasyPhoto) -> ProposeWords:
        """Raises UnknownPerson, and WrongKind for a scene or an object, which has no hair."""
        from easyphoto.persons.scenes import check_face

        check_face(app.workspace.person(self.name))
        return self

    def run(self, app: EasyPhoto, context: Context) -> Person:
        """What could not be told is a note."""
        from easyphoto.commands.at_work import at_work
        from easyphoto.commands.engines import engine_of
        from easyphoto.persons.own_words import propose_words
        from easyphoto.persons.scenes import check_face

        app = app.with_options(self.options)
        with at_work(app, (self.name,), context) as progress:
            person = app.workspace.person(self.name)
            check_face(person)
            person, proposal = propose_words(app.workspace, person.id, engine_of(app, (person,), progress))
        for said in proposal.notes:
            context.note(said)
        return person
