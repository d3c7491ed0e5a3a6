"""What stands in for CUDA graphs where there is no GPU, and what shows that a call could be recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_iter

T = TypeVar("T")
HOST_READS = (
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.is_nonzero.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.equal.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten._unique2.default,
    torch.ops.aten.lift_fresh.default,
)
"""Operators that make a GPU wait for the processor, or upload what Python holds: none can be recorded."""


class HostReads(TorchDispatchMode):
    """Collects the names of the operators that read a value back; with `refuse` they are an error at once."""

    def __init__(self, *, refuse: bool = False) -> None:
        super().__init__()
        self.names: list[str] = []
        self._refuse = refuse

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in HOST_READS:
            if self._refuse:
                raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
            self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


class _Tape(TorchDispatchMode):
    """Writes down every operator with the very tensors it was given and those that it made."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, made))
        return made

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, kwargs, made in self.calls:
                _filled(made, func(*args, **kwargs), args)


def _filled(made: Any, again: Any, given: Any) -> None:
    """Put an operator's new results where its recorded ones lie; views and in-place results lie there already."""
    own = {each.untyped_storage().data_ptr() for each in tree_iter(given) if isinstance(each, torch.Tensor)}
    for old, new in zip(tree_flatten(made)[0], tree_flatten(again)[0], strict=True):
        if isinstance(old, torch.Tensor) and old.untyped_storage().data_ptr() not in own:
            old.copy_(new)


@dataclass(eq=False)
class StandInRecorder:
    """Records operators in place of kernels. As on a GPU a launch reads and writes the recorded tensors and runs
    nothing of Python, and a call that reads values back cannot be recorded."""

    recordings: int = 0
    launches: int = 0
    failure: Exception | None = None
    """Raised by every recording."""

    def warm_up(self, call: Callable[[], object]) -> None:
        call()

    def recorded(self, call: Callable[[], T]) -> tuple[Callable[[], None], T]:
        if self.failure is not None:
            raise self.failure
        tape = _Tape()
        with HostReads(refuse=True), tape:
            result = call()
        self.recordings += 1

        def launch() -> None:
            self.launches += 1
            tape.replay()

        # The recording itself computes nothing: what it returned holds no result before the first launch.
        for each in tree_iter(result):
            if isinstance(each, torch.Tensor):
                each.detach().fill_(float("nan"))
        return launch, result
