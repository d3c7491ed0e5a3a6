"""Conditions: what steers the networks besides prompts and controls, such as LoRAs.

A kind of condition is a frozen dataclass in this module or another. A backend lists the kinds it applies in its
`Capabilities`; the local one applies a kind through its entry in `local_conditions.APPLIERS`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Protocol

from easyphoto.errors import MissingCapability
from easyphoto.messages import text


class Condition(Protocol):
    """A condition. It has a weight and acts from `start` to `end`, fractions of the steps."""

    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str:
        """Its name in results and notes."""
        ...

    @property
    def weight(self) -> float:
        """0 switches it off."""
        ...

    @property
    def start(self) -> float: ...

    @property
    def end(self) -> float: ...

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it is made from, for a run's record."""
        ...

    @property
    def batch_key(self) -> Hashable:
        """What requests must have in common to be batched: all that cannot differ between pictures."""
        ...


@dataclass(frozen=True)
class LoraCondition:
    """A LoRA file, applied to the networks' weights."""

    kind: ClassVar[str] = "lora"
    path: Path
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    @property
    def batch_key(self) -> Hashable:
        """The condition itself: it changes the networks, so nothing may differ within a batch."""
        return self


def loras_in(conditions: Sequence[Condition]) -> tuple[LoraCondition, ...]:
    """The LoRAs among the conditions, in order."""
    return tuple(each for each in conditions if isinstance(each, LoraCondition))


def refused_condition(condition: Condition, because: str) -> MissingCapability:
    """The error for a condition whose kind is known and cannot be applied."""
    return MissingCapability(
        text(
            "{name} ({kind}) cannot be applied: {because}",
            name=condition.name,
            kind=condition.kind,
            because=because,
        )
    )


def require_conditions(
    conditions: Sequence[Condition],
    kinds: Sequence[str],
    timed: Sequence[str],
    why: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Raise MissingCapability for a kind not in `kinds`, or a partial span of the steps with a kind not in `timed`.

    `why` says of some kinds what keeps them from being applied.
    """
    for each in conditions:
        if each.kind not in kinds and each.kind in why:
            raise refused_condition(each, why[each.kind])
        if each.kind not in kinds:
            raise MissingCapability(
                text(
                    "{name} ({kind}) cannot be used here.",
                    name=each.name,
                    kind=each.kind,
                ),
                advice=text("These can be used: {kinds}.", kinds=", ".join(kinds) or text("none")),
            )
        if (each.start, each.end) != (0.0, 1.0) and each.kind not in timed:
            raise MissingCapability(
                text(
                    "Here {name} can only be used in all steps, not from {start:g} to {end:g} of them.",
                    name=each.name,
                    start=each.start,
                    end=each.end,
                ),
                advice=text("Leave its start and end out, or make the picture on this machine."),
            )
