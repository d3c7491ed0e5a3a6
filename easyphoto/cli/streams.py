"""Standard output and standard error that may be closed, full or without letters, and end no work by that."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from easyphoto.cli.output import VisibleLog


class Steady(io.TextIOBase):
    """A standard stream that breaks no work: what cannot be written is left out, and the reason kept."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A name must not end a verb because this terminal has no letters for it. In UTF-8 a script gets a file's
            # name as the disk has it.
            is_utf8 = (getattr(stream, "encoding", "") or "").lower().replace("-", "") == "utf8"
            reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")

    def write(self, text: str) -> int:
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        self._try("flush")

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        # Libraries ask for what only some streams have.
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def _try(self, what: str, *values: str) -> None:
        if self._stream is None or self.failure is not None:
            return
        try:
            getattr(self._stream, what)(*values)
        except OSError as error:
            self.failure = error
            # Python writes once more when it ends what is still in its buffer.
            with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())

    @property
    def reader_has_gone(self) -> bool:
        gone = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)
        return self.failure is not None and self.failure.errno in gone


@contextmanager
def steady_output() -> Iterator[Steady]:
    """Meanwhile nothing that happens to standard output or standard error ends a verb; gives the first of the two."""
    before = sys.stdout, sys.stderr
    out, err = Steady(sys.stdout), Steady(sys.stderr)
    log = logging.StreamHandler(err)
    log.setFormatter(VisibleLog())
    sys.stdout, sys.stderr = out, err
    logging.getLogger("easyphoto").addHandler(log)
    try:
        yield out
    finally:
        logging.getLogger("easyphoto").removeHandler(log)
        sys.stdout, sys.stderr = before
