"""What is measured: the sizes, the phases and their order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES, family_named
from easyphoto.errors import InputError
from easyphoto.messages import text

SECONDS = {
    "make": 40, "device": 20, "load": 30, "step": 60, "train": 110, "portrait": 80, "layout": 70, "large": 80,
    "against": 45,
}  # fmt: skip
"""Phase → about as long as it takes on a fast GPU; of the last one, each run."""
PHASES = tuple(SECONDS)
ALWAYS = PHASES[:2]
"""Every other one needs their results."""
TRAINERS = ("kohya", "diffusers")
OURS = "easyphoto"
BATCH = 4
COMPARED_STEPS, TRIAL_STEPS = 40, 2
"""Steps of the shorter of two runs whose difference is the time of a step; the longer one has three times as many."""
LONGER = 3


@dataclass(frozen=True)
class Anchor:
    """Another trainer: a checkout of its repository, and the Python of its environment."""

    name: str
    folder: str
    python: str

    @classmethod
    def named(cls, said: str) -> Anchor:
        """The trainer of `NAME=DIR:PYTHON`. Raises InputError."""
        name, _, places = said.partition("=")
        folder, _, python = places.partition(os.pathsep)
        if name not in TRAINERS or not Path(folder).is_dir() or not Path(python).is_file():
            raise InputError(
                text("{said!r} names no trainer to compare with.", said=said),
                advice=text(
                    "Give {names}, = and the folder of its checkout, then {separator} and its environment's Python.",
                    names=text("kohya or diffusers"),
                    separator=os.pathsep,
                ),
            )
        # Not resolved: an environment's Python is a link to another one.
        return cls(name, str(Path(folder).absolute()), str(Path(python).absolute()))


@dataclass(frozen=True)
class Unit:
    """A measurement that runs in a process of its own."""

    phase: str
    name: str
    seconds: float
    """About as long as it takes on a fast GPU; it is not begun when less is left."""
    trainer: str = ""
    steps: int = 0


@dataclass(frozen=True)
class BenchPlan:
    """The sizes of one benchmark; results of other sizes are not mixed with its own."""

    family: str
    width: float = 1.0
    """Share of the networks' channels."""
    resolution: int | None = None
    steps: int | None = None
    """Of the training; None: the family's usual number."""
    anchors: tuple[Anchor, ...] = ()

    @property
    def kind(self) -> Family:
        return family_named(self.family).at(self.resolution)

    @property
    def large(self) -> Family | None:
        """The largest family, of which only a step is measured; None if it is the family itself."""
        largest = FAMILIES.from_files[-1]
        return None if largest.id == self.family else largest

    @property
    def is_trial(self) -> bool:
        """Whether the networks are narrow: what is tried is that every phase runs, in as few steps as possible."""
        return self.width < 1

    def check(self) -> None:
        """Raises InputError for what cannot be measured."""
        if not self.kind.has_checkpoints:
            raise InputError(
                text("The speed of {label} is not measured.", label=self.kind.label),
                advice=text("Choose {names}.", names=FAMILIES.names_of_files("or")),
            )
        if self.anchors and self.kind.pools:
            raise InputError(
                text("Other trainers are not run on {label}.", label=self.kind.label),
                advice=text("Leave --against out, or choose another model."),
            )
        if not 0 < self.width <= 1:
            raise InputError(text("The width is a share."), advice=text("Give more than 0 and at most 1."))
        if self.steps is not None and self.steps < 1:
            raise InputError(text("{steps} steps cannot be timed.", steps=self.steps), advice=text("Give at least 1."))

    def units(self, phases: Sequence[str] = ()) -> Iterator[Unit]:
        """The measurements in order, those that every other needs first."""
        for phase in PHASES:
            if phases and phase not in phases and phase not in ALWAYS:
                continue
            if phase == "against":
                yield from self._compared()
            elif phase != "large" or self.large is not None:
                yield Unit(phase, phase, SECONDS[phase])

    def _compared(self) -> Iterator[Unit]:
        """Both runs of every trainer, and then all of them once more in the reverse order."""
        if not self.anchors:
            return
        fewest = TRIAL_STEPS if self.is_trial else COMPARED_STEPS
        trainers = (OURS, *(anchor.name for anchor in self.anchors))
        runs = [(trainer, steps) for trainer in trainers for steps in (fewest, LONGER * fewest)]
        for turn, ordered in enumerate((runs, runs[::-1]), start=1):
            for trainer, steps in ordered:
                yield Unit("against", f"{trainer}-{steps}-{turn}", SECONDS["against"], trainer, steps)
