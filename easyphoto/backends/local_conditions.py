"""Applying conditions to the local networks, kind by kind, and switching them on and off by step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from easyphoto.backends.conditions import Condition, LoraCondition, loras_in
from easyphoto.backends.controls import ActiveControl
from easyphoto.backends.face_attention import AppliedFaces, AttendedFace, faces_applied
from easyphoto.backends.face_condition import FACE_KINDS, FaceCondition
from easyphoto.backends.face_networks import attended, identity_net
from easyphoto.backends.lora_apply import loras_applied
from easyphoto.backends.merged_loras import MergedLoras
from easyphoto.backends.networks import Networks


class AppliedConditions(Protocol):
    """The conditions of one applier while they are applied to the networks."""

    @property
    def controls(self) -> Sequence[ActiveControl]:
        """ControlNets that these conditions bring, which act in the conditions' steps."""
        ...

    def switch(self, on: Collection[int]) -> None:
        """Activate the conditions with these numbers and deactivate the others."""
        ...


Column = Sequence[Any]
"""One condition of a batch, as each of its pictures has it; their batch keys are equal."""
Applier = Callable[[Networks, Sequence[Column]], AbstractContextManager[AppliedConditions]]
"""Applies all conditions of its kinds to the networks; leaving the context restores the networks bit for bit, but for
LoRAs that stay merged."""


def _apply_loras(networks: Networks, columns: Sequence[Column]) -> AbstractContextManager[MergedLoras]:
    return loras_applied(networks.components, [column[0] for column in columns], stay=networks.keeps_loras)


@dataclass(frozen=True, eq=False)
class _Faces:
    """Faces in the UNet's attention, and the ControlNets that are shown them too."""

    attention: AppliedFaces
    controls: tuple[ActiveControl, ...]

    def switch(self, on: Collection[int]) -> None:
        self.attention.switch(on)


@contextmanager
def _apply_faces(networks: Networks, columns: Sequence[Sequence[FaceCondition]]) -> Iterator[_Faces]:
    faces: dict[int, AttendedFace] = {}
    controls: list[ActiveControl] = []
    for number, column in enumerate(columns):
        # A face of weight 0 is not even loaded.
        if column[0].weight:
            faces[number] = attended(networks, column)
            if column[0].control_weight:
                controls.append(identity_net(networks, column, faces[number]))
    with faces_applied(networks.components.unet, faces) as attention:
        yield _Faces(attention, tuple(controls))


APPLIERS: Mapping[str, Applier] = MappingProxyType(
    {LoraCondition.kind: _apply_loras, **dict.fromkeys(FACE_KINDS, _apply_faces)}
)
"""Kind → its applier. All of these kinds can start and end between two steps."""


@dataclass(frozen=True, eq=False)
class ActiveConditions:
    """A batch's conditions while they are applied to the networks, numbered in the request's order."""

    conditions: tuple[Condition, ...]
    """Those of the first picture, including those of weight 0."""
    applied: tuple[tuple[tuple[int, ...], AppliedConditions], ...]
    """For each applier the numbers of its conditions, and the object that switches them."""

    @property
    def controls(self) -> tuple[ActiveControl, ...]:
        """The ControlNets that the conditions bring."""
        return tuple(control for _, applied in self.applied for control in applied.controls)

    def on_at(self, progress: float) -> frozenset[int]:
        """The numbers that act in a step; `progress` is the step's middle as a fraction of all steps."""
        return frozenset(
            number for number, each in enumerate(self.conditions) if each.weight and each.start <= progress < each.end
        )

    def switch(self, on: frozenset[int]) -> None:
        for numbers, applied in self.applied:
            applied.switch([place for place, number in enumerate(numbers) if number in on])


@contextmanager
def conditions_applied(
    networks: Networks,
    batch: Sequence[Sequence[Condition]],
    *,
    appliers: Mapping[str, Applier] = APPLIERS,
) -> Iterator[ActiveConditions]:
    """Apply the conditions of a batch of pictures with equal batch keys.

    Raises MissingCapability if one does not fit the networks.
    """
    columns = list(zip(*batch, strict=True))
    # By applier: the kinds of faces share the attention layers.
    numbers: dict[Applier, list[int]] = {}
    for number, condition in enumerate(batch[0]):
        numbers.setdefault(appliers[condition.kind], []).append(number)
    if not loras_in(batch[0]):
        networks.components.loras.take_off()  # those that stayed after an earlier batch
    with ExitStack() as stack:
        applied = [
            (tuple(places), stack.enter_context(applier(networks, [columns[place] for place in places])))
            for applier, places in numbers.items()
        ]
        yield ActiveConditions(tuple(batch[0]), tuple(applied))
