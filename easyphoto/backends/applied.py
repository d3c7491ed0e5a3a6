"""What took effect in a batch of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from easyphoto.backends.base import Request, Result
from easyphoto.backends.controls import ActiveControl
from easyphoto.backends.local_conditions import ActiveConditions
from easyphoto.messages import note


@dataclass(frozen=True)
class Applied:
    """The controls and conditions that took effect in a batch."""

    controls: tuple[str, ...]
    conditions: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        controls: Sequence[ActiveControl],
        conditions: ActiveConditions,
        notes: Sequence[str],
        *,
        middles: Sequence[float],
    ) -> Applied:
        on = [control.kind for control in controls if any(map(control.is_on, middles))]
        off = [("control", control.kind) for control in controls if control.kind not in on]
        acting = frozenset().union(*map(conditions.on_at, middles))
        weighty = [(number, each) for number, each in enumerate(conditions.conditions) if each.weight]
        off += [(each.kind, each.name) for number, each in weighty if number not in acting]
        spans = tuple(
            note(
                "span-without-a-step",
                "The {kind} {name} begins and ends between two of the {steps} steps, so it has no effect.",
                kind=kind,
                name=name,
                steps=len(middles),
            )
            for kind, name in off
        )
        names = tuple(each.name for number, each in weighty if number in acting)
        return cls(tuple(on), names, (*notes, *spans))

    def result(self, request: Request, image: Image.Image, seconds: float) -> Result:
        return Result(image, request.seed, self.controls, self.conditions, seconds, self.notes)
