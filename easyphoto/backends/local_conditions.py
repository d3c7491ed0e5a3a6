"""Applying conditions to the local networks, kind by kind, and switching them on and off by step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from easyphoto.backends.components import Components
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.backends.lora_apply import AppliedLoras, loras_applied


class AppliedConditions(Protocol):
    """The conditions of one kind while they are applied to the networks."""

    def switch(self, on: Collection[int]) -> None:
        """Activate the conditions with these numbers and deactivate the others."""
        ...


Column = Sequence[Any]
"""One condition of a batch, as each of its pictures has it; their batch keys are equal."""
Applier = Callable[[Components, Sequence[Column]], AbstractContextManager[AppliedConditions]]
"""Applies all conditions of a kind to the networks; leaving the context restores the networks bit for bit."""


def _apply_loras(components: Components, columns: Sequence[Column]) -> AbstractContextManager[AppliedLoras]:
    return loras_applied(components, [column[0] for column in columns])


APPLIERS: Mapping[str, Applier] = MappingProxyType({LoraCondition.kind: _apply_loras})
"""Kind → its applier. All of these kinds can start and end between two steps."""


@dataclass(frozen=True, eq=False)
class ActiveConditions:
    """A batch's conditions while they are applied to the networks, numbered in the request's order."""

    conditions: tuple[Condition, ...]
    """Those of the first picture, including those of weight 0."""
    kinds: tuple[tuple[tuple[int, ...], AppliedConditions], ...]
    """For each kind the numbers of its conditions, and the object that switches them."""

    def on_at(self, progress: float) -> frozenset[int]:
        """The numbers that act in a step; `progress` is the step's middle as a fraction of all steps."""
        return frozenset(
            number for number, each in enumerate(self.conditions) if each.weight and each.start <= progress < each.end
        )

    def switch(self, on: frozenset[int]) -> None:
        for numbers, applied in self.kinds:
            applied.switch([place for place, number in enumerate(numbers) if number in on])


@contextmanager
def conditions_applied(
    components: Components,
    batch: Sequence[Sequence[Condition]],
    *,
    appliers: Mapping[str, Applier] = APPLIERS,
) -> Iterator[ActiveConditions]:
    """Apply the conditions of a batch of pictures with equal batch keys.

    Raises MissingCapability if one does not fit the networks.
    """
    columns = list(zip(*batch, strict=True))
    numbers: dict[str, list[int]] = {}
    for number, condition in enumerate(batch[0]):
        numbers.setdefault(condition.kind, []).append(number)
    with ExitStack() as stack:
        kinds = [
            (tuple(places), stack.enter_context(appliers[kind](components, [columns[place] for place in places])))
            for kind, places in numbers.items()
        ]
        yield ActiveConditions(tuple(batch[0]), tuple(kinds))
