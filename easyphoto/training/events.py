"""The events that the worker writes to its standard output: one JSON object per line, with its `type`.

Unknown types and fields are ignored, so the two sides may have different versions.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from easyphoto.errors import InputError
from easyphoto.messages import packed, unpacked
from easyphoto.storage.records import parsed, typed


@dataclass(frozen=True)
class Start:
    version: str
    device: str
    photos: int
    held_out: int
    steps: int
    batch: int
    parameters: int
    resumed_at: int = 0
    devices: int = 1
    """How many compute it together."""


@dataclass(frozen=True)
class MemoryPlanned:
    """How the steps are run so that they fit the device's memory."""

    text: str
    """The plan in words."""
    at_a_time: int
    checkpointing: bool
    offload: bool
    precision: str
    need_mb: int
    """Estimated MiB of weights, adapters and one pass."""
    free_mb: int | None
    """MiB the device had available for it; None if it does not tell."""


@dataclass(frozen=True)
class Phase:
    name: str
    """load, cache, train, validate, save."""
    seconds: float | None = None
    """None when the phase begins; its duration when it ends."""


@dataclass(frozen=True)
class Step:
    step: int
    of: int
    loss: float
    lr: float
    s_per_step: float
    eta_s: float | None
    """Seconds to the end of the run, test pictures included; None until a round of them has been timed."""
    mem_mb: int
    is_captured: bool = False
    """Whether the step was replayed from a CUDA graph."""


@dataclass(frozen=True)
class Sample:
    step: int
    path: str
    template: int
    score: float | None


@dataclass(frozen=True)
class Checkpoint:
    step: int
    path: str
    bytes: int


@dataclass(frozen=True)
class Warn:
    code: str
    detail: str


@dataclass(frozen=True)
class Done:
    path: str
    sha256: str
    portrait: str | None
    best_step: int
    """The latest checkpoint whose likeness is a draw with the best (`DRAW`); the last if nothing could be judged."""
    best: float | None
    """Mean cosine similarity of that checkpoint's pictures; None if nothing could be judged."""
    last: float | None
    """The same of the last checkpoint, which is the finished LoRA."""
    embedder: str | None
    notes: tuple[str, ...]
    seconds: dict[str, float]
    """Seconds by phase."""
    plan: str = ""
    """The last memory plan in words."""
    used: tuple[dict[str, str], ...] = ()
    """The weight files used: id, file, licence, sha256."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Step → share in the LoRA, in the events of earlier versions, which merged checkpoints."""


@dataclass(frozen=True)
class ErrorEvent:
    code: str
    message: str
    advice: str
    resumable: bool
    exit_code: int


Event = Start | MemoryPlanned | Phase | Step | Sample | Checkpoint | Warn | Done | ErrorEvent

TYPES: Mapping[str, type] = MappingProxyType(
    {
        "start": Start,
        "plan": MemoryPlanned,
        "phase": Phase,
        "step": Step,
        "sample": Sample,
        "checkpoint": Checkpoint,
        "warn": Warn,
        "done": Done,
        "error": ErrorEvent,
    }
)
NAMES: Mapping[type, str] = MappingProxyType({kind: name for name, kind in TYPES.items()})


def is_training(event: Event) -> bool:
    """Whether the event announces the training phase, from which on there is something to save."""
    return isinstance(event, Phase) and event.name == "train"


def to_line(event: Event) -> str:
    """The event as one line of JSON without the newline; NaN and infinity become null, which JSON lacks.

    Texts are stored with their templates and values.
    """
    values = {key: _plain(value) for key, value in dataclasses.asdict(event).items()}
    return json.dumps(packed({"type": NAMES[type(event)], **values}), ensure_ascii=False, allow_nan=False)


def from_line(line: str) -> Event | None:
    """The event of a line; None for an unknown type or a line that is not an event."""
    try:
        values = parsed(line.encode("utf-8"))
        kind = TYPES.get(str(values.get("type"))) if isinstance(values, dict) else None
        return None if kind is None else typed(kind, unpacked(values), "The event")
    except (InputError, ValueError):
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
