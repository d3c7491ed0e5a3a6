"""A command: a frozen value that says what is wanted. Surfaces build it, the queue records it, `run` does it.

Nothing heavy is imported here or by the modules of the commands, because `--help` is made from their fields.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from easyphoto.progress import NullProgress, Progress
from easyphoto.settings import Options, Settings, settings_record

VERSION = 1
"""Of the records. One without it is of the time before there were commands, and has the same keys."""

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.inference.results import Photograph
    from easyphoto.preprocess.verdict import Check
    from easyphoto.training.events import Event
    from easyphoto.workspace.folders import Workspace


@dataclass(frozen=True)
class Subjects:
    """Whose pictures a command works on. The job that does it goes when they go."""

    persons: tuple[str, ...] = ()
    """Ids."""
    uploads: tuple[str, ...] = ()
    """File names in the workspace's uploads."""

    @property
    def names(self) -> frozenset[str]:
        """As the journal has them."""
        from easyphoto.storage.journal import names_of

        return names_of(self.persons, self.uploads)

    def meets(self, other: Subjects) -> bool:
        """Whether both are about the same person or picture."""
        return bool({*self.persons} & {*other.persons} or {*self.uploads} & {*other.uploads})


class Context(Progress, Protocol):
    """Who watches a command: progress, and what is worth telling before the result is there."""

    def note(self, text: str) -> None:
        """Something that people should know although the work goes on."""
        ...

    def checked(self, check: Check) -> None:
        """The verdicts of a training's photos, before it begins."""
        ...

    def run_started(self, folder: Path) -> None:
        """A training's folder, whose name resumes it."""
        ...

    def training_event(self, event: Event) -> None: ...

    def picture_finished(self, file: Path, template: Path, made: Photograph) -> None:
        """A picture that has just been written, with all its steps."""
        ...


class NullContext:
    """Nobody listens. Progress goes to `progress` where one is given."""

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
    """What a plain field of a command says about itself: the command line and the API's schema are made from it."""

    words: str = ""
    least: int | None = None
    most: int | None = None
    """Bounds of a number, or of a text's length."""
    key: str | None = None
    """What records and clients call it, where that is not the field's name."""


UNRECORDED: Mapping[str, Any] = MappingProxyType({"is_recorded": False})
"""Metadata of a field that stays out of the command's record."""


def described(
    words: str = "",
    *,
    least: int | None = None,
    most: int | None = None,
    key: str | None = None,
) -> Mapping[str, Any]:
    """Metadata of such a field."""
    return MappingProxyType({"described": Described(words, least, most, key)})


class Command(ABC):
    """Base of the commands, which are frozen dataclasses. Their fields are what is recorded."""

    kind: ClassVar[str]
    """What jobs of this command are called in records, and by clients."""
    options: Options | None = None
    """None: as the app has them."""

    @property
    @abstractmethod
    def title(self) -> str:
        """For people who look at the queue."""

    def subjects(self, workspace: Workspace) -> Subjects:
        return Subjects()

    def validated(self, app: EasyPhoto) -> Command:
        """Raise at once what need not wait for the command's turn; returns the command with what was found out."""
        return self

    def record(self) -> dict[str, Any]:
        """Plain values, by the names that clients know.

        Files are recorded by name alone: where they lie on this machine is no client's business.
        """
        fields = recorded_fields(type(self)).items()
        return {**{key: _plain(getattr(self, field.name), key) for key, field in fields}, "version": VERSION}

    @abstractmethod
    def run(self, app: EasyPhoto, context: Context) -> Any:
        """Do it in the app's workspace. Raises the errors of `easyphoto.errors`, and Cancelled."""


def recorded_fields(kind: type[Command]) -> dict[str, dataclasses.Field[Any]]:
    """By the keys that records and clients know them by."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # every command is a dataclass
    return {key_of(field): field for field in fields if field.metadata.get("is_recorded", True)}


def key_of(field: dataclasses.Field[Any]) -> str:
    """What records and clients call a command's field."""
    return described_of(field).key or field.name


def described_of(field: dataclasses.Field[Any]) -> Described:
    described: Described = field.metadata.get("described", Described())
    return described


def uploads_among(files: Iterable[Path], workspace: Workspace) -> tuple[str, ...]:
    """The names of those files that lie in the workspace's uploads."""
    return tuple(file.name for file in files if file.parent == workspace.uploads)


def _plain(value: Any, name: str) -> Any:
    if name == "options":
        return options_record(value)
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Settings):
        return settings_record(value)
    if isinstance(value, (tuple, list)):
        return [_plain(part, "") for part in value]
    return dict(value) if isinstance(value, Mapping) else value


def options_record(options: Options | None) -> dict[str, Any]:
    """For clients: where the host lies is the owner's business."""
    record = dataclasses.asdict(options or Options())
    del record["weights"]["webui"]
    return record
