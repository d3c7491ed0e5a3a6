"""Records hashes and trusted files in `hashes.json` beside the weights, so that a file of 2 GB is read only once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from easyphoto.errors import DiskFailure, RunBusy
from easyphoto.messages import phase, text
from easyphoto.progress import NullProgress, Progress
from easyphoto.storage.files import cause_of, open_regular
from easyphoto.storage.locks import file_lock
from easyphoto.storage.records import read_json, typed, utc_now, write_json

_BLOCK = 1 << 20
# Hashes of smaller files (bytes) are not recorded: reading them again is faster than the look-up.
_REMEMBERED_FROM = 1 << 20
# Progress is reported from this size in bytes on; smaller files take no noticeable time.
_SHOWN_FROM = 64 << 20
_LOCK_SECONDS = 20.0

Records = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _Known:
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class _Trusted:
    sha256: str
    date: str = ""
    source: str = ""


@dataclass(frozen=True)
class _Content:
    hashes: Mapping[str, _Known] = field(default_factory=dict)
    trusted: Mapping[str, _Trusted] = field(default_factory=dict)


@dataclass(frozen=True)
class Ledger:
    """Two tables. `hashes`: path → size, mtime, sha256; `trusted`: name in the catalogue → sha256, date, source."""

    file: Path

    def hash_of(self, path: Path, progress: Progress | None = None) -> str:
        """The file's sha256, computed only where its size or mtime differ from the record."""
        key, before = str(path.resolve()), path.stat()
        known = self._read()["hashes"].get(key)
        if known and (known["size"], known["mtime_ns"]) == (before.st_size, before.st_mtime_ns):
            return str(known["sha256"])
        return self._rehash(path, key, before, progress)

    def rehash(self, path: Path, progress: Progress) -> str:
        """The file's sha256, computed whatever the record says."""
        return self._rehash(path, str(path.resolve()), path.stat(), progress)

    def remember(self, path: Path, sha256: str) -> None:
        """Record a known hash. Where the ledger cannot be written, the file is only hashed again later."""
        said = path.stat()
        if said.st_size < _REMEMBERED_FROM:
            return
        try:
            with self._changing() as records:
                records["hashes"] = {key: entry for key, entry in records["hashes"].items() if Path(key).exists()}
                records["hashes"][str(path.resolve())] = {
                    "size": said.st_size,
                    "mtime_ns": said.st_mtime_ns,
                    "sha256": sha256,
                }
        except DiskFailure:
            pass

    def state(self, *, without: Path) -> Hashable:
        """A key for all that is known, but for hashes of files in the folder `without`."""
        records = self._read()
        hashes = {path: known["sha256"] for path, known in records["hashes"].items()}
        outside = {path: sha256 for path, sha256 in hashes.items() if not Path(path).is_relative_to(without)}
        trusted = {key: known["sha256"] for key, known in records["trusted"].items()}
        return frozenset(outside.items()), frozenset(trusted.items())

    def trusted(self, key: str) -> str | None:
        record = self._read()["trusted"].get(key)
        return str(record["sha256"]) if record else None

    def trust(self, key: str, sha256: str, source: str, *, anew: bool = False) -> bool:
        """Record the first hash seen; False where another hash is recorded already. `anew` replaces it."""
        with self._changing() as records:
            first = records["trusted"].get(key)
            if first and not anew:
                return bool(first["sha256"] == sha256)
            records["trusted"][key] = {"sha256": sha256, "date": utc_now(), "source": source}
        return True

    def forget(self, key: str) -> None:
        if self.trusted(key) is not None:
            with self._changing() as records:
                records["trusted"].pop(key, None)

    def _rehash(self, path: Path, key: str, before: os.stat_result, progress: Progress | None) -> str:
        sha256 = sha256_of(path, progress)
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns):
            self.remember(path, sha256)
        return sha256

    def _read(self) -> dict[str, Records]:
        content = read_json(self.file) if self.file.is_file() else {}
        found = typed(_Content, content, f"{self.file}")
        return {
            "hashes": {key: asdict(known) for key, known in found.hashes.items()},
            "trusted": {key: asdict(trusted) for key, trusted in found.trusted.items()},
        }

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Records]]:
        """Yield the records under the ledger's lock, and write them back afterwards."""
        try:
            with file_lock(self.file.with_name(f"{self.file.name}.lock"), wait=_LOCK_SECONDS):
                records = self._read()
                yield records
                write_json(self.file, records)
        except (OSError, RunBusy) as error:
            raise DiskFailure(
                text("{file} could not be written: {cause}.", file=self.file, cause=cause_of(error)),
                advice=text("Check the permissions of the folder."),
            ) from error


def sha256_of(file: Path, progress: Progress | None = None) -> str:
    """The file's sha256 in hexadecimal; reports progress for a large file."""
    progress = progress or NullProgress()
    digest, done, size = hashlib.sha256(), 0, file.stat().st_size
    with open_regular(file) as stream:
        while block := stream.read(_BLOCK):
            progress.check()
            digest.update(block)
            done += len(block)
            if size >= _SHOWN_FROM:
                progress.step(done, size, phase("hash", "reading {name}", name=file.name))
    return digest.hexdigest()
