"""Finding the running Python's torch and its requirements from package metadata, without importing torch."""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from easyphoto.errors import TrainerMissing
from easyphoto.messages import text
from easyphoto.training.lent_torch import plain_name

OLDEST = (2, 1)
FIRST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
ENDINGS = (".py", ".so", ".pyd")


@dataclass(frozen=True)
class HostTorch:
    version: str
    folder: Path
    """The folder that contains torch's folder."""
    modules: Mapping[str, str]
    """Top-level module → the folder that contains it, for torch and all its requirements."""
    distributions: Mapping[str, str]
    """Distribution → the folder that contains it."""

    def table(self) -> dict[str, object]:
        """The table that `lent_torch` reads."""
        return {
            "modules": dict(self.modules),
            "distributions": dict(self.distributions),
            "libraries": [str(Path(sys.prefix) / "Library" / "bin")],
        }


def torch_place(torch_from: Sequence[Path] | None = None) -> tuple[str, Path]:
    """Version and folder of the torch in `torch_from`, by default in `sys.path`. Raises TrainerMissing."""
    torch = _found("torch", _search(torch_from))
    if torch is None:
        raise TrainerMissing(
            text("This Python has no torch that a training could use."),
            advice=text("Run it with the web UI's own Python."),
        )
    numbers = tuple(int(part) for part in re.findall(r"\d+", torch.version)[:2])
    if numbers < OLDEST:
        raise TrainerMissing(
            text(
                "This Python has torch {version}; training needs {major}.{minor} or later.",
                version=torch.version,
                major=OLDEST[0],
                minor=OLDEST[1],
            ),
            advice=text("Update the web UI."),
        )
    return torch.version, _folder(torch)


def host_torch(torch_from: Sequence[Path] | None = None) -> HostTorch:
    """torch and its installed requirements. Raises TrainerMissing if there is no suitable torch."""
    version, folder = torch_place(torch_from)
    modules: dict[str, str] = {}
    distributions: dict[str, str] = {}
    for distribution in _with_requirements("torch", _search(torch_from)):
        place = str(_folder(distribution))
        distributions[plain_name(distribution.metadata["Name"])] = place
        for name in _top_level(distribution):
            # Several packages share one name (`nvidia`); they are in one folder.
            modules.setdefault(name, place)
    # For an EasyPhoto installed in the host's Python; as a web UI's extension it is found before this entry.
    modules["easyphoto"] = str(Path(__file__).resolve().parents[2])
    return HostTorch(version, folder, modules, distributions)


def _search(torch_from: Sequence[Path] | None) -> list[str]:
    return [str(folder) for folder in (sys.path if torch_from is None else torch_from)]


def _found(name: str, folders: list[str]) -> metadata.Distribution | None:
    return next(iter(metadata.distributions(name=name, path=folders)), None)


def _folder(distribution: metadata.Distribution) -> Path:
    return Path(str(distribution.locate_file(""))).resolve()


def _with_requirements(name: str, folders: list[str]) -> Iterator[metadata.Distribution]:
    """A distribution and its installed requirements, breadth first, each once; those for other systems are absent."""
    waiting, seen = [name], {plain_name(name)}
    while waiting:
        distribution = _found(waiting.pop(0), folders)
        if distribution is None:
            continue
        yield distribution
        for required in _required(distribution):
            if required not in seen:
                seen.add(required)
                waiting.append(required)


def _required(distribution: metadata.Distribution) -> Iterator[str]:
    for line in distribution.requires or ():
        requirement, _, marker = line.partition(";")
        name = FIRST_NAME.match(requirement.strip())
        # Requirements of extras are left out; numpy, for instance, must be the environment's own.
        if name and "extra" not in marker:
            yield plain_name(name.group())


def _top_level(distribution: metadata.Distribution) -> set[str]:
    """The importable top-level names, from the list of files, or the package's own name if it has no list."""
    names = set()
    for file in distribution.files or ():
        first = file.parts[0]
        if len(file.parts) == 1 and first.endswith(ENDINGS):
            names.add(first.split(".")[0])
        elif len(file.parts) > 1 and first.isidentifier() and first != "__pycache__":
            names.add(first)
    return names or {plain_name(distribution.metadata["Name"]).replace("-", "_")}
