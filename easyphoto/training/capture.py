"""Capturing the computation of a step once as a CUDA graph, and replaying it.

A step launches thousands of small kernels, and the host needs longer to launch them than a fast GPU to run them. A
graph is one launch. It repeats the kernels on the same memory, so what it reads and writes has to stay where it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch

from easyphoto.backends import graphs
from easyphoto.backends.graphs import Recorder
from easyphoto.backends.memory import clear_memory, unreserved_memory
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import Text, text

TOLERANCE, MOST_TOLERANCE = 1e-3, 2e-2
"""Largest difference between a replay and the plain step, as a share of the results' length."""
SPREAD = 3
"""How many times the difference between two plain steps it may be, where they differ: attention's backward kernels may
sum in any order, and a single rounding of a 16-bit gradient moves the adapters' gradients by 2e-3."""


class NotCaptured(Exception):
    """The work cannot be captured; the steps are then launched kernel by kernel."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason


def recorder_for(device: str) -> Recorder | None:
    """The device's recorder; None for a CPU, on which there is nothing to gain. Raises NotCaptured."""
    refused = graphs.graphs_refused(device)
    if refused is not None and torch.device(device).type == "cuda":
        raise NotCaptured(refused)
    return graphs.recorder_for(torch.device(device))


class CapturedWork:
    """Work that was captured, and compared with the work itself once."""

    def __init__(
        self,
        work: Callable[[], None],
        recorder: Recorder,
        *,
        results: Sequence[torch.Tensor],
        fixed: Iterable[torch.Tensor],
        device: str,
    ) -> None:
        """The work writes into `results` and reads `fixed`, among others. Raises NotCaptured, and what the work raises
        where it is not captured."""
        self._fixed, self._device = tuple(fixed), device
        other, expected = (_warmed_up(work, recorder, results) for _ in range(2))
        spread = max(_apart(*pair) for pair in zip(other, expected, strict=True))
        tolerance = min(max(TOLERANCE, SPREAD * spread), MOST_TOLERANCE)
        try:
            clear_memory(device)
            before = _reserved_bytes(device)
            self._launch, _ = recorder.recorded(work)
            self._held = _reserved_bytes(device) - before
            for each in results:
                each.zero_()
            self._launch()
            is_same = all(_apart(*pair) <= tolerance for pair in zip(results, expected, strict=True))
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
        """Whether it holds more of the device's memory than it leaves free."""
        # What torch keeps for its next tensors is free, but not told from what belongs to a graph.
        clear_memory(self._device)
        return _unreserved_bytes(self._device) < self._held

    def __call__(self) -> None:
        self._launch()

    def _places_now(self) -> list[int]:
        return [each.data_ptr() for each in self._fixed]


def _warmed_up(work: Callable[[], None], recorder: Recorder, results: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    recorder.warm_up(work)
    return [each.clone() for each in results]


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The length of the difference as a share of the other's; of results that are not finite 0 if both are not, because
    the same kernels found them so."""
    finite = [bool(torch.isfinite(each).all()) for each in (one, other)]
    if not all(finite):
        return 0.0 if not any(finite) else math.inf
    difference, whole = float((one - other).norm()), float(other.norm())
    return 0.0 if difference == 0 else difference / whole if whole else math.inf


def _reason(error: BaseException) -> Text:
    if ran_out_of_memory(error):
        return text("there is not enough memory for it")
    lines = str(error).splitlines()
    return text("the device refused: {cause}", cause=lines[0] if lines else type(error).__name__)


def _reserved_bytes(device: str) -> int:
    """Bytes that torch has taken of a GPU's memory; 0 for a CPU."""
    return int(torch.cuda.memory_reserved(device)) if torch.device(device).type == "cuda" else 0


def _unreserved_bytes(device: str) -> int:
    """Bytes of a GPU's memory that torch has not taken; 0 for a CPU. What it has taken may belong to a graph."""
    return unreserved_memory(device) if torch.device(device).type == "cuda" else 0
