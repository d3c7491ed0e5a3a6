"""Changes core modules in small ways, one at a time, and looks whether their tests notice.

    python tools/mutation_trial.py --count 200 --seed 11 --jobs 2
    python tools/mutation_trial.py --modules masks plan --count 40
    python tools/mutation_trial.py --count 200 --seed 11 --only 17 42       # these again, after tests were added

A mutant is one operator, number, comparison, branch or argument changed (`trials/mutants.py`). Its module's tests run
in a temporary copy of the tree, up to the first failure; one that breaks the tests' import or takes far longer than
the tests do is noticed too. They run in forked children of a process that has imported the libraries, which takes
longer than most of the tests. Printed are the mutants that survive, as a line taken out and a line put in, and a table.
Ends with 1 where more than one in ten survive. Whether a survivor is the same program in other words is for the reader
to judge.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pytest
from trials.forks import forked
from trials.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("easyphoto", "tests", "tools", "models", "pyproject.toml")
MOST_ALIVE = 0.1


@dataclass(frozen=True)
class Subject:
    """A module that computes, and the tests that answer for it, quickest first."""

    module: str
    tests: tuple[str, ...]


# Every picture's latents, every step of a training, every LoRA file, which pixels may change, who sits where, and how
# a photo's face is laid on another: where these are wrong, nothing fails, and pictures are merely worse.
SUBJECTS = {
    "sampling": Subject(
        "easyphoto/backends/sampling.py",
        (
            "tests/backends/test_sampling_laws.py",
            "tests/backends/test_sampling.py",
            "tests/backends/test_inpaint_parity.py",
        ),
    ),
    "loop": Subject(
        "easyphoto/training/loop.py",
        (
            "tests/training/test_loop_laws.py",
            "tests/training/test_step.py",
            "tests/training/test_reference_loop.py",
            "tests/training/test_budget.py",
        ),
    ),
    "update": Subject(
        "easyphoto/training/update.py",
        (
            "tests/training/test_loop_laws.py",
            "tests/training/test_step.py",
            "tests/training/test_reference_loop.py",
        ),
    ),
    "lora": Subject("easyphoto/training/lora.py", ("tests/training/test_lora_laws.py", "tests/training/test_lora.py")),
    "masks": Subject(
        "easyphoto/inference/masks.py",
        (
            "tests/inference/test_mask_laws.py",
            "tests/inference/test_masks.py",
            "tests/inference/test_joint_pass.py",
        ),
    ),
    "plan": Subject(
        "easyphoto/inference/plan.py", ("tests/inference/test_plan_laws.py", "tests/inference/test_plan.py")
    ),
    "align": Subject(
        "easyphoto/faces/align.py",
        ("tests/faces/test_align_laws.py", "tests/faces/test_align.py", "tests/faces/test_fuse.py"),
    ),
}


@dataclass(frozen=True)
class Task:
    number: int
    subject: str
    mutant: Mutant
    copies: Path
    seconds: float
    """Of the processor, that the tests may take."""


@dataclass(frozen=True)
class Verdict:
    task: Task
    how: str
    """killed, slow (killed by the clock) or survived."""
    seconds: float


def judged(task: Task) -> Verdict:
    """In one of the workers, in its own copy of the tree."""
    copy, began = task.copies / str(os.getpid()), time.monotonic()
    target = (copy if copy.exists() else copied(copy)) / task.mutant.module
    source = target.read_text("utf-8")
    try:
        target.write_text(task.mutant.applied(source), "utf-8")
        how = outcome(copy, SUBJECTS[task.subject].tests, seconds=task.seconds)
    finally:
        target.write_text(source, "utf-8")
    return Verdict(task, how, time.monotonic() - began)


def outcome(copy: Path, tests: Sequence[str], *, seconds: float) -> str:
    ended = forked(lambda: _tested(copy, tests), seconds=seconds)
    if ended.hung:
        return "slow"
    return "survived" if ended.value == 0 else "killed"


def _tested(copy: Path, tests: Sequence[str]) -> int:
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    # Compiled files are told apart by time and size, and a mutant may share both with its module.
    sys.dont_write_bytecode = True
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *tests]))


def warm_up() -> None:
    """What the tests import of others' is imported once; nothing of ours is, which differs from copy to copy."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    # Plugins of the API's tests take longer to load than most of these tests run.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("torch", "cv2", "diffusers", "peft", "transformers", "safetensors.torch", "PIL.Image"):
        importlib.import_module(name)
    diffusers, transformers = sys.modules["diffusers"], sys.modules["transformers"]
    for name in ("AutoencoderKL", "ControlNetModel", "StableDiffusionXLControlNetInpaintPipeline",
                 "StableDiffusionControlNetInpaintPipeline", "DDPMScheduler"):  # fmt: skip
        getattr(diffusers, name)
    for name in ("CLIPTextModel", "CLIPTextModelWithProjection", "CLIPTokenizer"):
        getattr(transformers, name)
    sys.modules["torch"].set_num_threads(1)


def copied(place: Path) -> Path:
    for name in COPIED:
        source, target = ROOT / name, place / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return place


def drawn(names: Sequence[str], count: int, seed: int) -> list[tuple[str, Mutant]]:
    """So many of all that can be made of the modules, in the modules' order."""
    possible = [
        (name, mutant)
        for name in names
        for mutant in mutants_of(Path(SUBJECTS[name].module), (ROOT / SUBJECTS[name].module).read_text("utf-8"))
    ]
    chosen = random.Random(f"{seed} {' '.join(names)}").sample(range(len(possible)), min(count, len(possible)))
    return [possible[place] for place in sorted(chosen)]


def patience_with(copies: Path, names: Sequence[str]) -> dict[str, float]:
    """Four times what the tests take on the unchanged modules, and they must pass there."""
    found, copy = {}, copied(copies / "unchanged")
    for name in names:
        began = time.monotonic()
        if outcome(copy, SUBJECTS[name].tests, seconds=900) != "survived":
            raise SystemExit(f"The tests of {name} fail on the module as it is: {' '.join(SUBJECTS[name].tests)}")
        found[name] = 20 + 4 * (time.monotonic() - began)
    return found


def told(verdict: Verdict) -> str:
    mutant = verdict.task.mutant
    line, was, changed = mutant.lines((ROOT / mutant.module).read_text("utf-8"))
    return f"{verdict.task.number}: {mutant.module}:{line}: {mutant.kind}\n  - {was}\n  + {changed}"


def table(names: Sequence[str], verdicts: Sequence[Verdict]) -> str:
    rows = ["| module | mutants | killed | by the clock | survived | s |", f"|---|{'--:|' * 5}"]
    for name in (*names, "all"):
        own = [verdict for verdict in verdicts if name in (verdict.task.subject, "all")]
        how, seconds = Counter(verdict.how for verdict in own), sum(verdict.seconds for verdict in own)
        cells = len(own), how["killed"] + how["slow"], how["slow"], how["survived"], f"{seconds:.0f}"
        rows.append(f"| {SUBJECTS[name].module if name in SUBJECTS else name} | {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--count", type=int, default=200, help="mutants over all modules")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="+", help="these of them, by their numbers")
    asked = parser.parse_args()
    numbered = list(enumerate(drawn(asked.modules, asked.count, asked.seed), 1))
    numbered = [each for each in numbered if asked.only is None or each[0] in asked.only]
    names = [name for name in asked.modules if any(name == subject for _, (subject, _) in numbered)]
    warm_up()
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="mutation-trial-") as folder:
        patience = patience_with(Path(folder), names)
        tasks = [Task(number, name, mutant, Path(folder), patience[name]) for number, (name, mutant) in numbered]
        with ProcessPoolExecutor(asked.jobs, get_context("fork")) as workers:
            for verdict in workers.map(judged, tasks):
                verdicts.append(verdict)
                if verdict.how == "survived":
                    print(told(verdict), flush=True)
                if len(verdicts) % 20 == 0:
                    print(f"{len(verdicts)} of {len(tasks)}", file=sys.stderr)
    print(f"\n{table(names, verdicts)}")
    alive = sum(verdict.how == "survived" for verdict in verdicts)
    return int(alive > MOST_ALIVE * len(verdicts))


if __name__ == "__main__":
    sys.exit(main())
