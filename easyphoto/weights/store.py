"""Where weight files lie: the store's own folder, then mirrors, then the network. Nothing unverified is handed out."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from easyphoto.errors import ChecksumMismatch, DiskFailure, WeightsMissing
from easyphoto.progress import Progress
from easyphoto.weights.catalog import WeightFile, weight_file

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class WeightStore:
    """Finds and fetches the files of the catalogue. A mirror is a folder that holds files under their own names."""

    root: Path
    mirrors: tuple[Path, ...] = ()

    def find(self, id: str) -> Path | None:
        """The verified file, or None where no folder holds it whole."""
        file = weight_file(id)
        for place in self._places(file):
            if place.is_file() and sha256_of(place) == file.sha256:
                return place
        return None

    def require(self, id: str, progress: Progress) -> Path:
        """The verified file, downloaded where needed. Raises WeightsMissing, ChecksumMismatch or DiskFailure."""
        found = self.find(id)
        if found is not None:
            return found
        file = weight_file(id)
        target = self.root / file.path
        partial = target.with_name(target.name + ".part")
        self._download(file, partial, progress)
        if sha256_of(partial) != file.sha256:
            partial.unlink(missing_ok=True)
            raise ChecksumMismatch(
                f"{file.name} from {file.url} is not the file the catalogue names.",
                advice=f"Expected sha256 {file.sha256}. Put the right file into {target.parent} and try again.",
            )
        os.replace(partial, target)
        return target

    def _places(self, file: WeightFile) -> tuple[Path, ...]:
        beside = [place for mirror in self.mirrors for place in (mirror / file.name, mirror / file.path)]
        return (self.root / file.path, *beside)

    def _download(self, file: WeightFile, partial: Path, progress: Progress) -> None:
        """Into `partial`, going on where an interrupted download stopped."""
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            start = partial.stat().st_size if partial.is_file() else 0
            if start >= file.bytes:
                partial.unlink()
                start = 0
            headers = {"Range": f"bytes={start}-"} if start else {}
            request = urllib.request.Request(file.url, headers=headers)
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
                # A server that ignores the range sends the whole file again (200 instead of 206).
                resumes = start > 0 and getattr(answer, "status", 200) == 206
                with partial.open("ab" if resumes else "wb") as stream:
                    _copy(answer, stream, file, done=start if resumes else 0, progress=progress)
                    stream.flush()
                    os.fsync(stream.fileno())
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            raise missing(file, because=f"the download failed ({error})") from error
        except OSError as error:
            raise DiskFailure(
                f"{partial} could not be written: {error}.", advice="Check free space and rights."
            ) from error


def _copy(answer: BinaryIO, stream: BinaryIO, file: WeightFile, *, done: int, progress: Progress) -> None:
    while block := answer.read(_BLOCK):
        progress.check()
        stream.write(block)
        done += len(block)
        progress.step(min(done, file.bytes), file.bytes, f"fetching {file.name}")


def missing(file: WeightFile, because: str) -> WeightsMissing:
    """The error that says how to come by a file by hand."""
    return WeightsMissing(
        f"{file.name} ({file.needed_by}) is not at hand: {because}.",
        advice=(
            f"Fetch {file.url} (sha256 {file.sha256}) elsewhere, put it into a folder DIR and set EASYPHOTO_MIRROR=DIR."
        ),
    )


def default_mirrors() -> tuple[Path, ...]:
    """The folders named by EASYPHOTO_MIRROR, separated as in PATH."""
    named = os.environ.get("EASYPHOTO_MIRROR", "")
    return tuple(Path(part).expanduser() for part in named.split(os.pathsep) if part)


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
