"""Resumes a training that was cancelled or interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, Subjects, described
from easyphoto.messages import text
from easyphoto.settings import Options

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.training import TrainedPerson
    from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class ResumeTraining(Command):
    """Resume a training from its last checkpoint."""

    kind: ClassVar[str] = "resume"
    training: str = field(metadata=described("The `run` of a training's job.", least=1, most=255, key="run"))
    """The name of its folder."""
    options: Options | None = field(default=None, metadata=UNRECORDED)
    person: str = field(default="", metadata=UNRECORDED)
    """The id of its person; `validated` fills it in."""

    @property
    def title(self) -> str:
        return text("resume {name}", name=self.person)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects((self.person,) if self.person else ())

    def validated(self, app: EasyPhoto) -> ResumeTraining:
        """Raises InputError if there is no such training."""
        from easyphoto.commands.training import person_of_run

        return replace(self, person=person_of_run(app.workspace, self.training))

    def run(self, app: EasyPhoto, context: Context) -> TrainedPerson:
        """Raises InputError if there is no such training, or if it ended before its dataset was complete."""
        from easyphoto.commands.at_work import at_work
        from easyphoto.commands.training import begun_run, learnt, person_of_run, trainer_of

        app = app.with_options(self.options)
        with at_work(app, (person_of_run(app.workspace, self.training),), context, known=False) as progress:
            python = trainer_of(app, context)
            return learnt(begun_run(app, self.training, progress), app, context, progress, python=python)
