"""What steers the networks besides words and controls: LoRAs, and whatever else makes them paint a person.

A kind of condition is a frozen dataclass here or beside. A backend names the kinds that it applies in its
`Capabilities`; the local one applies a kind by its line in `local_conditions.APPLIERS`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from easyphoto.errors import MissingCapability
from easyphoto.messages import text


class Condition(Protocol):
    """One kind's values. All of them have a weight, and act from `start` to `end`, shares of the steps made."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """For results and notes."""
        ...

    @property
    def weight(self) -> float:
        """0: as if it were not there."""
        ...

    @property
    def start(self) -> float: ...

    @property
    def end(self) -> float: ...

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is made from, for a run's record."""
        ...

    @property
    def batch_key(self) -> Hashable:
        """What must be equal in requests that share the networks' passes: all that cannot differ by picture."""
        ...


@dataclass(frozen=True)
class LoraCondition:
    """A LoRA file on the networks."""

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
        """It changes the networks themselves, so nothing of it may differ."""
        return self


def loras_in(conditions: Sequence[Condition]) -> tuple[LoraCondition, ...]:
    return tuple(each for each in conditions if isinstance(each, LoraCondition))


def require_conditions(conditions: Sequence[Condition], kinds: Sequence[str], timed: Sequence[str]) -> None:
    """Raises MissingCapability for a kind not in `kinds`, or for a span of the steps where `timed` lacks the kind."""
    for each in conditions:
        if each.kind not in kinds:
            raise MissingCapability(
                text(
                    "What paints here cannot apply {name} (a condition of the kind {kind!r}).",
                    name=each.name,
                    kind=each.kind,
                ),
                advice=text("It applies: {kinds}.", kinds=", ".join(kinds) or text("none")),
            )
        if (each.start, each.end) != (0.0, 1.0) and each.kind not in timed:
            raise MissingCapability(
                text(
                    "What paints here applies {name} in all steps, not from {start:g} to {end:g} of them.",
                    name=each.name,
                    start=each.start,
                    end=each.end,
                ),
                advice=text("Leave its start and end out, or paint on this machine."),
            )
