"""The checkpoints of a person's last training: which there are, and one of them as the files of a new choice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import UnknownCheckpoint
from easyphoto.messages import text
from easyphoto.storage.files import matching
from easyphoto.storage.records import write_json
from easyphoto.training.pictures import kept_pictures, most_like
from easyphoto.training.run import RUN_FILE, RunFolder, TrainRun, choice_in
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person

_STEP = re.compile(r"step-(\d+)\.safetensors")


@dataclass(frozen=True)
class Checkpoints:
    """What a training has kept of its course."""

    folder: RunFolder
    steps: tuple[int, ...]
    chosen: int | None
    """The step that the user chose; None: the LoRA that the training wrote."""

    def lora(self, step: int | None) -> Path:
        """The LoRA's file. Raises InputError."""
        return self.folder.path(TrainRun.read(self.folder.run).output) if step is None else self.folder.checkpoint(step)

    def portrait(self, step: int | None) -> Path | None:
        """The checkpoint's test picture with the highest likeness, or its first; None where there is none."""
        if step is None:
            return self.folder.portrait if self.folder.portrait.is_file() else None
        best = most_like(kept_pictures(self.folder, step) or ())
        return None if best is None else self.folder.root / best.path

    def write_choice(self, step: int | None) -> None:
        """Keep what was chosen, for the report."""
        write_json(self.folder.choice, {"step": step})


def checkpoints_of(workspace: Workspace, person: Person) -> Checkpoints:
    """The checkpoints of the person's last training. Raises UnknownCheckpoint where the training is gone."""
    folder = RunFolder(workspace.runs / (person.run or ""))
    if person.run is None or not (folder.root / RUN_FILE).is_file():
        raise UnknownCheckpoint(
            text("The training of {name} is not here any more, so there is no checkpoint.", name=person.name),
            advice=text("Train again; the LoRA stays as it is until then."),
        )
    names = (_STEP.fullmatch(file.name) for file in matching(folder.root / "checkpoints", "step-*.safetensors"))
    return Checkpoints(folder, tuple(sorted(int(name[1]) for name in names if name)), choice_in(folder))


def check_step(person: Person, found: Checkpoints, step: int | None) -> None:
    """Raise UnknownCheckpoint for a step without a checkpoint, with those that there are."""
    if step is not None and step not in found.steps:
        raise UnknownCheckpoint(
            text("{name} has no checkpoint of step {step}.", name=person.name, step=step),
            advice=text("There are: {steps}.", steps=", ".join(map(str, found.steps)) or text("none")),
        )
