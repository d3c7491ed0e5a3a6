"""Capturing the computation of a step once as a CUDA graph, and replaying it.

A step launches thousands of small kernels, and the host needs longer to launch them than a fast GPU to run them. A
graph is one launch. It repeats the kernels on the same memory, so what it reads and writes has to stay where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import torch

from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import Text, text

PLAIN_ROUNDS = 2
"""Rounds before the capture: the first one makes what libraries make at their first call, the last is compared with."""
TOLERANCE = 1e-3
"""Largest difference between a replay and the plain step, as a share of the results' length."""


class NotCaptured(Exception):
    """The work cannot be captured; the steps are then launched kernel by kernel."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason


class Recording(Protocol):
    """Recorded kernels."""

    def replay(self) -> None:
        """Run them again, on the memory that they were recorded with."""

    @property
    def is_crowding(self) -> bool:
        """Whether they hold more of the device's memory than they leave free."""


class Recorder(Protocol):
    """How a device records kernels."""

    def rehearse(self, work: Callable[[], None]) -> None:
        """Run the work as it is run while it is recorded."""

    def record(self, work: Callable[[], None]) -> Recording: ...


def recorder_for(device: str) -> Recorder | None:
    """The device's recorder; None for a CPU, on which there is nothing to gain. Raises NotCaptured."""
    if torch.device(device).type != "cuda":
        return None
    if torch.version.hip:
        raise NotCaptured(text("this was never tried on an AMD GPU"))
    return CudaRecorder()


class CapturedWork:
    """Work that was captured, and compared with the work itself once."""

    def __init__(
        self,
        work: Callable[[], None],
        recorder: Recorder,
        *,
        results: Sequence[torch.Tensor],
        fixed: Iterable[torch.Tensor],
    ) -> None:
        """The work writes into `results` and reads `fixed`, among others. Raises NotCaptured, and what the work raises
        where it is not captured."""
        self._fixed = tuple(fixed)
        for _ in range(PLAIN_ROUNDS):
            recorder.rehearse(work)
        expected = [each.clone() for each in results]
        try:
            self._recording = recorder.record(work)
            for each in results:
                each.zero_()
            self._recording.replay()
            is_same = all(_is_near(one, other) for one, other in zip(results, expected, strict=True))
        except (RuntimeError, MemoryError) as error:
            raise NotCaptured(_reason(error)) from error
        if not is_same:
            raise NotCaptured(text("the captured step computed something else than the plain one"))
        self._places = self._places_now()

    @property
    def is_current(self) -> bool:
        """Whether everything it reads is still where it was; what was on another device meanwhile is not."""
        return self._places == self._places_now()

    @property
    def is_crowding(self) -> bool:
        return self._recording.is_crowding

    def __call__(self) -> None:
        self._recording.replay()

    def _places_now(self) -> list[int]:
        return [each.data_ptr() for each in self._fixed]


def _is_near(one: torch.Tensor, other: torch.Tensor) -> bool:
    if not bool(torch.isfinite(other).all()):
        # A step that is not finite says nothing: the same kernels found it so.
        return not bool(torch.isfinite(one).all())
    return bool((one - other).norm() <= TOLERANCE * other.norm())


def _reason(error: BaseException) -> Text:
    if ran_out_of_memory(error):
        return text("there is not enough memory for it")
    lines = str(error).splitlines()
    return text("the device refused: {cause}", cause=lines[0] if lines else type(error).__name__)


class CudaRecorder:
    """Records CUDA graphs."""

    def rehearse(self, work: Callable[[], None]) -> None:
        # On a stream of its own, as torch asks for before a capture: autograd remembers streams.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            work()
        torch.cuda.current_stream().wait_stream(stream)

    def record(self, work: Callable[[], None]) -> Recording:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        before = torch.cuda.memory_reserved()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            work()
        return CudaGraph(graph, torch.cuda.memory_reserved() - before)


class CudaGraph:
    """A CUDA graph and the bytes that it holds."""

    def __init__(self, graph: Any, held: int) -> None:
        self._graph, self._held = graph, held

    def replay(self) -> None:
        self._graph.replay()

    @property
    def is_crowding(self) -> bool:
        # Only what torch has not reserved: what it has reserved may belong to the graph.
        return int(torch.cuda.mem_get_info()[0]) < self._held
