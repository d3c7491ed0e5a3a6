"""What is being done to whom, written down so that others see it and a killed process's work is ended by the next one.

`changes/<utc>-<token>.json` is a change of a person: written first, removed last, and every step between can be done
any number of times. A deletion's is the tombstone: from then on the person is nobody's to see, and who works on them
stops. `changes/use-<token>.lock` is held by who works on somebody, `changes/<id>.lock` by who changes them.
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
"""How long another change of the same person is waited for: a renaming writes every record, and a LoRA for the host."""
SECONDS_BETWEEN_LOOKS = 0.5
_USE = "use-"


@dataclass(frozen=True)
class Change:
    """A change of persons that has been begun. Paths are relative to the workspace."""

    id: str
    kind: str
    """delete, rename, install; unlist: what is left of one, a LoRA that only a web UI can take off its list."""
    persons: tuple[str, ...] = ()
    """Ids; of a renaming the old one and the new one."""
    uploads: tuple[str, ...] = ()
    """delete: file names of photos that go too, so that who looks at them stops."""
    name: str = ""
    """rename: what they are called then."""
    new: str = ""
    """install: the folder that was put together."""
    old: str = ""
    """install: where the earlier person's folder goes; empty where nobody may be replaced."""
    listed: tuple[str, ...] = ()
    """Names of LoRAs that the host's list loses."""

    @property
    def names(self) -> frozenset[str]:
        return names_of(self.persons, self.uploads)


def names_of(persons: Iterable[str], uploads: Iterable[str] = ()) -> frozenset[str]:
    """Persons and photos in one set: ids hold no slash."""
    return frozenset((*persons, *(f"uploads/{name}" for name in uploads)))


def new_change(kind: str, persons: Iterable[str], **fields: Any) -> Change:
    return Change(f"{name_stamp(microseconds=True)}-{secrets.token_hex(4)}", kind, tuple(persons), **fields)


def begin(root: Path, change: Change) -> Change:
    """Write it down. Raises DiskFailure."""
    write_json(_record(root, change.id), dataclasses.asdict(change))
    return change


def end(root: Path, change: Change) -> None:
    """Raises DiskFailure."""
    try:
        _record(root, change.id).unlink(missing_ok=True)
    except OSError as error:
        raise DiskFailure(
            text("The change {id} cannot be ended: {cause}.", id=change.id, cause=cause_of(error)),
            advice=text("Check its rights."),
        ) from error


def is_pending(root: Path, change: Change) -> bool:
    return _record(root, change.id).is_file()


def pending(root: Path) -> tuple[Change, ...]:
    """What has been begun, oldest first; a damaged record is left out, and stops nobody."""
    found: list[Change] = []
    for record in matching(root / CHANGES, "*.json"):
        with suppress(EasyPhotoError):
            found.append(typed(Change, {**read_json(record), "id": record.stem}, record.name))
    return tuple(found)


def doomed(root: Path) -> frozenset[str]:
    """The names, as `names_of` gives them, of who and what is being deleted."""
    return frozenset(name for change in pending(root) if change.kind == DELETE for name in change.names)


@contextmanager
def changing(root: Path, persons: Iterable[str], *, seconds: float = SECONDS_FOR_A_CHANGE) -> Iterator[None]:
    """Be the only one who changes these persons. Raises RunBusy where another does so for longer than `seconds`."""
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
    """A progress that also stops when one of the names is being deleted."""

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
        """Raises Cancelled."""
        self._looked = time.monotonic()
        if gone := sorted(self._names & doomed(self._root)):
            raise Cancelled(f"{gone[0].rpartition('/')[2]} is being deleted.")


@contextmanager
def at_work(root: Path, names: frozenset[str], progress: Progress) -> Iterator[Watched]:
    """Work on persons and photos so that their deletion waits for it, and asks it to stop through the progress.

    Raises Cancelled where they are being deleted already. A disk that takes no file keeps nobody from working: an
    export must be possible from a full one.
    """
    watched = Watched(progress, root, names)
    with ExitStack() as held:
        lock = root / CHANGES / f"{_USE}{secrets.token_hex(8)}{LOCK}"
        with suppress(DiskFailure, OSError):
            held.enter_context(file_lock(lock, said=json.dumps(sorted(names)), stays=False, wait=1.0))
        # After it was registered: who deletes writes the tombstone first and looks for us then.
        watched.look()
        yield watched


def works_on(root: Path, names: frozenset[str]) -> tuple[str, ...]:
    """Who works on any of these, in words."""
    locks = (lock for lock in matching(root / CHANGES, f"{_USE}*{LOCK}") if names & _said(lock))
    return tuple(owner_of(lock) for lock in locks if is_held(lock))


def rubbish(root: Path) -> tuple[Path, ...]:
    """What lies in the trash and is not an earlier person whose successor is just being put in place."""
    thrown = thrown_away(root)
    # The journal is read after the trash, because a change is written down before it moves anything there.
    kept = {Path(change.old).parent.name for change in pending(root) if change.old}
    return tuple(path for path in thrown if path.name not in kept)


def dead_locks(root: Path) -> tuple[Path, ...]:
    """Locks that killed processes left."""
    return tuple(lock for lock in matching(root / CHANGES, f"*{LOCK}") if not is_held(lock))


def _said(lock: Path) -> frozenset[str]:
    try:
        return frozenset(map(str, parsed(words_of(lock).encode())))
    except (ValueError, TypeError):
        return frozenset()


def _record(root: Path, id: str) -> Path:
    return root / CHANGES / f"{id}.json"
