"""Processes of ours that take minutes: their lines as they come, and their end, with all that they started."""

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
    process = start(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=environment, cwd=folder)
    heard: list[str] = []
    try:
        for line in spoken(process, progress):
            heard.append(line.decode("utf-8", "replace").rstrip())
            if on_line is not None:
                on_line(heard[-1])
    finally:
        end(process)
    if process.returncode != 0:
        raise CommandFailed(process.returncode, heard)
    return tuple(heard)


def start(
    command: Sequence[str], *, stdin: int, stderr: int | IO[bytes], env: Mapping[str, str], cwd: Path | None
) -> subprocess.Popen[bytes]:
    """A process that leads a group, so that what it starts can be ended with it. Raises OSError.

    A terminal's Ctrl-C does not reach it: whoever called this hears that, and ends it.
    """
    return subprocess.Popen(
        list(command), stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env=dict(env), cwd=cwd,
        start_new_session=os.name == "posix", creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )  # fmt: skip


def spoken(process: subprocess.Popen[bytes], progress: Progress) -> Iterator[bytes]:
    """The lines of its standard output as they come, until it has ended. Raises what the progress raises."""
    assert process.stdout is not None
    lines: queue.Queue[bytes | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    has_ended = False
    while not has_ended:
        progress.check()
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            # The process's end counts, not the pipe's: something it started may hold the pipe open.
            has_ended = process.poll() is not None
            continue
        if line is None:
            with suppress(subprocess.TimeoutExpired):
                has_ended = process.wait(POLL_SECONDS) is not None
        else:
            yield line
    _signal_group(process, is_last=True)
    reader.join(1.0)
    while not lines.empty():
        if line := lines.get():
            yield line


def _read(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    # Closed here and nowhere else, because closing waits for the thread that reads, and that may wait for ever.
    with suppress(ValueError, OSError), stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def end(process: subprocess.Popen[bytes], *, after: float = 0.0) -> None:
    """Give it `after` seconds to end by itself, ask it, then no longer ask. Nothing that it started runs afterwards.

    Whoever is interrupted here waits for nothing more.
    """
    try:
        for seconds in (after, STOP_SECONDS):
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                return
            _signal_group(process, is_last=False)
    finally:
        # Also where it has ended: its group may outlive it.
        _signal_group(process, is_last=True)
        # A process that hangs in a driver cannot be ended by anybody.
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def _signal_group(process: subprocess.Popen[bytes], *, is_last: bool) -> None:
    if os.name == "nt":
        # There is no asking, and the tree is found by its root only while that lives.
        if process.poll() is None:
            tree = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(tree, capture_output=True, check=False)
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL if is_last else signal.SIGTERM)
