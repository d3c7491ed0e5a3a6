"""A lane's process that runs the tests' own commands: `python -m tests.jobs.lane_double`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from easyphoto.commands.base import Command, Context, Subjects
from easyphoto.errors import WeightsMissing
from easyphoto.jobs import lane_worker, runners
from easyphoto.messages import text
from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class Errand(Command):
    """What a test wants to see done in a lane's process."""

    kind = "photograph"
    what: str = "answer"
    persons: tuple[str, ...] = ()
    file: Path | None = None

    @property
    def title(self) -> str:
        return self.what

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects(self.persons)

    def record(self) -> dict[str, Any]:
        return {"persons": list(self.persons), "templates": []}

    def run(self, app: Any, context: Context) -> Any:
        return ERRANDS[self.what](self, app, context)


def answer(errand: Errand, app: Any, context: Context) -> Mapping[str, Any]:
    return {**NO_PICTURES, "process": os.getpid()}


def tell(errand: Errand, app: Any, context: Any) -> Mapping[str, Any]:
    context.step(1, 2, text("painting {name}", name="anna"))
    context.note(text("the hair of {name} is cut off", name="anna"))
    context.note(text("the hair of {name} is cut off", name="anna"))
    (context.folder / "told.txt").write_text("told")
    context.hand_out("told.txt", context.folder / "told.txt")
    return NO_PICTURES


def noise(errand: Errand, app: Any, context: Context) -> Mapping[str, Any]:
    """Write to every stream, as libraries and programs do."""
    sys.stdout.write("a library talks\n")
    sys.stdout.flush()
    os.write(1, b"another, lower down\n")
    subprocess.run([sys.executable, "-c", "print(input())"], check=False)
    return NO_PICTURES


def environment(errand: Errand, app: Any, context: Context) -> Mapping[str, Any]:
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OMP_WAIT_POLICY")
    mask = os.umask(0o022)
    said = {name: os.environ.get(name) for name in names}
    return {**NO_PICTURES, **said, "umask": mask, "devices": None if app.devices is None else app.devices.name}


def missing(errand: Errand, app: Any, context: Context) -> Any:
    said = text("{name} is missing.", name="ViT-H")
    raise WeightsMissing(said, advice=text("Fetch {name}.", name="it"), weights=("identity",))


def fault(errand: Errand, app: Any, context: Context) -> Any:
    return {}["nothing"]


def picture(errand: Errand, app: Any, context: Context) -> Mapping[str, Any]:
    """Return what no record can hold, and no pickle."""
    return {"made": lambda: 1}


def steps(errand: Errand, app: Any, context: Context) -> Any:
    """Work until it is cancelled, and say so in a file."""
    assert errand.file is not None
    count = 0
    try:
        while True:
            context.check()
            count += 1
            errand.file.write_text(f"{os.getpid()} {count}")
            time.sleep(0.01)
    finally:
        errand.file.with_suffix(".stopped").touch()


def deaf(errand: Errand, app: Any, context: Context) -> Any:
    """Start a process that reads its input, as a trainer does, and never look whether it is cancelled."""
    assert errand.file is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    errand.file.write_text(f"{os.getpid()} {child.pid}")
    while True:
        time.sleep(0.01)


def remember(errand: Errand, app: Any, context: Context) -> Mapping[str, Any]:
    """Keep a measurement of the first person, and tell how many values are kept."""
    owner = app.workspace.person_folder(errand.persons[0])
    owner.mkdir(parents=True, exist_ok=True)
    before = len(app.cache._entries)
    app.models.get(("measured", owner), lambda: np.ones(4), size=lambda value: value.nbytes, owners=(owner,))
    return {**NO_PICTURES, "kept": before}


NO_PICTURES: Mapping[str, Any] = {"pictures": []}
ERRANDS = {
    each.__name__: each for each in (answer, tell, noise, environment, missing, fault, picture, steps, deaf, remember)
}


def main() -> int:
    runners.ANSWERS = {Errand: lambda made, job: made}  # type: ignore[assignment]
    return lane_worker.main()


if __name__ == "__main__":
    # Under the name by which the tests know the errand.
    from tests.jobs import lane_double

    sys.exit(lane_double.main())
