"""CUDA graphs: the kernels of a call recorded once, and launched together again and again on the same memory.

What is recorded reads and writes the tensors that it was given: new values are copied into them before each launch.
Nothing of Python runs again, so a recorded call must not read a tensor's value (`.item()`, `if tensor`), nor depend on
an object that changes meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

import torch

from easyphoto.messages import Text, text

T = TypeVar("T")


class Recorder(Protocol):
    """Records calls. The tests have one that needs no GPU (`tests/graphs.py`)."""

    def warm_up(self, call: Callable[[], object]) -> None:
        """Make a call, as has to come before a recording: the first one loads kernels and chooses algorithms."""
        ...

    def recorded(self, call: Callable[[], T]) -> tuple[Callable[[], None], T]:
        """What launches the call again, and what it returned, whose tensors hold a launch's results after it.

        The recording itself computes nothing. Raises RuntimeError if the call cannot be recorded.
        """
        ...


@dataclass(eq=False)
class CudaRecorder:
    """Records on a CUDA device. All recordings of one recorder share their memory, so that a result is good only until
    another of them is launched."""

    device: torch.device
    _living: WeakSet[Any] = field(default_factory=WeakSet, init=False, repr=False)
    """The recordings that somebody holds."""
    _pool: Any = field(default=None, init=False, repr=False)
    _stream: Any = field(default=None, init=False, repr=False)
    """Of the calls before a recording. One for all, because cuBLAS takes memory for good on each."""

    def warm_up(self, call: Callable[[], object]) -> None:
        # On another stream, as torch's documentation asks: what autograd keeps must not belong to the current one.
        stream = self._stream = self._stream or torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            call()
        torch.cuda.current_stream(self.device).wait_stream(stream)

    def recorded(self, call: Callable[[], T]) -> tuple[Callable[[], None], T]:
        graph = torch.cuda.CUDAGraph()
        if not self._living:
            # torch gives up a pool with the last of its graphs, and then refuses its handle.
            self._pool = torch.cuda.graph_pool_handle()
        before = torch.cuda.current_stream(self.device)
        try:
            # Other threads, such as a face engine's, may use the device meanwhile.
            with torch.cuda.device(self.device), torch.cuda.graph(
                graph, pool=self._pool, capture_error_mode="thread_local"
            ):  # fmt: skip
                result = call()
        finally:
            # Where a recording fails, torch stays on the recording's stream.
            torch.cuda.set_stream(before)
        self._living.add(graph)
        return graph.replay, result


def graphs_refused(device: str | torch.device) -> Text | None:
    """Why calls on the device are not recorded; None if they can be."""
    device = torch.device(device)
    if device.type != "cuda":
        return text("CUDA graphs need an NVIDIA GPU, and this is {device}.", device=device.type)
    if torch.version.hip:
        # torch offers them, but nobody has tried them with this code.
        return text("CUDA graphs are used on NVIDIA GPUs alone, and this is an AMD GPU.")
    return None


def recorder_for(device: torch.device) -> Recorder | None:
    """What records calls on the device; None if nothing does."""
    return CudaRecorder(device) if graphs_refused(device) is None else None
