"""A cache of what is costly to load or compute, shared by the jobs of one process: networks, engines, embeddings,
prompts.

The process's app owns the only cache. A job works with a `Lease`: a borrowed value belongs to that job alone until the
lease is closed, because use changes a network (LoRAs are applied to it, detectors keep their input's size). Immutable
values are shared.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from easyphoto.machine import memory_for_models, ran_out_of_memory, return_freed_memory

T = TypeVar("T")
_log = logging.getLogger(__name__)
FileKey = tuple[str, int, int, int]


def file_key(path: Path) -> tuple[FileKey, ...]:
    """A key that changes when a file, or any file in a folder, is replaced or written.

    It holds path, inode, size in bytes and mtime in ns of each file.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return tuple(map(_key_of, files))


def _key_of(file: Path) -> FileKey:
    """Zeros for a missing file; loading it raises the named error."""
    try:
        found = os.stat(file)
    except OSError:
        return str(file), 0, 0, 0
    return str(file), found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(eq=False)
class _Entry(Generic[T]):
    key: Hashable
    value: T
    bytes: int
    owners: frozenset[Path]
    used: float
    """`time.monotonic()` when the value was last handed out or returned."""


@dataclass(frozen=True)
class _Generation:
    """How often the cache was cleared, and how often a person's entries were discarded."""

    clears: int
    discards: int


class ModelCache:
    """A thread-safe LRU cache that holds at most `limit` bytes.

    Borrowed values do not count towards the limit, because the cache cannot drop them.
    """

    def __init__(self, limit: int | None = None) -> None:
        """`limit` is in bytes. None asks `memory_for_models` each time, because torch may be imported later."""
        self._limit = limit
        self.loads = 0
        """Number of values loaded or computed so far."""
        self._lock = threading.RLock()
        self._entries: dict[Hashable, _Entry[Any]] = {}
        """By key, in the order of their last use."""
        self._generation = _Generation(0, 0)

    @property
    def limit(self) -> int:
        return memory_for_models() if self._limit is None else self._limit

    @property
    def bytes(self) -> int:
        with self._lock:
            return sum(entry.bytes for entry in self._entries.values())

    def lease(self) -> Lease:
        return Lease(self)

    def get(self, key: Hashable, make: Callable[[], T], *, size: Callable[[T], int], owners: Iterable[Path] = ()) -> T:
        """The value of `key`, computed by `make` on a miss. It is shared, so callers must not change it.

        `owners` are the folders it was computed from, such as a person's. `discard` drops it when one is deleted,
        `expire` when one no longer exists.
        """
        with self._lock:
            entry, generation = self._entries.get(key), self._generation
            if entry is not None:
                self._keep(entry)
                return entry.value
        value = self._made(make)
        self._put(_Entry(key, value, size(value), frozenset(owners), 0.0), generation)
        return value

    def discard(self, owner: Path) -> None:
        """Drop values computed from a folder, including those still being computed."""
        with self._lock:
            self._drop(lambda entry: owner in entry.owners)
            self._generation = replace(self._generation, discards=self._generation.discards + 1)

    def expire(self, seconds: float) -> None:
        """Drop values unused for `seconds`, and those computed from a folder that another process deleted."""
        oldest = time.monotonic() - seconds
        with self._lock:
            gone = {owner for entry in self._entries.values() for owner in entry.owners if not owner.is_dir()}
            self._drop(lambda entry: entry.used < oldest or bool(entry.owners & gone))
        _release_memory()

    def clear(self) -> None:
        """Drop everything; values borrowed now are not taken back when they are returned."""
        with self._lock:
            self._entries.clear()
            self._generation = replace(self._generation, clears=self._generation.clears + 1)
        _release_memory()

    def _take(self, key: Hashable) -> tuple[_Entry[Any] | None, _Generation]:
        """Remove the key's entry for exclusive use (None if absent) and return it with the current generation."""
        with self._lock:
            return self._entries.pop(key, None), self._generation

    def _put(self, entry: _Entry[Any], generation: _Generation) -> None:
        with self._lock:
            now = self._generation
            is_stale = generation.clears != now.clears or (entry.owners and generation.discards != now.discards)
            # Two jobs may have loaded the same value; one copy is enough.
            if not is_stale and entry.key not in self._entries:
                self._keep(entry)

    def _keep(self, entry: _Entry[Any]) -> None:
        entry.used = time.monotonic()
        self._entries.pop(entry.key, None)
        self._entries[entry.key] = entry
        room = self.limit
        for each in reversed(list(self._entries.values())):
            if each.bytes <= room:
                room -= each.bytes
            else:
                del self._entries[each.key]

    def _drop(self, is_unwanted: Callable[[_Entry[Any]], bool]) -> None:
        self._entries = {key: entry for key, entry in self._entries.items() if not is_unwanted(entry)}

    def _made(self, make: Callable[[], T]) -> T:
        try:
            value = make()
        except Exception as error:
            if not ran_out_of_memory(error) or not self._make_room():
                raise
            retry = True
        else:
            retry = False
        if retry:  # not above, where the error still holds what was loaded in part
            value = make()
        with self._lock:
            self.loads += 1
        return value

    def _make_room(self) -> bool:
        """Drop all values that are not borrowed. Returns whether there were any."""
        with self._lock:
            had_any = bool(self._entries)
            self._entries.clear()
        _release_memory()
        return had_any


class Lease:
    """The values one job borrows from the cache; closing it returns them."""

    def __init__(self, cache: ModelCache) -> None:
        self._cache = cache
        self._borrowed: dict[Hashable, tuple[_Entry[Any], _Generation]] = {}
        self._clean: dict[Hashable, Callable[[Any], None]] = {}

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def borrow(
        self,
        key: Hashable,
        load: Callable[[], T],
        *,
        size: Callable[[T], int],
        clean: Callable[[T], None] | None = None,
    ) -> T:
        """The value of `key` for this job alone, loaded if it is absent or lent to another job.

        The same lease always gets the same value for a key. `clean` undoes what the job may have left changed, before
        the value is returned; one that cannot be cleaned is not returned.
        """
        if key not in self._borrowed:
            entry, generation = self._cache._take(key)
            if entry is None:
                value = self._cache._made(load)
                entry = _Entry(key, value, 0, frozenset(), 0.0)
            entry.bytes = size(entry.value)
            self._borrowed[key] = entry, generation
            if clean is not None:
                self._clean[key] = clean
        return self._borrowed[key][0].value

    def get(self, key: Hashable, make: Callable[[], T], *, size: Callable[[T], int], owners: Iterable[Path] = ()) -> T:
        """As `ModelCache.get`."""
        return self._cache.get(key, make, size=size, owners=owners)

    def forget(self, key: Hashable) -> None:
        """Do not return a borrowed value to the cache, because it failed or may have been left changed."""
        self._borrowed.pop(key, None)

    def close(self) -> None:
        for key, (entry, generation) in self._borrowed.items():
            if self._is_clean(key, entry.value):
                self._cache._put(entry, generation)
        self._borrowed.clear()
        self._clean.clear()

    def _is_clean(self, key: Hashable, value: Any) -> bool:
        try:
            self._clean.get(key, _as_it_is)(value)
        except Exception:
            _log.exception("A model could not be restored after its use, and is loaded again")
            return False
        return True


def _as_it_is(value: Any) -> None:
    """For a value that use leaves unchanged."""


def no_models() -> Lease:
    """A lease that keeps nothing, for a caller that opens one model and is done."""
    return ModelCache(0).lease()


def bytes_of_files(files: Iterable[Path]) -> int:
    """Total size of the files in bytes, roughly what their networks occupy in memory."""
    return sum(size for file in files for _, _, size, _ in file_key(file))


def bytes_of_networks(networks: Iterable[Any]) -> int:
    """Bytes of the parameters and buffers of torch modules; shared tensors count once."""
    tensors = {
        tensor.data_ptr(): tensor.numel() * tensor.element_size()
        for network in networks
        for tensor in (*network.parameters(), *network.buffers())
    }
    return sum(tensors.values())


def _release_memory() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    return_freed_memory()
