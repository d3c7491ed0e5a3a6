"""The state that all parts of a run share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from easyphoto.messages import Text, untranslated
from easyphoto.progress import Progress
from easyphoto.training.events import Event, Phase, Warn
from easyphoto.training.run import RunFolder, TrainRun


@dataclass(eq=False)
class RunContext:
    """One run's record, folder and event channel, its notes, and the seconds each phase took."""

    run: TrainRun
    folder: RunFolder
    emit: Callable[[Event], None]
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    plan: str = ""
    """The memory plan in words."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.emit(Phase(name))
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        self.emit(Phase(name, took))

    def note(self, code: str, detail: str) -> None:
        said = untranslated(detail)
        self.notes.append(Text(said.template, said.values, code))
        self.emit(Warn(code, detail))
