"""The whole command of a job that is not over, from which it is submitted again after its server was lost.

Only queues whose jobs run elsewhere keep it: there nothing of the machine's own was lost with the server.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.commands.base import Command
from easyphoto.commands.records import read_whole
from easyphoto.errors import BadRecord, EasyPhotoError
from easyphoto.jobs.answers import COMMANDS
from easyphoto.jobs.handing_out import COMMAND_FILE
from easyphoto.messages import text
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.workspace.folders import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Record:
    kind: str
    command: Mapping[str, Any]


def keep_command(workspace: Workspace, id: str, command: Command) -> None:
    """Write the command into the job's folder. One that cannot be written down is not submitted again."""

    def written(file: Path) -> str:
        # Relative, because a workspace may be moved.
        with suppress(ValueError):
            return file.absolute().relative_to(workspace.root.absolute()).as_posix()
        return str(file.absolute())

    try:
        write_json(workspace.jobs / id / COMMAND_FILE, {"kind": command.kind, "command": command.whole_record(written)})
    except EasyPhotoError as error:
        _log.warning("The command of the job %s could not be written: %s", id, error)


def has_command(workspace: Workspace, id: str) -> bool:
    return (workspace.jobs / id / COMMAND_FILE).is_file()


def kept_command(workspace: Workspace, id: str) -> Command:
    """Raises BadRecord, and BadSettings for settings of another version."""
    record = typed(_Record, read_json(workspace.jobs / id / COMMAND_FILE), f"The command of the job {id}")
    if record.kind not in COMMANDS:
        raise BadRecord(
            text("The request of a job {kind!r} is damaged: {error}.", kind=record.kind, error="kind"),
            advice=text("Delete the job."),
        )
    return read_whole(COMMANDS[record.kind], record.command, workspace.root.joinpath)


def drop_command(workspace: Workspace, id: str) -> None:
    with suppress(OSError):
        (workspace.jobs / id / COMMAND_FILE).unlink(missing_ok=True)
