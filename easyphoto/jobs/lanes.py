"""The lanes of the queue: what runs side by side, and which jobs go where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class LaneKind(Enum):
    """Work needs a device and takes it alone; what looks at photos, or waits for a network, never waits for it."""

    WORK = "work"
    LOOK = "look"
    FETCH = "fetch"

    @classmethod
    def of(cls, kind: str) -> LaneKind:
        """Return the kind of lane that runs a command of this kind."""
        return {"check": cls.LOOK, "add": cls.LOOK, "weights": cls.FETCH}.get(kind, cls.WORK)


@dataclass(frozen=True)
class Lane:
    kind: LaneKind
    name: str
    """Unique in the queue: `work` where there is one, else what it computes on, such as cuda:0."""
    takes: frozenset[str] = frozenset()
    """The only kinds of commands that it runs; empty: all of its kind of lane."""

    def accepts(self, kind: str) -> bool:
        return LaneKind.of(kind) is self.kind and (not self.takes or kind in self.takes)


ONE_LANE = (Lane(LaneKind.WORK, LaneKind.WORK.value),)
LOOK, FETCH = (Lane(kind, kind.value) for kind in (LaneKind.LOOK, LaneKind.FETCH))
"""What they run needs no device, so every queue has one of each, in its own process."""
