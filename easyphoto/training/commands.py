"""Running subprocesses that take minutes: streaming their lines, and ending them with all their children."""

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
# The host sets these for its own Python; with them, another Python would import the host's packages.
PYTHON_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__")

SPEAKING_UTF8 = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
"""Its output is read as UTF-8, whatever the console's encoding is that was named for this process."""


class CommandFailed(Exception):
    """A command ended with a non-zero exit code. The caller turns it into an error for the user."""

    def __init__(self, returncode: int, lines: Sequence[str]) -> None:
        super().__init__(f"exit code {returncode}")
        self.returncode, self.lines = returncode, tuple(lines)


def foreign_environment() -> dict[str, str]:
    """This process's variables for another Python, without those that lead to foreign packages.

    Everything else is kept, including pip's variables, which users set to work offline.
    """
    kept = {name: value for name, value in os.environ.items() if name not in PYTHON_VARIABLES}
    return {**kept, **SPEAKING_UTF8, "PYTHONNOUSERSITE": "1"}


def run_command(
    command: Sequence[str],
    progress: Progress,
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> tuple[str, ...]:
    """Run a command and return the lines of its output, standard error included.

    `folder` is its working folder, from which `python -m` imports first. When this function returns or raises, the
    command and its children have ended.

    Raises Cancelled from the progress, CommandFailed, or OSError if it cannot be started.
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
    """Start a process in a group of its own, so that its children can be ended with it. Raises OSError.

    A terminal's Ctrl-C does not reach the process; the caller receives it and ends the process.
    """
    return subprocess.Popen(
        list(command), stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env=dict(env), cwd=cwd,
        start_new_session=os.name == "posix", creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )  # fmt: skip


def spoken(process: subprocess.Popen[bytes], progress: Progress) -> Iterator[bytes]:
    """Yield the lines of the process's standard output as they arrive, until it has ended. Raises Cancelled."""
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
            # Wait for the process's end, not the pipe's: a child may hold the pipe open.
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
    # The stream is closed only here, because closing it elsewhere would block on this thread's read, maybe for ever.
    with suppress(ValueError, OSError), stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def end(process: subprocess.Popen[bytes], *, after: float = 0.0) -> None:
    """End the process and its children: wait `after` seconds, terminate it, wait STOP_SECONDS, then kill it.

    An interrupt (Ctrl-C) during the waits kills it at once.
    """
    try:
        for seconds in (after, STOP_SECONDS):
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                return
            _signal_group(process, is_last=False)
    finally:
        # Even if it has ended: its group may outlive it.
        _signal_group(process, is_last=True)
        # A process that hangs in a driver cannot be killed.
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def _signal_group(process: subprocess.Popen[bytes], *, is_last: bool) -> None:
    if os.name == "nt":
        # Windows has no SIGTERM, and taskkill finds the tree only while its root is alive.
        if process.poll() is None:
            tree = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(tree, capture_output=True, check=False)
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL if is_last else signal.SIGTERM)
