"""Conditions on this machine's networks, each kind by what applies it, and which of them act in which step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from easyphoto.backends.components import Components
from easyphoto.backends.conditions import Condition, LoraCondition
from easyphoto.backends.lora_apply import AppliedLoras, loras_applied


class Applied(Protocol):
    """The conditions of one kind while they are on the networks."""

    def switch(self, on: Collection[int]) -> None:
        """Only those of these numbers act from now."""
        ...


Column = Sequence[Any]
"""One condition of a batch: as each of its pictures has it. What the batch key says is equal in all."""
Applier = Callable[[Components, Sequence[Column]], AbstractContextManager[Applied]]
"""Lays all conditions of a kind on the networks, which are bit for bit as they were when the context is left."""


def _apply_loras(components: Components, columns: Sequence[Column]) -> AbstractContextManager[AppliedLoras]:
    return loras_applied(components, [column[0] for column in columns])


APPLIERS: Mapping[str, Applier] = MappingProxyType({LoraCondition.kind: _apply_loras})
"""Kind → what applies it. All of them can start and end between two steps."""


@dataclass(frozen=True, eq=False)
class ActiveConditions:
    """A batch's conditions while they are on the networks, numbered in the request's order."""

    conditions: tuple[Condition, ...]
    """Those of the first picture, with a weight or without."""
    kinds: tuple[tuple[tuple[int, ...], Applied], ...]
    """For each kind the numbers of its conditions, and what switches them."""

    def on_at(self, progress: float) -> frozenset[int]:
        """Which act in a step; `progress` is its middle, as a share of all steps made."""
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
    """The conditions of a batch of pictures whose batch keys are equal.

    Raises MissingCapability where one does not fit the networks.
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
