"""A command: a frozen value that says what to do. User interfaces build it, the queue records it, `run` does it.

Neither this module nor the modules of the commands import anything heavy, because `--help` is built from their fields.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from easyphoto.progress import NullProgress, Progress
from easyphoto.settings.declarations import Settings, settings_record
from easyphoto.settings.options import Options

VERSION = 1
"""Version of the records. A record without one is older than the commands and has the same keys."""

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.inference.results import Photograph
    from easyphoto.preprocess.verdict import Check
    from easyphoto.training.events import Event
    from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class Subjects:
    """The persons and uploads that a command works on. Its job is deleted together with them."""

    persons: tuple[str, ...] = ()
    """Person ids."""
    uploads: tuple[str, ...] = ()
    """File names in the workspace's uploads."""

    @property
    def names(self) -> frozenset[str]:
        """Return the names that the journal uses."""
        from easyphoto.storage.journal import names_of

        return names_of(self.persons, self.uploads)

    def meets(self, other: Subjects) -> bool:
        """Return whether both share a person or a picture."""
        return bool({*self.persons} & {*other.persons} or {*self.uploads} & {*other.uploads})


class Context(Progress, Protocol):
    """The observer of a command: receives progress, and news before the result exists."""

    def note(self, text: str) -> None:
        """Receive something that people should know although the work goes on."""
        ...

    def checked(self, check: Check) -> None:
        """Receive the verdicts of a training's photos before it begins."""
        ...

    def run_started(self, folder: Path) -> None:
        """Receive a training's folder; its name resumes the training."""
        ...

    def training_event(self, event: Event) -> None: ...

    def picture_finished(self, file: Path, template: Path, made: Photograph) -> None:
        """Receive a picture that has just been written, with all its steps."""
        ...


class NullContext:
    """Ignores everything except progress, which goes to `progress` if given."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or NullProgress()

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        self._progress.step(done, total, message, preview=preview)

    def check(self) -> None:
        self._progress.check()

    def note(self, text: str) -> None:
        pass

    def checked(self, check: Check) -> None:
        pass

    def run_started(self, folder: Path) -> None:
        pass

    def training_event(self, event: Event) -> None:
        pass

    def picture_finished(self, file: Path, template: Path, made: Photograph) -> None:
        pass


@dataclass(frozen=True)
class Described:
    """Describes a plain field of a command, for the command line and the API's schema."""

    words: str = ""
    least: int | None = None
    most: int | None = None
    """Bounds of a number, or of the length of a text."""
    key: str | None = None
    """Its key in records, requests and options, if that is not the field's name."""
    choices: tuple[str, ...] = ()
    """The only values of a text; empty: any."""


UNRECORDED: Mapping[str, Any] = MappingProxyType({"is_recorded": False})
"""Metadata of a field that stays out of the command's record."""


def described(
    words: str = "",
    *,
    least: int | None = None,
    most: int | None = None,
    key: str | None = None,
    choices: tuple[str, ...] = (),
) -> Mapping[str, Any]:
    """Return the metadata of such a field."""
    return MappingProxyType({"described": Described(words, least, most, key, choices)})


class Command(ABC):
    """Base of the commands, which are frozen dataclasses. Their fields are what is recorded."""

    kind: ClassVar[str]
    """Names the command's jobs in records and requests."""
    options: Options | None = None
    """None: the app's options."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The title shown in the queue."""

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects()

    def validated(self, app: EasyPhoto) -> Command:
        """Raise errors that need not wait for the command's turn; returns the command with resolved values."""
        return self

    def record(self) -> dict[str, Any]:
        """Return plain values, with the keys that clients use.

        Files are recorded by name alone, because clients must not learn paths on this machine.
        """
        fields = recorded_fields(type(self)).items()
        return {**{key: _plain(getattr(self, field.name), key, _bare) for key, field in fields}, "version": VERSION}

    def whole_record(self, written: Callable[[Path], str]) -> dict[str, Any]:
        """Return every field as plain values, from which `records.read_whole` makes the same command again.

        It is for this program alone: it names files as `written` does, and the host's folder.
        """
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # every command is a dataclass
        return {field.name: _plain(getattr(self, field.name), field.name, written, whole=True) for field in fields}

    @abstractmethod
    def run(self, app: EasyPhoto, context: Context) -> Any:
        """Run the command in the app's workspace. Raises the errors of `easyphoto.errors`, and Cancelled."""


def recorded_fields(kind: type[Command]) -> dict[str, dataclasses.Field[Any]]:
    """Return the recorded fields by their keys in records and requests."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # every command is a dataclass
    return {key_of(field): field for field in fields if field.metadata.get("is_recorded", True)}


def key_of(field: dataclasses.Field[Any]) -> str:
    """Return a field's key in records and requests."""
    return described_of(field).key or field.name


def described_of(field: dataclasses.Field[Any]) -> Described:
    described: Described = field.metadata.get("described", Described())
    return described


def uploads_among(files: Iterable[Path], workspace: Workspace) -> tuple[str, ...]:
    """Return the names of those files that are in the workspace's uploads."""
    return tuple(file.name for file in files if file.parent == workspace.uploads)


def _bare(file: Path) -> str:
    return file.name


def _plain(value: Any, name: str, written: Callable[[Path], str], *, whole: bool = False) -> Any:
    if isinstance(value, Options) and whole:
        return dataclasses.asdict(value)
    if name == "options" and not whole:
        return options_record(value)
    if isinstance(value, Path):
        return written(value)
    if isinstance(value, Settings):
        return settings_record(value)
    if isinstance(value, (tuple, list)):
        return [_plain(part, "", written) for part in value]
    return dict(value) if isinstance(value, Mapping) else value


def options_record(options: Options | None) -> dict[str, Any]:
    """Return the options for clients, without the host's folder, which only the server's owner knows."""
    record = dataclasses.asdict(options or Options())
    del record["weights"]["webui"]
    return record
