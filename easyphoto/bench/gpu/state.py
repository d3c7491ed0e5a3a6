"""The results so far, in a file that the next call continues."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.bench.gpu.plan import BenchPlan
from easyphoto.errors import InputError
from easyphoto.messages import text
from easyphoto.storage.records import read_json, typed, write_json

FAILED = "failed"
"""Key of a result that is an error."""
Result = dict[str, Any]


@dataclass(frozen=True)
class _BenchRecord:
    plan: dict[str, Any]
    results: dict[str, Result]


@dataclass
class BenchState:
    """The plan and the results of finished measurements by name; saved after each."""

    file: Path
    plan: BenchPlan
    results: dict[str, Result]

    @classmethod
    def opened(cls, folder: Path, plan: BenchPlan) -> BenchState:
        """The state in the folder, or a new one. Raises InputError for one of other sizes."""
        file = folder / "bench.json"
        if not file.is_file():
            return cls(file, plan, {})
        state = cls.read(folder)
        # Trainers to compare with may be added later; the other results stay what they are.
        if dataclasses.replace(state.plan, anchors=()) != dataclasses.replace(plan, anchors=()):
            raise InputError(
                text("{folder} holds results of other sizes.", folder=folder),
                advice=text("Give another folder, or delete this one."),
            )
        return cls(file, plan, state.results)

    @classmethod
    def read(cls, folder: Path) -> BenchState:
        file = folder / "bench.json"
        record = typed(_BenchRecord, read_json(file), "The record of the benchmark")
        return cls(file, typed(BenchPlan, record.plan, "The plan of the benchmark"), record.results)

    def keep(self, name: str, result: Result) -> None:
        self.results[name] = result
        self.save()

    def forget(self, name: str) -> None:
        self.results.pop(name, None)

    def save(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.file, {"plan": dataclasses.asdict(self.plan), "results": self.results})

    def made(self, name: str) -> Result | None:
        """The result of a measurement; None where there is none or it failed."""
        found = self.results.get(name)
        return None if found is None or FAILED in found else found
