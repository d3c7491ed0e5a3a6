"""Takes a checkpoint of a training in place of the LoRA that the training wrote."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context, Subjects, described
from easyphoto.messages import text

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.training import TrainedPerson
    from easyphoto.workspace.folders import Workspace

AS_TRAINED = "trained"
"""In the place of a step, on the command line: the LoRA that the training wrote."""
STEP = "The step of a checkpoint of their last training (default: the LoRA that the training wrote)."


@dataclass(frozen=True)
class ChooseCheckpoint(Command):
    """Replace a person's LoRA, or a scene's, by another checkpoint of the last training."""

    kind: ClassVar[str] = "choose"
    name: str = field(metadata=described("Id of a person, a scene or an object.", least=1, most=200))
    step: int | None = field(default=None, metadata=described(STEP, least=1))

    @property
    def title(self) -> str:
        if self.step is None:
            return text("take back the choice of a checkpoint for {name}", name=self.name)
        return text("take the checkpoint of step {step} for {name}", step=self.step, name=self.name)

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects((workspace.id_of(self.name),))

    def validated(self, app: EasyPhoto) -> ChooseCheckpoint:
        """Replace the name by the id. Raises UnknownPerson, UnknownCheckpoint."""
        from easyphoto.persons.checkpoints import check_step, checkpoints_of

        person = app.workspace.person(self.name)
        check_step(person, checkpoints_of(app.workspace, person), self.step)
        return replace(self, name=person.id)

    def run(self, app: EasyPhoto, context: Context) -> TrainedPerson:
        """Install the person with the checkpoint as after a training; until then nothing has changed.

        Raises UnknownPerson, UnknownCheckpoint, DiskFailure.
        """
        from easyphoto.commands.at_work import at_work
        from easyphoto.commands.training import begun_run, chosen_again
        from easyphoto.persons.checkpoints import check_step, checkpoints_of

        with at_work(app, (self.name,), context) as progress:
            person = app.workspace.person(self.name)
            found = checkpoints_of(app.workspace, person)
            check_step(person, found, self.step)
            prepared = begun_run(app, found.folder.root.name, progress)
            return chosen_again(app, person, prepared, found, self.step)
