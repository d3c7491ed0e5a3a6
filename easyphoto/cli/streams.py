"""Standard output and standard error that never end a verb, even if they are closed, full or cannot encode a letter."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from easyphoto.cli.output import VisibleLog, is_utf8


class Steady(io.TextIOBase):
    """A standard stream that never raises: what cannot be written is dropped, and the reason kept."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A file name must not end a verb because this terminal cannot encode it. In UTF-8 a script gets a name as
            # the disk has it.
            reconfigure(errors="surrogateescape" if is_utf8(self) else "backslashreplace")

    def write(self, text: str) -> int:
        self._try("write", self._writable(text))
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
        # For libraries that use attributes of particular streams.
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def _writable(self, text: str) -> str:
        """The text in letters of this encoding: our own signs become ASCII, letters of names escapes."""
        if is_utf8(self):
            return text
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return "".join(map(self._spelt, text))
        except LookupError:
            pass
        return text

    def _spelt(self, letter: str) -> str:
        try:
            letter.encode(self.encoding)
        except UnicodeEncodeError:
            # Escapes as in JSON, which is written here too: two of them for a letter beyond the first plane.
            return _PLAIN.get(letter) or json.dumps(letter)[1:-1]
        return letter

    def _try(self, what: str, *values: str) -> None:
        if self._stream is None or self.failure is not None:
            return
        try:
            getattr(self._stream, what)(*values)
        except OSError as error:
            self.failure = error
            # At exit Python writes once more what is left in the buffer.
            with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())

    @property
    def reader_has_gone(self) -> bool:
        gone = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)
        return self.failure is not None and self.failure.errno in gone


_PLAIN = {
    "…": "...", "·": "-", "–": "-", "—": "-", "−": "-", "×": "x", "→": "->", "≤": "<=", "≥": ">=", "\u00a0": " ",
    "“": '"', "”": '"', "‘": "'", "’": "'",
}  # fmt: skip
"""Signs of our sentences → what stands for them where a console has only the letters of one language."""


@contextmanager
def steady_output() -> Iterator[Steady]:
    """Make both standard streams `Steady` while the context is open; yields standard output."""
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
