"""One measurement in a process of its own: `python -m easyphoto.bench.gpu.unit FOLDER PHASE`.

Its memory peak is its own, and what breaks the device breaks this process alone. The last line is its result as JSON.
"""

from __future__ import annotations

import os
import sys

# Set before torch is imported, as the training's worker does: cuBLAS otherwise warns at each of its calls.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from easyphoto.bench.gpu import phases
from easyphoto.bench.gpu.plan import BenchPlan
from easyphoto.bench.gpu.state import BenchState
from easyphoto.machine import reuse_freed_memory

SAID = "result "
"""Begins the line with the result."""


def main(arguments: list[str]) -> int:
    """Measure and write the result."""
    reuse_freed_memory()
    folder = Path(arguments[0])
    result = measured(arguments[1], folder, BenchState.read(folder).plan)
    sys.stdout.write(f"{SAID}{json.dumps(result)}\n")
    return 0


def measured(phase: str, folder: Path, plan: BenchPlan) -> dict[str, Any]:
    """Measure one phase of the plan."""
    from easyphoto.bench.gpu import steps

    works: Mapping[str, Callable[[Path, BenchPlan], dict[str, Any]]] = {
        "make": phases.make,
        "device": phases.device,
        "load": phases.load,
        "step": steps.step,
        "train": phases.train,
        "portrait": phases.portrait,
        "layout": steps.layout,
        "large": steps.large,
    }
    return works[phase](folder, plan)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
