"""Goes through the measurements, as many as fit into a call, and says what is known so far."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.bench.gpu.plan import BenchPlan, Unit
from easyphoto.bench.gpu.state import FAILED, BenchState, Result
from easyphoto.bench.gpu.table import record, table
from easyphoto.bench.gpu.trainers import compared
from easyphoto.bench.gpu.unit import SAID
from easyphoto.errors import EasyPhotoError
from easyphoto.progress import Cancelled, Progress
from easyphoto.training.commands import CommandFailed, run_command
from easyphoto.training.job import worker_environment

TELLING = 3.0
"""Seconds left for ending a process and for the table."""
WHOLE_CALL = 230.0
"""Seconds of a call of the usual length. What does not end within one is not tried for ever."""
LAST_LINES = 12


class OutOfTime(Cancelled):
    """The call's time is over."""


@dataclass(frozen=True)
class Deadline:
    """A progress that also stops at a moment of the monotonic clock."""

    progress: Progress
    at: float

    @property
    def left(self) -> float:
        return self.at - time.monotonic()

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        pass

    def check(self) -> None:
        """Raises OutOfTime after the moment, and Cancelled."""
        self.progress.check()
        if self.left <= 0:
            raise OutOfTime


def run(
    folder: Path,
    plan: BenchPlan,
    *,
    phases: Sequence[str] = (),
    seconds: float | None,
    again: bool = False,
    progress: Progress,
    say: Callable[[str], None],
) -> BenchState:
    """Measure what is not measured yet, for at most `seconds`; print the table of all results, then one JSON line.

    `phases` are measured alone (and made first), all without any; `again` measures them anew. Raises InputError for a
    folder with results of other sizes, and for a plan that cannot be measured.
    """
    plan.check()
    state = BenchState.opened(folder.absolute(), plan)
    units = list(plan.units(phases))
    if again:
        for unit in units:
            if not phases or unit.phase in phases:
                state.forget(unit.name)
    state.save()
    deadline = Deadline(progress, time.monotonic() + (seconds - TELLING if seconds else float("inf")))
    _measure([unit for unit in units if unit.name not in state.results], state, deadline)
    for line in table(state).split("\n"):
        say(line)
    left = [unit.name for unit in units if unit.name not in state.results]
    say(json.dumps(record(state, left)))
    return state


def _measure(units: Sequence[Unit], state: BenchState, deadline: Deadline) -> None:
    for number, unit in enumerate(units):
        is_first = number == 0
        if not is_first and deadline.left < (0 if state.plan.is_trial else unit.seconds):
            return
        deadline.progress.step(number, len(units), unit.name)
        began = time.monotonic()
        try:
            result = _measured(unit, state, deadline)
        except OutOfTime:
            if is_first and time.monotonic() - began >= WHOLE_CALL:
                # It had a whole call: the next one would not get further. A shorter one may have been too short.
                state.keep(unit.name, {FAILED: f"longer than a call of {time.monotonic() - began:.0f} s"})
            return
        except (CommandFailed, EasyPhotoError, OSError) as error:
            result = {FAILED: _cause(error)}
        state.keep(unit.name, {**result, "took_s": round(time.monotonic() - began, 1)})


def _measured(unit: Unit, state: BenchState, deadline: Deadline) -> Result:
    folder = state.file.parent
    if unit.trainer:
        device = state.made("device") or {}
        precision = str(device.get("precision", "float32"))
        return compared(unit, folder, state.plan, precision=precision, progress=deadline)
    command = (sys.executable, "-m", "easyphoto.bench.gpu.unit", str(folder), unit.phase)
    lines = run_command(command, deadline, environment=worker_environment(), folder=folder)
    said = next((line for line in reversed(lines) if line.startswith(SAID)), None)
    if said is None:
        return {FAILED: "the process ended without a result"}
    found: Result = json.loads(said.removeprefix(SAID))
    return found


def _cause(error: BaseException) -> str:
    if isinstance(error, CommandFailed):
        return "\n".join(error.lines[-LAST_LINES:]) or str(error)
    return str(error) or type(error).__name__
