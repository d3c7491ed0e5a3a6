"""The journal of changes to persons: other processes see them, and the next start completes those of a killed process.

`changes/<utc>-<token>.json` is a change of a person: written first, removed last, and every step between can be
repeated. The record of a deletion is the tombstone: it hides the person at once and stops work on them. Work on a
person holds `changes/use-<token>.lock`, a change of one holds `changes/<id>.lock`.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easyphoto.errors import DiskFailure, EasyPhotoError, RunBusy
from easyphoto.messages import text
from easyphoto.progress import Cancelled, Progress
from easyphoto.storage.files import cause_of, matching
from easyphoto.storage.locks import file_lock, is_held, owner_of, words_of
from easyphoto.storage.records import name_stamp, parsed, read_json, typed, write_json
from easyphoto.storage.scratch import LOCK, thrown_away

CHANGES = "changes"
DELETE, RENAME, INSTALL, UNLIST = "delete", "rename", "install", "unlist"
SECONDS_FOR_A_CHANGE = 60.0
"""How long to wait for another change of the same person: a rename writes every record, and a LoRA for the host."""
SECONDS_BETWEEN_LOOKS = 0.5
_USE = "use-"


@dataclass(frozen=True)
class Change:
    """A change of persons that has begun. Paths are relative to the workspace."""

    id: str
    kind: str
    """delete, rename, install, or unlist: the rest of a change, a LoRA that only a web UI can remove from its list."""
    persons: tuple[str, ...] = ()
    """Ids; for a rename the old one and the new one."""
    uploads: tuple[str, ...] = ()
    """delete: file names of photos that are deleted too; work on them stops."""
    name: str = ""
    """rename: the new name."""
    new: str = ""
    """install: the new folder, which is complete."""
    old: str = ""
    """install: where the earlier person's folder is moved; empty where none may be replaced."""
    listed: tuple[str, ...] = ()
    """Names of LoRAs to remove from the host's list."""

    @property
    def names(self) -> frozenset[str]:
        return names_of(self.persons, self.uploads)


def names_of(persons: Iterable[str], uploads: Iterable[str] = ()) -> frozenset[str]:
    """Persons and photos in one set; they cannot collide, because ids hold no slash."""
    return frozenset((*persons, *(f"uploads/{name}" for name in uploads)))


def new_change(kind: str, persons: Iterable[str], **fields: Any) -> Change:
    return Change(f"{name_stamp(microseconds=True)}-{secrets.token_hex(4)}", kind, tuple(persons), **fields)


def begin(root: Path, change: Change) -> Change:
    """Write the change into the journal. Raises DiskFailure."""
    write_json(_record(root, change.id), dataclasses.asdict(change))
    return change


def end(root: Path, change: Change) -> None:
    """Remove the change from the journal. Raises DiskFailure."""
    try:
        _record(root, change.id).unlink(missing_ok=True)
    except OSError as error:
        raise DiskFailure(
            text("The change {id} cannot be completed: {cause}.", id=change.id, cause=cause_of(error)),
            advice=text("Check its permissions."),
        ) from error


def is_pending(root: Path, change: Change) -> bool:
    return _record(root, change.id).is_file()


def pending(root: Path) -> tuple[Change, ...]:
    """Changes that have begun, oldest first; a damaged record is skipped."""
    found: list[Change] = []
    for record in matching(root / CHANGES, "*.json"):
        with suppress(EasyPhotoError):
            found.append(typed(Change, {**read_json(record), "id": record.stem}, record.name))
    return tuple(found)


def doomed(root: Path) -> frozenset[str]:
    """The persons and photos that are being deleted, as `names_of` names them."""
    return frozenset(name for change in pending(root) if change.kind == DELETE for name in change.names)


@contextmanager
def changing(root: Path, persons: Iterable[str], *, seconds: float = SECONDS_FOR_A_CHANGE) -> Iterator[None]:
    """Hold the locks for changing these persons. Raises RunBusy where another change takes longer than `seconds`."""
    with ExitStack() as held:
        for id in sorted(set(persons)):
            try:
                held.enter_context(file_lock(root / CHANGES / f"{id}{LOCK}", stays=False, wait=seconds))
            except RunBusy as error:
                owner = owner_of(root / CHANGES / f"{id}{LOCK}")
                raise RunBusy(
                    text("Another process ({owner}) is changing {id}.", owner=owner, id=id),
                    advice=text("Wait until it is done, or stop it first."),
                ) from error
        yield


class Watched:
    """A progress that also cancels the work when one of its names is being deleted."""

    def __init__(self, progress: Progress, root: Path, names: frozenset[str]) -> None:
        self._progress, self._root, self._names = progress, root, names
        self._looked = 0.0

    def step(self, done: int, total: int, message: str = "", *, preview: Any = None) -> None:
        self._progress.step(done, total, message, preview=preview)

    def check(self) -> None:
        self._progress.check()
        if time.monotonic() - self._looked >= SECONDS_BETWEEN_LOOKS:
            self.look()

    def look(self) -> None:
        """Raises Cancelled where one of the names is being deleted."""
        self._looked = time.monotonic()
        if gone := sorted(self._names & doomed(self._root)):
            raise Cancelled(f"{gone[0].rpartition('/')[2]} is being deleted.")


@contextmanager
def at_work(root: Path, names: frozenset[str], progress: Progress) -> Iterator[Watched]:
    """Register work on persons and photos: their deletion waits for it and stops it through the progress.

    Raises Cancelled where they are being deleted already. Where the disk takes no file the work goes on unregistered,
    because an export must be possible from a full disk.
    """
    watched = Watched(progress, root, names)
    with ExitStack() as held:
        lock = root / CHANGES / f"{_USE}{secrets.token_hex(8)}{LOCK}"
        with suppress(DiskFailure, OSError):
            held.enter_context(file_lock(lock, said=json.dumps(sorted(names)), stays=False, wait=1.0))
        # Only after registering: a deletion writes its tombstone first and looks for registered work then.
        watched.look()
        yield watched


def works_on(root: Path, names: frozenset[str]) -> tuple[str, ...]:
    """Descriptions of running work on any of these names."""
    locks = (lock for lock in matching(root / CHANGES, f"{_USE}*{LOCK}") if names & _said(lock))
    return tuple(owner_of(lock) for lock in locks if is_held(lock))


def rubbish(root: Path) -> tuple[Path, ...]:
    """Entries of the trash, except earlier persons whose successor is being put in place."""
    thrown = thrown_away(root)
    # The journal is read after the trash, because a change is journaled before it moves anything there.
    kept = {Path(change.old).parent.name for change in pending(root) if change.old}
    return tuple(path for path in thrown if path.name not in kept)


def dead_locks(root: Path) -> tuple[Path, ...]:
    """Lock files that killed processes left."""
    return tuple(lock for lock in matching(root / CHANGES, f"*{LOCK}") if not is_held(lock))


def _said(lock: Path) -> frozenset[str]:
    try:
        return frozenset(map(str, parsed(words_of(lock).encode())))
    except (ValueError, TypeError):
        return frozenset()


def _record(root: Path, id: str) -> Path:
    return root / CHANGES / f"{id}.json"
