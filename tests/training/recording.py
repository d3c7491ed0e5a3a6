"""A stand-in for a device that records kernels, on the CPU, and a watch for what a device would have to wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# What has the host wait for the device, or makes a result whose size only the device knows.
WAITING = (
    "aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal", "aten::nonzero",
    "aten::masked_select", "aten::_unique", "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive",
    "aten::repeat_interleave.Tensor",
)  # fmt: skip


class NoWaiting(TorchDispatchMode):
    """Fails at an operator that reads from the device."""

    def __torch_dispatch__(self, operator: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        assert str(operator.name()) not in WAITING, f"{operator} waits for the device"
        return operator(*arguments, **(options or {}))


class SameDevice(TorchDispatchMode):
    """Fails at an operator with a tensor of another device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device, self.operators = device, 0

    def __torch_dispatch__(self, operator: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        found = operator(*arguments, **(options or {}))
        self.operators += 1
        for tensor in _tensors([*arguments, *(options or {}).values(), found]):
            assert tensor.device.type == self.device, f"{operator} takes a tensor of the {tensor.device}"
        return found


class CpuRecording:
    """The operators that ran, each with its arguments and results; a replay runs them again on the same memory.

    As with a CUDA graph, whatever Python computed in between is not repeated: a number that it put into an operator
    stays as it was.
    """

    def __init__(self) -> None:
        self.course: list[tuple[Any, Any, Any, list[torch.Tensor]]] = []
        self.replays = 0
        self.is_crowding = False

    def replay(self) -> None:
        self.replays += 1
        with torch.no_grad():
            for operator, arguments, options, results in self.course:
                again = _tensors(operator(*arguments, **options))
                for old, new in zip(results, again, strict=True):
                    if old.data_ptr() != new.data_ptr():
                        old.copy_(new)


class _Recording(TorchDispatchMode):
    def __init__(self, recording: CpuRecording) -> None:
        super().__init__()
        self.recording = recording

    def __torch_dispatch__(self, operator: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        found = operator(*arguments, **(options or {}))
        # Detached: the replay has no part in autograd, as kernels have not.
        self.recording.course.append((operator, arguments, options or {}, _tensors(found)))
        return found


def _tensors(found: Any) -> list[torch.Tensor]:
    if isinstance(found, torch.Tensor):
        return [found]
    return [each for part in found for each in _tensors(part)] if isinstance(found, (tuple, list)) else []


class CpuRecorder:
    """Records on the CPU; `recordings` are all that were made."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.recordings: list[CpuRecording] = []
        self.rehearsals = 0

    def rehearse(self, work: Callable[[], None]) -> None:
        self.rehearsals += 1
        work()

    def record(self, work: Callable[[], None]) -> CpuRecording:
        if self.error is not None:
            raise self.error
        recording = CpuRecording()
        with _Recording(recording):
            work()
        self.recordings.append(recording)
        return recording
