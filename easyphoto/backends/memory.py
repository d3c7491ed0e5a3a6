"""How much memory a device has left, giving it back, and naming its out-of-memory errors."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from easyphoto.errors import OutOfMemory
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import text

ADVICE = text("Choose a smaller resolution or fewer controls, or close other programs that use the device.")


@contextmanager
def out_of_memory_named() -> Iterator[None]:
    """Turn out-of-memory errors into OutOfMemory; all other errors pass through."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if ran_out_of_memory(error):
            raise OutOfMemory(
                text("The device does not have enough memory for this picture."), advice=ADVICE
            ) from error
        raise


def free_memory(device: str | torch.device) -> int | None:
    """Bytes that a process may still allocate on the device; None if the system does not tell."""
    if torch.device(device).type == "cuda":
        # Memory that torch has reserved but not allocated is free for torch.
        reserve = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return unreserved_memory(device) + reserve
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else None
    return None


def unreserved_memory(device: str | torch.device) -> int:
    """Bytes of a GPU's memory that nobody has taken, torch neither."""
    # In a context, because torch before 2.5 does not understand "cuda" without a number.
    with torch.cuda.device(device):
        return int(torch.cuda.mem_get_info()[0])


def clear_memory(device: str | torch.device) -> None:
    """Free the memory of a failed attempt."""
    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
