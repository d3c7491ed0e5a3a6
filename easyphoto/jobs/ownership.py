"""Which process runs a workspace's jobs: each queue holds a lock of its own for as long as its process lives."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, suppress
from pathlib import Path

from easyphoto.errors import RunBusy
from easyphoto.storage.files import matching
from easyphoto.storage.locks import file_lock
from easyphoto.workspace.folders import Workspace


class Ownership:
    """The lock that marks one queue's jobs, held until `close`."""

    def __init__(self, workspace: Workspace) -> None:
        self.id = secrets.token_hex(8)
        self._jobs = workspace.jobs
        self._held = ExitStack()
        self._held.enter_context(file_lock(self._lock(self.id)))

    def has_ended(self, owner: str) -> bool:
        """Return whether the process of that queue has ended."""
        if owner == self.id:
            return False
        try:
            with file_lock(self._lock(owner)):
                return True
        except RunBusy:
            return False

    def clear(self) -> None:
        """Remove the locks of processes that have ended."""
        for lock in matching(self._jobs, ".owner-*.lock"):
            if self.has_ended(lock.name.removeprefix(".owner-").removesuffix(".lock")):
                with suppress(OSError):  # Windows refuses while another process that checks the lock has it open
                    lock.unlink(missing_ok=True)

    def close(self) -> None:
        self._held.close()

    def _lock(self, owner: str) -> Path:
        return self._jobs / f".owner-{owner}.lock"
