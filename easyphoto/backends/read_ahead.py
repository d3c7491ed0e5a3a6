"""Having the system read large files from the disk while the libraries are imported that will use them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STEP = 1 << 20
"""Bytes asked for at a time. Linux silently truncates longer requests, at what the disk takes in one request."""


@contextmanager
def read_ahead(files: Iterable[Path]) -> Iterator[None]:
    """Ask for the files in a thread, each from its beginning, until the block ends.

    The disk would otherwise idle for the seconds that Python imports; and a mapped file that is read tensor by tensor
    comes from it in small pieces.
    """
    is_over = threading.Event()
    thread = threading.Thread(target=_ask_for, args=(tuple(files), is_over), name="easyphoto-read-ahead", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _ask_for(files: Iterable[Path], is_over: threading.Event) -> None:
    advise = getattr(os, "posix_fadvise", None)
    if advise is None:  # Windows and macOS
        return
    for file in files:
        # Whoever opens the file for its content says by name what is wrong with it.
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                for start in range(0, os.fstat(descriptor).st_size, STEP):
                    if is_over.is_set():
                        return
                    advise(descriptor, start, STEP, os.POSIX_FADV_WILLNEED)
            finally:
                os.close(descriptor)
