"""Seconds and memory of work on a device, whose queue is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from easyphoto.machine import peak_memory_mb
from easyphoto.settings.training import TrainSettings

if TYPE_CHECKING:
    import torch


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """A clock to ask in and after the context; afterwards it stands."""
    began, ended = time.perf_counter(), [0.0]

    def seconds() -> float:
        return round((ended[0] or time.perf_counter()) - began, 4)

    try:
        yield seconds
    finally:
        ended[0] = time.perf_counter()


def repeated(
    work: Callable[[], object], *, rounds: int, device: str, at_once: int = 1, warm_up: int = 1
) -> list[float]:
    """Seconds of one piece of work in each round; a round is `at_once` pieces, between which nothing is waited for."""
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(rounds):
        synchronised(device)
        with timed() as clock:
            for _ in range(at_once):
                work()
            synchronised(device)
        seconds.append(round(clock() / at_once, 6))
    return seconds


def synchronised(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def device_name() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def precision(device: str) -> torch.dtype:
    """What a training computes in on the device."""
    from easyphoto.training.arithmetic import precision as chosen

    return chosen(TrainSettings(), device)


def peak_mb(device: str) -> int | None:
    """Most MiB that this process has had allocated on the GPU, or at all if there is none."""
    import torch

    return torch.cuda.max_memory_allocated() // 2**20 if device == "cuda" else peak_memory_mb()
