"""How checkpoints are called in the page: with the family of their networks, which is read from their headers.

Gradio 3 shows a choice as its own value, so the value holds both, and `named` takes the family off again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import EasyPhotoError
from easyphoto.jobs.service import Service
from easyphoto.ui.language import Translator

BETWEEN = " — "
MOST_KEPT = 1000


@dataclass(frozen=True)
class BaseNames:
    words: Translator
    _known: dict[tuple[Path, int, int], Family | str] = field(default_factory=dict)
    """What each file was found to be, by path, time of change and size: a header is read once."""

    def choices(self, service: Service) -> list[str]:
        """Return the host's checkpoints with their families. Reads headers: not while a page is built."""
        files = service.app.host.checkpoint_files()
        return [self._said(name, files.get(name)) for name in service.facts().checkpoints]

    def shown(self, name: str, service: Service) -> str:
        """Return one checkpoint's choice, or a path with its family."""
        file = service.app.host.checkpoint_files().get(name)
        return self._said(name, file or (Path(name) if service.facts().is_local and Path(name).is_file() else None))

    def plain(self, names: Sequence[str]) -> list[str]:
        """Return the choices for which no file needs to be read."""
        return [self._said(name, None) for name in names]

    def family(self, name: str, service: Service) -> str:
        """Return the id of a checkpoint's family; "" where nobody can say without opening the file."""
        if name in FAMILIES:
            return name
        file = service.app.host.checkpoint_files().get(name)
        is_path = file is None and service.facts().is_local and Path(name).is_file()
        found = self._found(Path(name) if is_path else file)
        return found.id if isinstance(found, Family) else ""

    def named(self, chosen: str | None) -> str:
        """Return the name in a choice; anything typed stays as it is."""
        name, between, said = (chosen or "").rpartition(BETWEEN)
        known = {self._ships(), self._useless(), *(self.words.translate(family.label) for family in FAMILIES.values())}
        return name.strip() if between and said.strip() in known else (chosen or "").strip()

    def _said(self, name: str, file: Path | None) -> str:
        family = self._ships() if name in FAMILIES and FAMILIES[name].ships else self._family(file)
        return f"{name}{BETWEEN}{family}" if family else name

    def _family(self, file: Path | None) -> str:
        """Return the family's label; "" where nobody can say without opening the file."""
        found = self._found(file)
        return found if isinstance(found, str) else self.words.translate(found.label)

    def _found(self, file: Path | None) -> Family | str:
        """Return the file's family, or what is said in place of one."""
        if file is None:
            return ""
        try:
            found = file.stat()
        except OSError:
            return ""
        key = file, found.st_mtime_ns, found.st_size
        if key not in self._known:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[key] = self._read(file)
        return self._known[key]

    def _read(self, file: Path) -> Family | str:
        from easyphoto.backends.file_formats import FileFormat, format_of
        from easyphoto.backends.folders import family_of

        try:
            if format_of(file) is FileFormat.PICKLE:
                # It would have to be unpacked with torch, for seconds each.
                return ""
            return family_of(file)
        except (EasyPhotoError, OSError):
            return self._useless()

    def _ships(self) -> str:
        return self.words("drawings only, ships with EasyPhoto")

    def _useless(self) -> str:
        return self.words("cannot be used")
