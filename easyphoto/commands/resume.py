"""Resumes a training that was cancelled, cut off or failed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, Subjects, described
from easyphoto.errors import EasyPhotoError
from easyphoto.messages import text
from easyphoto.settings.options import Options

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.commands.training import TrainedPerson
    from easyphoto.training.run import RunFolder
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
        """Raises InputError if there is no such training, if it ended before its dataset was complete, or if the base
        model has other weights now."""
        from easyphoto.commands.at_work import at_work
        from easyphoto.commands.training import begun_run, check_same_weights, learnt, person_of_run, trainer_of

        app = app.with_options(self.options)
        with at_work(app, (person_of_run(app.workspace, self.training),), context, known=False) as progress:
            check_same_weights(app.workspace, self.training)
            python = trainer_of(app, context)
            return learnt(begun_run(app, self.training, progress), app, context, progress, python=python)


@dataclass(frozen=True)
class Unfinished:
    """A training that has begun, has not ended, and is not running now."""

    run: str
    """Its folder's name."""
    person: str
    created: str
    step: int
    """The last one that was reported; it goes on from there, or from the checkpoint before."""
    steps: int | None
    """None where it did not come to the first one."""


def unfinished_trainings(workspace: Workspace) -> tuple[Unfinished, ...]:
    """Return the trainings that can be resumed, the latest first; those with damaged records are left out."""
    from easyphoto.storage.locks import is_held
    from easyphoto.training.run import RUN_FILE, RunFolder, TrainRun
    from easyphoto.workspace.folders import folders_in

    found = []
    for place in folders_in(workspace.runs):
        folder = RunFolder(place)
        # Without its dataset a training has not begun; without an outcome it has not ended.
        if folder.outcome.exists() or not (place / "dataset" / "dataset.json").is_file() or is_held(folder.lock):
            continue
        with suppress(EasyPhotoError):
            run = TrainRun.read(place / RUN_FILE)
            found.append(Unfinished(place.name, run.person, run.created, *_steps(folder)))
    return tuple(sorted(found, key=lambda each: (each.created, each.run), reverse=True))


def _steps(folder: RunFolder) -> tuple[int, int | None]:
    """Return the last step that the trainer reported, and of how many."""
    from easyphoto.training.events import Step, from_line

    try:
        lines = folder.events.read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0, None
    told = (from_line(line) for line in reversed(lines))
    last = next((event for event in told if isinstance(event, Step)), None)
    return (0, None) if last is None else (last.step, last.of)
