"""From arguments to an exit code: the one place where errors become words."""

from __future__ import annotations

import errno
import os
import platform
import re
import sys
import traceback
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

# Before torch is imported anywhere: OpenMP's waiting threads otherwise take the processor from one another.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from easyphoto import __version__
from easyphoto.cli.output import tell
from easyphoto.cli.parser import build_parser
from easyphoto.errors import EasyPhotoError
from easyphoto.files import write_text
from easyphoto.progress import Cancelled
from easyphoto.workspace import user_folder

SECRET_OPTIONS = ("--backend-auth", "--auth", "--api-auth")
CANCELLED, BUG, OUT_OF_MEMORY, ENVIRONMENT = 130, 1, 3, 5
DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    arguments = build_parser().parse_args(argv)
    workspace = arguments.workspace or user_folder()
    try:
        from easyphoto.cli.commands import run  # what the verbs need; not needed for --help

        run(arguments, workspace)
    except (KeyboardInterrupt, Cancelled) as stopped:
        tell(f"Cancelled. {stopped}".strip())
        return CANCELLED
    except BrokenPipeError:
        # The reader of our stdout has gone; Python would complain once more while it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANCELLED
    except EasyPhotoError as error:
        tell(f"{error.code}: {error}")
        if error.exit_code == BUG:
            report_bug(workspace, error)
        return error.exit_code
    except Exception as error:
        return _foreign(workspace, error)
    return 0


def _foreign(workspace: Path, error: Exception) -> int:
    """An exception of somebody else's: the machine's memory, its disk, or our mistake."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        tell(f"OutOfMemory: {error} Use a smaller batch, or close what else runs.")
        return OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        tell(f"DiskFailure: {error}. Check free space and the rights of the folder, then run the same command again.")
        return ENVIRONMENT
    tell(f"EasyPhoto made a mistake: {type(error).__name__}: {error}")
    report_bug(workspace, error)
    return BUG


def report_bug(workspace: Path, error: Exception) -> None:
    """Write what is needed to mend it into the workspace; names no picture's content."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%fZ")
    target = workspace / "reports" / f"bug-{stamp}.txt"
    lines = [
        f"EasyPhoto {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"arguments: {without_secrets(sys.argv[1:])}",
        "",
        "".join(traceback.format_exception(error)),
    ]
    tail = getattr(error, "log_tail", "")
    lines += ["the trainer's last lines:", tail] if tail else []
    try:
        write_text(target, "\n".join(lines))
    except EasyPhotoError:
        tell("\n".join(lines))
        return
    tell(f"A report was written to {target}. Please send it with what you did.")


def without_secrets(arguments: Sequence[str]) -> list[str]:
    """The arguments as they may be written down: passwords of options and of addresses blotted out."""
    shown: list[str] = []
    for argument in arguments:
        hides_next = bool(shown) and shown[-1] in SECRET_OPTIONS
        name, equals, _ = argument.partition("=")
        hidden = f"{name}=…" if equals and name in SECRET_OPTIONS else argument
        shown.append("…" if hides_next else re.sub(r"://[^/@]*@", "://…@", hidden))
    return shown
