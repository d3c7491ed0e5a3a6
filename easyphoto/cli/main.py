"""Runs the command line and turns errors into messages and exit codes; no other place does."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

# Before torch is imported anywhere: OpenMP's waiting threads would otherwise compete for the processor.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from easyphoto import __version__
from easyphoto.cli.arguments import twice_given
from easyphoto.cli.devices import kept_to
from easyphoto.cli.output import complain, hushed, json_line, tell
from easyphoto.cli.parser import build_parser
from easyphoto.cli.streams import steady_output
from easyphoto.errors import EasyPhotoError, InputError, OutOfMemory
from easyphoto.machine import reuse_freed_memory
from easyphoto.messages import text
from easyphoto.progress import Cancelled
from easyphoto.storage.files import cause_of, disk_failure, write_text
from easyphoto.storage.records import name_stamp
from easyphoto.workspace.folders import user_folder

SECRET_OPTIONS = ("--backend-auth", "--auth", "--api-auth")
CANCELLED, BUG, ENVIRONMENT = 130, 1, 5
NOBODY_READS = 141
"""The exit code of a program that SIGPIPE ended; here the work is finished first."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    with steady_output() as out:
        try:
            code = _run(argv)
        except SystemExit as left:
            # argparse has printed the reason. A caller of this function gets the same exception.
            if not out.failure:
                raise
            code = int(left.code or 0)
        if out.reader_has_gone:
            return code or NOBODY_READS
        if out.failure is not None:
            complain(text("Standard output could not be written: {cause}.", cause=cause_of(out.failure)))
            return code or ENVIRONMENT
    return code


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    arguments = parser.parse_args(argv)
    with hushed(arguments.quiet):
        for said in twice_given(parser.verbs[arguments.verb]):
            tell(f"Note: {said}")
        return _done(arguments)


def _done(arguments: argparse.Namespace) -> int:
    workspace = arguments.workspace
    try:
        workspace = checked_workspace(workspace or user_folder())
        reuse_freed_memory()
        arguments.kept_to = kept_to(arguments)
        from easyphoto.cli.commands import run  # the verbs' imports; not needed for --help

        run(arguments, workspace)
    except (KeyboardInterrupt, Cancelled) as stopped:
        tell(f"Cancelled. {stopped}".strip())
        # A stop by another program (SIGTERM) has an exit code of its own.
        return getattr(stopped, "exit_code", CANCELLED)
    except EasyPhotoError as error:
        _say_error(error, arguments)
        if error.exit_code == BUG:
            report_bug(workspace, error)
        return error.exit_code
    except Exception as error:
        return _foreign(workspace, error, arguments)
    return 0


def _say_error(error: EasyPhotoError, arguments: argparse.Namespace) -> None:
    """Say what happened and what to do; the error's name is for programs, which ask for JSON."""
    if not getattr(arguments, "json", False):
        complain(str(error))
        return
    complain(json_line(error.code, error.message, error.advice))


def checked_workspace(folder: Path) -> Path:
    """Raises InputError for a folder that cannot be a workspace."""
    folder = folder.expanduser().absolute()
    if any("\ud800" <= letter <= "\udfff" for letter in str(folder)):
        raise InputError(
            text("The workspace cannot be in {folder}: its name cannot be written down.", folder=folder),
            advice=text("Rename the folder."),
        )
    try:
        lowest = next(path for path in (folder, *folder.parents) if path.exists())
        is_folder, cause = lowest.is_dir(), f"{lowest} is no folder"
    except (OSError, ValueError, StopIteration) as error:
        is_folder, cause = False, cause_of(error) if isinstance(error, OSError) else str(error)
    if not is_folder:
        raise InputError(
            text("The workspace cannot be in {folder}: {cause}.", folder=folder, cause=cause),
            advice=text("Choose another with --workspace."),
        )
    return folder


def _foreign(workspace: Path, error: Exception, arguments: argparse.Namespace) -> int:
    """Handle an exception that is not ours: out of memory, a failing disk or network, or a bug."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        full = OutOfMemory(
            text("The memory is full: {error}", error=error),
            advice=text("Use a smaller batch, or close what else runs."),
        )
        _say_error(full, arguments)
        return full.exit_code
    if isinstance(error, OSError):
        # Expected errors have been named where they occur. Only a disk or network that fails in between remains.
        _say_error(disk_failure(error), arguments)
        return ENVIRONMENT
    complain(text("EasyPhoto ran into an internal error: {kind}: {error}", kind=type(error).__name__, error=error))
    report_bug(workspace, error)
    return BUG


def report_bug(workspace: Path, error: Exception) -> None:
    """Write a bug report into the workspace; it contains nothing of a picture."""
    target = workspace / "reports" / f"bug-{name_stamp(microseconds=True)}.txt"
    lines = [
        f"EasyPhoto {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"arguments: {redacted_arguments(sys.argv[1:])}",
        "",
        "".join(traceback.format_exception(error)),
    ]
    tail = getattr(error, "log_tail", "")
    lines += ["the trainer's last lines:", tail] if tail else []
    try:
        write_text(target, "\n".join(lines).encode("utf-8", "backslashreplace").decode("utf-8"))
    except EasyPhotoError:
        for line in "\n".join(lines).split("\n"):
            complain(line)
        return
    complain(f"A report was written to {target}. Please send it with what you did.")


def redacted_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with passwords of options and URLs blotted out."""
    shown: list[str] = []
    for argument in arguments:
        hides_next = bool(shown) and shown[-1] in SECRET_OPTIONS
        name, equals, _ = argument.partition("=")
        hidden = f"{name}=…" if equals and name in SECRET_OPTIONS else argument
        shown.append("…" if hides_next else re.sub(r"://[^/@]*@", "://…@", hidden))
    return shown
