"""Figures with their unit and where they come from, and the file that keeps the measured ones."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class Figure:
    value: float
    unit: str
    """s, bytes or bytes/s."""
    what: str


@dataclass(frozen=True)
class Measured:
    machine: Mapping[str, Any]
    date: str
    figures: Mapping[str, Figure]

    def __getitem__(self, name: str) -> float:
        return self.figures[name].value


def read(source: Path = MEASURED) -> Measured:
    content = json.loads(source.read_text("utf-8"))
    figures = {name: Figure(**each) for name, each in content["figures"].items()}
    return Measured(content["machine"], content["date"], figures)


def write(figures: Mapping[str, Figure], target: Path = MEASURED) -> None:
    """Figures of this name are replaced, others stay: not every environment can measure them all."""
    known = read(target).figures if target.is_file() else {}
    content = {
        "machine": this_machine(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "figures": {name: asdict(each) for name, each in sorted({**known, **figures}.items())},
    }
    target.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def this_machine() -> dict[str, Any]:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages * size / 1e9),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
