"""Running out of memory, said by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from easyphoto.errors import OutOfMemory

SIGNS = ("not enough memory", "can't allocate memory", "out of memory")
ADVICE = "Take a smaller resolution or fewer controls, or close other programs that use the device."


def is_out_of_memory(error: BaseException) -> bool:
    """Torch has many ways to say it; what its CPU allocator raises has no class of its own."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


@contextmanager
def out_of_memory_named() -> Iterator[None]:
    """Turn running out of memory into OutOfMemory; every other error passes."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise OutOfMemory("The device has not enough memory for this picture.", advice=ADVICE) from error
        raise
