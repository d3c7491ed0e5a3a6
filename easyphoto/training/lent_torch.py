"""The web UI's torch inside the environment that trains: what this finder is told to lend, and nothing else.

`environment.py` copies this file into that environment, beside a table of what is lent, and a `.pth` line calls
`lend` whenever its Python starts. So it may import nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from pathlib import Path
from types import ModuleType

TABLE = "easyphoto_lent.json"


def lend(table: Path | None = None) -> None:
    """Make what the table names importable, after everything that the environment itself holds."""
    lent = json.loads((table or Path(__file__).with_name(TABLE)).read_text("utf-8"))
    # Last, so that a package of the environment wins over one of the same name that torch brought along.
    sys.meta_path.append(LentPackages(lent["modules"], lent["distributions"]))
    if sys.platform == "win32":
        # Some builds of torch find their mathematics library beside their own Python only.
        for folder in filter(os.path.isdir, lent["libraries"]):
            os.add_dll_directory(folder)


class LentPackages(MetaPathFinder):
    """Finds the modules and the versions of a few packages in another environment's folders."""

    def __init__(self, modules: Mapping[str, str], distributions: Mapping[str, str]) -> None:
        self._modules, self._distributions = modules, distributions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        folder = self._modules.get(fullname)
        return PathFinder.find_spec(fullname, [folder], target) if folder else None

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterator[Distribution]:
        """For `importlib.metadata`: transformers and accelerate believe in torch only where it has a version."""
        asked = getattr(context, "name", None)
        for name, folder in self._distributions.items():
            if asked is None or plain_name(asked) == name:
                yield from MetadataPathFinder.find_distributions(DistributionFinder.Context(name=name, path=[folder]))


def plain_name(name: str) -> str:
    """A distribution's name as indexes compare it: `typing_extensions` and `Typing-Extensions` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()
