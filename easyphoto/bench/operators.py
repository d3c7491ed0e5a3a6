"""Counts the operators of one training step, because on a fast GPU their number is what a step's time is made of.

Each operator is a kernel to launch, and a launch takes the host 5 to 9 µs, whatever the kernel does. The count is taken
at PyTorch's dispatcher, so it needs no GPU; it depends on a network's depth, never on its width. What is counted:

- every ATen operator that computes: casts and copies too, views and allocations not;
- what is inside an operator that is not ATen's, in place of it;
- a `_foreach_*` operator as the launches that its multi-tensor kernel needs on a GPU: as many tensors and blocks as fit
  into a launch's arguments (`MultiTensorApply.cuh`), counted on the tensors as they are here.

Values that the host reads (`item`) are counted apart: if the tensor is on a GPU, the host waits for the GPU each
time. An ATen operator counts once even where a GPU needs two kernels for it, as for a convolution with a bias.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from easyphoto import __version__
from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import family_named
from easyphoto.backends.loading import load_components
from easyphoto.bench.learners import open_bench_learner, write_noise_pictures
from easyphoto.bench.random_base import write_random_base
from easyphoto.settings.training import TrainSettings

WIDTH, RANK, CELLS = 0.1, 8, 8
"""Enough to run on; none of them changes the number of operators."""
PHASES = ("text encoder", "UNet forward", "loss", "backward", "update")
ALLOCATIONS = {
    "aten::empty", "aten::empty_like", "aten::empty_strided", "aten::new_empty", "aten::new_empty_strided",
    "aten::_unsafe_view", "aten::lift_fresh", "aten::is_pinned", "aten::_has_same_storage_numel",
}  # fmt: skip
READ = "aten::_local_scalar_dense"
PLAIN = ("aten", "prim", "profiler")
CHUNK, BLOCKS = 65536, 320
TENSORS = {1: 110, 2: 64, 3: 48, 4: 36, 5: 30}
"""Number of tensor lists of a multi-tensor kernel → tensors in one launch."""
OPTIMIZER_LISTS = {"aten::_fused_adamw_": 4, "aten::_fused_adam_": 4, "aten::_fused_sgd_": 3}


@dataclass(frozen=True)
class OperatorCount:
    """The operators of one training step, by phase and name."""

    family: str
    batch: int
    dtype: str
    phases: Mapping[str, Counter[str]]
    reads: int
    """Values read back to the host; those of tensors that live on the host are among them."""

    @property
    def total(self) -> int:
        return sum(sum(names.values()) for names in self.phases.values())

    @property
    def names(self) -> Counter[str]:
        return sum(self.phases.values(), Counter[str]())

    def table(self, most: int = 16) -> str:
        """The operators by phase, then the most frequent ones."""
        lines = [f"{'phase':<28}{'operators':>10}"]
        lines += [f"{phase:<28}{sum(names.values()):>10}" for phase, names in self.phases.items()]
        lines += [f"{'one step':<28}{self.total:>10}"]
        lines += [f"{'values read by the host':<28}{self.reads:>10}", ""]
        lines += [f"{name.removeprefix('aten::'):<28}{count:>10}" for name, count in self.names.most_common(most)]
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        return {
            "family": self.family,
            "batch": self.batch,
            "dtype": self.dtype,
            "operators": self.total,
            "reads": self.reads,
            "phases": {phase: sum(names.values()) for phase, names in self.phases.items()},
            "names": dict(self.names.most_common()),
            "versions": {"easyphoto": __version__, "torch": torch.__version__},
        }


def run(family: str, *, batch: int = 4, say: Callable[[str], None]) -> OperatorCount:
    """Count a step of the family in bfloat16, print a table and then one JSON line."""
    found = count_step(family_named(family), batch=batch)
    for line in found.table().split("\n"):
        say(line)
    say(json.dumps(found.record()))
    return found


def count_step(family: Family, *, batch: int = 4, dtype: torch.dtype = torch.bfloat16) -> OperatorCount:
    """Count the operators of a step of full depth on the CPU, after one that made the optimizer's state."""
    side = CELLS * family.latent_multiple
    with tempfile.TemporaryDirectory() as name:
        base = family.folder if family.ships else write_random_base(Path(name, "base"), family, width=WIDTH)
        components = load_components(family.at(side), base, dtype=dtype, device="cpu")
        write_noise_pictures(Path(name), side, family.trigger)
        settings = TrainSettings(batch=batch)
        learner = open_bench_learner(components, Path(name), settings, steps=100, device="cpu", rank=RANK)
        learner.advance()
        with counting(components) as ledger:
            learner.advance()
    return OperatorCount(family.id, batch, str(dtype).removeprefix("torch."), ledger.phases(), ledger.reads)


@contextmanager
def counting(components: Any) -> Iterator[OperatorLedger]:
    """A context that counts what is computed in it, by phase."""
    ledger = OperatorLedger()
    with ExitStack() as stack:
        networks = [(components.unet, "UNet forward"), *((each, "text encoder") for each in components.text_encoders)]
        for network, phase in networks:
            for hook in (
                network.register_forward_pre_hook(lambda *_, phase=phase: ledger.inside.append(phase)),
                network.register_forward_hook(lambda *_: ledger.left(), always_call=True),
            ):
                stack.callback(hook.remove)
        stack.enter_context(ledger)
        yield ledger


class OperatorLedger(TorchDispatchMode):
    """Writes down every operator that computes, with the phase in which it did."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.reads = 0
        self._written: list[tuple[str, str, int]] = []

    def left(self) -> None:
        self.inside.pop()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = function._schema.name, kwargs or {}
        if function.namespace not in PLAIN:
            with self:
                # Past this mode, which would get the same operator again, and into what it is made of.
                return function.redispatch(torch._C.DispatchKeySet(torch._C.DispatchKey.CPU), *args, **kwargs)
        if name == READ:
            self.reads += 1
        elif function.namespace == "aten" and name not in ALLOCATIONS and not _is_view(function):
            self._written.append((self._phase(), name, launches(name, args)))
        return function(*args, **kwargs)

    def _phase(self) -> str:
        # A recomputed forward pass belongs to the backward pass that asked for it.
        if torch._C._current_graph_task_id() != -1:
            return "backward"
        return self.inside[-1] if self.inside else "loss"

    def phases(self) -> dict[str, Counter[str]]:
        """The operators by phase; what came after the last backward pass is the update."""
        found: dict[str, Counter[str]] = {phase: Counter() for phase in PHASES}
        last = max((place for place, (phase, *_) in enumerate(self._written) if phase == "backward"), default=-1)
        for place, (phase, name, count) in enumerate(self._written):
            found["update" if phase == "loss" and 0 <= last < place else phase][name] += count
        return found


def _is_view(function: Any) -> bool:
    returned = (each.alias_info for each in function._schema.returns)
    return any(alias is not None and not alias.is_write for alias in returned)


def launches(name: str, args: Sequence[Any]) -> int:
    """The kernels that an ATen operator launches: 1, or as many as a multi-tensor kernel needs for its lists."""
    if not name.startswith(("aten::_foreach_", "aten::_fused_adam", "aten::_fused_sgd")):
        return 1
    lists = [each for each in args if isinstance(each, (list, tuple)) and each and isinstance(each[0], torch.Tensor)]
    if not lists:
        return 1
    # An operator that does not write in place has one list more: its results.
    depth = OPTIMIZER_LISTS.get(name, len(lists) + (not name.endswith("_")))
    blocks = sum(-(-tensor.numel() // CHUNK) for tensor in lists[0])
    return max(-(-len(lists[0]) // TENSORS[min(depth, max(TENSORS))]), -(-blocks // BLOCKS))
