"""What the end of a training process means, as the process that started it sees it."""

from __future__ import annotations

from easyphoto import errors
from easyphoto.errors import EasyPhotoError, OutOfMemory, TrainerCrashed, TrainerKilled
from easyphoto.messages import text
from easyphoto.training.events import ErrorEvent
from easyphoto.training.run import RunFolder

LOG_TAIL_LINES = 40
SIGKILL = 9
SIGNALS_OF_OTHERS = (1, 2, 3, SIGKILL, 15)
"""Hang-up, interrupt, quit, kill, terminate: signals that come from outside the process. Windows has none of them."""


def unsaid_end(folder: RunFolder, returncode: int, *, memory_ran_out: bool) -> EasyPhotoError:
    """The error of a process that said none; `memory_ran_out`: the system killed one for lack of memory."""
    again = text("Start the run again: it continues from its last checkpoint.")
    advice = text("{again} The log is {log}.", again=again, log=folder.log)
    if -returncode not in SIGNALS_OF_OTHERS:
        how = (
            text("killed by signal {number}", number=-returncode)
            if returncode < 0
            else text("exit code {number}", number=returncode)
        )
        said = text("The training process ended without saying why ({how}).", how=how)
        return TrainerCrashed(said, advice=advice, log_tail=log_tail(folder))
    if returncode == -SIGKILL and memory_ran_out:
        said = text("Memory ran out, and the system ended the training process (signal {sigkill}).", sigkill=SIGKILL)
        return OutOfMemory(said, advice=text("Close other programs. {again}", again=again))
    said = text("The training process was killed from outside (signal {number}).", number=-returncode)
    if returncode == -SIGKILL:
        said = text(
            "The training process was killed from outside (signal {number}), often because memory ran out.",
            number=SIGKILL,
        )
    return TrainerKilled(said, advice=advice, log_tail=log_tail(folder))


def named_error(folder: RunFolder, event: ErrorEvent) -> EasyPhotoError:
    """The error that a process said."""
    kind = getattr(errors, event.code, None)
    if not (isinstance(kind, type) and issubclass(kind, EasyPhotoError)) or kind is TrainerCrashed:
        return TrainerCrashed(
            event.message, advice=text("The log is {log}.", log=folder.log), log_tail=log_tail(folder)
        )
    return kind(event.message, advice=event.advice)


def log_tail(folder: RunFolder) -> str:
    """The last LOG_TAIL_LINES lines of the worker's log; empty if it cannot be read."""
    try:
        return "\n".join(folder.log.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:])
    except OSError:
        return ""
