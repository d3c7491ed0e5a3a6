"""Naming out-of-memory errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
