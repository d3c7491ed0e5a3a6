"""Running out of memory, said by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from easyphoto.errors import OutOfMemory

SIGNS = ("not enough memory", "can't allocate memory", "out of memory")
ADVICE = "Take a smaller resolution or fewer controls, or close other programs that use the device."


@contextmanager
def out_of_memory_named() -> Iterator[None]:
    """Turn torch's many ways to say it into OutOfMemory; every other error passes."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(sign in str(error) for sign in SIGNS):
            raise OutOfMemory("The device has not enough memory for this picture.", advice=ADVICE) from error
        raise
