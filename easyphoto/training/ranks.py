"""Several processes that compute one training, each on a device of its own: what they tell each other in a step.

Every one of them draws the whole batch and computes the gradients of its share. Those are added up, so that the step is
that of one device with the same batch, and then every process makes the same update. As everywhere in the field, a
process is called a rank, and ranks are counted from 0.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import torch

from easyphoto.errors import MissingCapability
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import text
from easyphoto.training.rank_processes import RankLost, Seat

PATIENCE = timedelta(days=2)
"""How long a rank waits for the others, which may have to make test pictures. One that has ended is noticed at once."""


@dataclass(frozen=True)
class StepOutcome:
    """How an attempt at a step went in one rank, or the worst of all ranks."""

    rung: int
    """The memory plan that it needs, counted down from the one that the settings ask for."""
    is_short: bool = False
    """Whether memory ran out, so that the step has to be repeated."""
    is_plain: bool = False
    """Whether its steps are not captured."""


class Ranks(Protocol):
    @property
    def count(self) -> int: ...

    def share(self, batch: int) -> slice:
        """The rows of a batch that this rank computes."""
        ...

    def agreed(self, outcome: StepOutcome) -> StepOutcome:
        """The worst outcome of all ranks; waits for them, but not for the devices. Raises RankLost."""
        ...

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by the sum of all ranks', the same bytes in all of them. Raises RankLost."""
        ...

    def part(self) -> None:
        """Wait until every rank has computed its last step, and leave each other. Raises RankLost."""
        ...


class SingleRank:
    """One process computes everything."""

    count = 1

    def share(self, batch: int) -> slice:
        return slice(0, batch)

    def agreed(self, outcome: StepOutcome) -> StepOutcome:
        return outcome

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        pass

    def part(self) -> None:
        pass


class JoinedRanks:
    """This rank among others, in accelerate's process group: NCCL between cards, gloo between processors."""

    def __init__(self, seat: Seat, device: str) -> None:
        """Waits for the other ranks. Raises MissingCapability where this torch has no such groups, and RankLost."""
        if not torch.distributed.is_available():
            raise MissingCapability(
                text("This build of torch cannot train on several devices."), advice=text("Name one device.")
            )
        self.rank, self.count = seat.rank, seat.count
        self._device = torch.device(device)
        is_card = self._device.type == "cuda"
        backend = "nccl" if is_card and torch.distributed.is_nccl_available() else "gloo"
        # Over a file: a port could be another training's by the time it is used.
        store = torch.distributed.FileStore(str(seat.meeting), seat.count)
        _join(backend, is_card=is_card, store=store, rank=seat.rank, world_size=seat.count, timeout=PATIENCE)
        # What they tell each other in words must not wait for the devices.
        self._words: Any = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)

    def share(self, batch: int) -> slice:
        return shares(batch, self.count)[self.rank]

    def agreed(self, outcome: StepOutcome) -> StepOutcome:
        told = torch.tensor([outcome.rung, outcome.is_short, outcome.is_plain], dtype=torch.int64)
        self._reduce(told, torch.distributed.ReduceOp.MAX, self._words)
        rung, is_short, is_plain = told.tolist()
        return StepOutcome(rung, bool(is_short), bool(is_plain))

    @torch.no_grad()
    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        for tensor in tensors:
            self._reduce(tensor, torch.distributed.ReduceOp.SUM)

    def part(self) -> None:
        if not torch.distributed.is_initialized():
            return
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        # A rank that ends takes along what others may still be reading from its card.
        self.agreed(StepOutcome(0))
        torch.distributed.destroy_process_group()

    def _reduce(self, tensor: torch.Tensor, operation: Any, group: Any = None) -> None:
        try:
            torch.distributed.all_reduce(tensor, operation, group=group)
        except RuntimeError as error:
            if ran_out_of_memory(error):
                raise
            raise RankLost from error


def shares(batch: int, count: int) -> tuple[slice, ...]:
    """Each rank's rows of a batch, as even as can be; the first ranks have those that are left over."""
    sizes = [batch // count + (rank < batch % count) for rank in range(count)]
    return tuple(slice(sum(sizes[:rank]), sum(sizes[: rank + 1])) for rank in range(count))


def _join(backend: str, *, is_card: bool, **options: Any) -> None:
    # Here, because only such a training needs accelerate, and its import takes a second.
    from accelerate import PartialState
    from accelerate.utils import check_cuda_p2p_ib_support

    if is_card and not check_cuda_p2p_ib_support():
        # accelerate refuses such cards under old drivers unless this is set, as its own launcher does.
        os.environ.update(NCCL_P2P_DISABLE="1", NCCL_IB_DISABLE="1")
    try:
        PartialState(cpu=not is_card, backend=backend, **options)
    except RuntimeError as error:
        if ran_out_of_memory(error):
            raise
        raise RankLost from error
