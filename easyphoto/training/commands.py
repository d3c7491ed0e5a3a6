"""Commands that take minutes: their lines as they come, and their end where the caller asks for it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from easyphoto.progress import Progress

POLL_SECONDS = 0.2
STOP_SECONDS = 10.0
# Set by the program around us for its own Python; another Python would import that one's packages by them.
PYTHON_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__")


class CommandFailed(Exception):
    """It ended with another code than 0. What that means to the user, its caller knows."""

    def __init__(self, returncode: int, lines: Sequence[str]) -> None:
        super().__init__(f"exit code {returncode}")
        self.returncode, self.lines = returncode, tuple(lines)


def foreign_environment() -> dict[str, str]:
    """This process's variables for another Python: none that leads to packages beside its own.

    Everything else goes along, pip's variables too: who works offline has set them.
    """
    kept = {name: value for name, value in os.environ.items() if name not in PYTHON_VARIABLES}
    return {**kept, "PYTHONNOUSERSITE": "1"}


def run_command(
    command: Sequence[str],
    progress: Progress,
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> tuple[str, ...]:
    """All lines that it said. Raises Cancelled when the progress does, and then nothing of it runs any more.

    `folder` is where it works; `python -m` imports from there before all else.
    Raises CommandFailed, or OSError where it cannot be started.
    """
    # A group of its own, because pip and venv start processes that would outlive them.
    process = subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(environment), cwd=folder, start_new_session=True,
    )  # fmt: skip
    heard: list[str] = []
    try:
        for line in _lines(process, progress):
            heard.append(line)
            if on_line is not None:
                on_line(line)
        process.wait()
    except BaseException:
        _end(process)
        raise
    if process.returncode != 0:
        raise CommandFailed(process.returncode, heard)
    return tuple(heard)


def _lines(process: subprocess.Popen[bytes], progress: Progress) -> Iterator[str]:
    assert process.stdout is not None
    waiting: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, waiting), daemon=True).start()
    while True:
        progress.check()
        try:
            line = waiting.get(timeout=POLL_SECONDS)
        except queue.Empty:
            # The process's end counts, not the pipe's: something it started may hold the pipe open.
            if process.poll() is not None:
                return
            continue
        if line is None:
            return
        yield line


def _read(stream: IO[bytes], waiting: queue.Queue[str | None]) -> None:
    with suppress(ValueError, OSError):
        for line in stream:
            waiting.put(line.decode("utf-8", "replace").rstrip())
    waiting.put(None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop, with everything that it started; then no longer ask."""
    for is_last in (False, True):
        with suppress(ProcessLookupError, PermissionError):
            if os.name == "nt":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL if is_last else signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
