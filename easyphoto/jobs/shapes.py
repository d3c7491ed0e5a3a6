"""The shapes of job results and events by kind: what tabs and API rely on in a record that was read back.

Only the keys that are read are declared; a record may hold more. A record that does not fit is treated as damaged and
left out, so that code that shows jobs need not check each value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from easyphoto.commands.base import Command
from easyphoto.commands.records import read_command
from easyphoto.jobs.answers import COMMANDS
from easyphoto.storage.records import typed


class State(str, Enum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The process that ran it has ended; a training can be resumed."""

    @property
    def is_over(self) -> bool:
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class NamedPictures:
    """The keys that hold upload names, checked in every request, even of kinds that only another version knows."""

    photos: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    template: str | None = None
    mask: str | None = None
    pose_picture: str | None = None


@dataclass(frozen=True)
class VerdictTold:
    photo: str
    kept: bool
    explanation: str
    advice: str
    reason: str | None = None
    notes: tuple[str, ...] = ()
    faces: tuple[Any, ...] = ()


@dataclass(frozen=True)
class QuestionTold:
    photo: str
    file: str | None = None


@dataclass(frozen=True)
class CheckTold:
    verdicts: tuple[VerdictTold, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    reference: str | None = None
    question: QuestionTold | None = None
    identity_words: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LikenessTold:
    embedder: str
    cosine: float


@dataclass(frozen=True)
class StageTold:
    name: str
    file: str
    face: int | None


@dataclass(frozen=True)
class PictureTold:
    file: str
    template: str
    seed: int
    score: float | None
    likeness: tuple[LikenessTold | None, ...]
    notes: tuple[str, ...]
    stages: tuple[StageTold, ...]


@dataclass(frozen=True)
class DrawnTold:
    template: str
    file: str
    words: str
    seed: int
    saved: str | None = None


@dataclass(frozen=True)
class PhotographTold:
    pictures: tuple[PictureTold, ...]
    drawn: tuple[DrawnTold, ...] = ()


@dataclass(frozen=True)
class TrainedTold:
    person: str
    name: str
    published: str | None = None
    likeness: LikenessTold | None = None


@dataclass(frozen=True)
class AddedTold:
    person: str
    name: str
    kept: int


@dataclass(frozen=True)
class TemplateTold:
    template: str
    file: str


@dataclass(frozen=True)
class WeightTold:
    id: str
    file: str
    licence: str
    sha256: str


@dataclass(frozen=True)
class WeightsTold:
    files: tuple[WeightTold, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOutTold:
    name: str
    reason: str


@dataclass(frozen=True)
class ImportedTold:
    persons: tuple[str, ...]
    left_out: tuple[LeftOutTold, ...]


@dataclass(frozen=True)
class StateEvent:
    state: State


@dataclass(frozen=True)
class PreviewEvent:
    file: str


@dataclass(frozen=True)
class JobErrorEvent:
    error: Mapping[str, str]


@dataclass(frozen=True)
class LineEvent:
    line: str


RESULTS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "check": CheckTold,
        "add": AddedTold,
        "train": TrainedTold,
        "resume": TrainedTold,
        "photograph": PhotographTold,
        "place": PhotographTold,
        "template": TemplateTold,
        "weights": WeightsTold,
        "import": ImportedTold,
    }
)
EVENTS: Mapping[str, type[Any]] = MappingProxyType(
    {"state": StateEvent, "preview": PreviewEvent, "error": JobErrorEvent, "train": LineEvent, "verdicts": CheckTold}
)


def check_job(kind: str, request: Mapping[str, Any], result: Mapping[str, Any] | None) -> Command | None:
    """The command of the request, or None where its kind is not known here.

    Raises BadRecord for a request or result that does not fit jobs of that kind.
    """
    typed(NamedPictures, request, f"The request of a job {kind!r}")
    if result is not None and kind in RESULTS:
        typed(RESULTS[kind], result, f"The result of a job {kind!r}")
    return read_command(COMMANDS[kind], request) if kind in COMMANDS else None


def check_event(type: str, values: Mapping[str, Any]) -> None:
    """Raises BadRecord for an event that does not fit its type."""
    if type in EVENTS:
        typed(EVENTS[type], values, f"An event {type!r}")
