"""Downloads one file from one source into a `.part` file: resumes, times out, and checks the hash."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

from easyphoto.errors import DiskFailure, InputError
from easyphoto.messages import phase, text, untranslated
from easyphoto.progress import Progress
from easyphoto.storage.files import cause_of, make_folder, private_opener
from easyphoto.storage.records import read_json, write_json
from easyphoto.weights.answers import Answer, Beyond, ConnectionDied, NoAnswer, SourceFailed, ask
from easyphoto.weights.contents import stand_in
from easyphoto.weights.entries import SHA256_DIGITS
from easyphoto.weights.ledger import sha256_of
from easyphoto.weights.proxies import without_secret

_BLOCK = 1 << 20
# Bytes of free space left for other files that grow meanwhile.
_SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class DownloadLimits:
    """Timeouts and retries of a download."""

    stall_seconds: float = 20.0
    """Seconds without a byte after which the connection counts as dead."""
    barren_tries: int = 3
    """Connections in a row that may die without delivering a byte."""
    connections: int = 30
    pause_seconds: float = 1.0
    """Seconds before the next connection; doubled after each one that delivered nothing."""


@dataclass(frozen=True)
class Wish:
    """A file to download: its URL and what is known of it."""

    url: str
    name: str
    sha256: str
    """The expected hash in hexadecimal: whole, its first digits, or empty."""
    bytes: int | None
    secrets: dict[str, str]

    @property
    def is_certain(self) -> bool:
        return len(self.sha256) == SHA256_DIGITS


class _Changed(Exception):
    """The `.part` file does not belong to the file that the server has now."""


def download(wish: Wish, part: Path, progress: Progress, patience: DownloadLimits) -> str:
    """Download into `part`, resuming an earlier download; returns the sha256 of the file.

    Raises SourceFailed where this source does not deliver the file, DiskFailure where it cannot be written. Wrong
    content is deleted; after a broken connection `part` stays for the next attempt.
    """
    resumed = size_of(part) > 0
    try:
        wish = _whole_file(wish, part, progress, patience)
    except SourceFailed:
        if not size_of(part):
            _discard(part)
        raise
    sha256 = sha256_of(part, progress)
    if sha256.startswith(wish.sha256) and wish.bytes in (None, size_of(part)):
        _note_of(part).unlink(missing_ok=True)
        return sha256
    _discard(part)
    if resumed:
        # The resumed part may belong to another file, so start afresh.
        return download(wish, part, progress, patience)
    raise SourceFailed(
        text("the download has sha256 {sha256}…, not {expected}…", sha256=sha256[:12], expected=wish.sha256[:12]),
        wrong_content=True,
    )


def _whole_file(wish: Wish, part: Path, progress: Progress, patience: DownloadLimits) -> Wish:
    """Connect as often as needed for the whole file. Returns the wish with the hash that the server stated."""
    barren, gained = 0, False
    for _ in range(patience.connections):
        before = size_of(part)
        try:
            return _connect(wish, part, progress, patience)
        except _Changed:
            _discard(part)
            continue
        except NoAnswer as error:
            if not gained:
                reason = text("no answer ({cause})", cause=error.reason) if error.proxy is None else error.reason
                raise SourceFailed(untranslated(reason), proxy=error.proxy) from error
            reason = str(error)
        except ConnectionDied as error:
            reason = str(error)
        grown = size_of(part) > before
        gained = gained or grown
        barren = 0 if grown else barren + 1
        if barren >= patience.barren_tries:
            raise SourceFailed(text("the connection broke {barren} times ({reason})", barren=barren, reason=reason))
        _pause(patience.pause_seconds * 2**barren, progress)
    raise SourceFailed(
        text("it was still incomplete after {connections} connections", connections=patience.connections)
    )


def _connect(wish: Wish, part: Path, progress: Progress, patience: DownloadLimits) -> Wish:
    """Download over one connection until the file is whole. Returns the wish with the hash that the server stated."""
    start, validator = _place_to_go_on(wish, part)
    if wish.is_certain and wish.bytes is not None and start == wish.bytes:
        return wish
    answer = ask(wish.url, start=start, validator=validator, secrets=wish.secrets, seconds=patience.stall_seconds)
    if isinstance(answer, Beyond):
        if answer.total != start:
            raise _Changed
        return wish
    with answer.stream:
        wish = _agreed(wish, answer)
        if answer.start != 0 and (answer.start != start or _is_another(answer, validator)):
            raise _Changed
        _check_space(part, (answer.total or wish.bytes or 0) - answer.start)
        _write_note(part, wish, answer)
        _receive(wish, answer, part, progress)
    return wish


def _agreed(wish: Wish, answer: Answer) -> Wish:
    """The wish completed with the hub's own hash. Raises SourceFailed where the two hashes contradict each other."""
    for said in (answer.total, answer.linked_bytes):
        if wish.bytes is not None and said is not None and said != wish.bytes:
            raise SourceFailed(
                text("its file has {bytes:,} bytes, not {expected:,}", bytes=said, expected=wish.bytes),
                wrong_content=True,
            )
    if not answer.linked_sha256.startswith(wish.sha256) and answer.linked_sha256:
        raise SourceFailed(text("its file has sha256 {sha256}…", sha256=answer.linked_sha256[:12]), wrong_content=True)
    return replace(wish, sha256=wish.sha256 if wish.is_certain else answer.linked_sha256 or wish.sha256)


def _is_another(answer: Answer, validator: str) -> bool:
    """Whether a server without If-Range sent a part of a file that has changed."""
    return bool(validator and answer.validator and validator != answer.validator)


def _receive(wish: Wish, answer: Answer, part: Path, progress: Progress) -> None:
    done, total = answer.start, answer.total or wish.bytes
    with _writing(part), open(part, "ab" if answer.start else "wb", opener=private_opener) as stream:
        while block := _read(answer):
            progress.check()
            if done == 0 and (other := stand_in(block)) is not None:
                raise SourceFailed(text("{what} came instead of the file", what=other.what), wrong_content=True)
            done += len(block)
            if wish.bytes is not None and done > wish.bytes:
                stream.truncate(0)
                raise SourceFailed(text("it sends more than {bytes:,} bytes", bytes=wish.bytes), wrong_content=True)
            stream.write(block)
            progress.step(done, max(done, total or 0), phase("fetch", "fetching {name}", name=wish.name))
        stream.flush()
        os.fsync(stream.fileno())
    if total is not None and done < total:
        raise ConnectionDied(text("only {done:,} of {total:,} bytes arrived", done=done, total=total))


def _read(answer: Answer) -> bytes:
    try:
        block: bytes = answer.stream.read1(_BLOCK)
    except TimeoutError as error:
        raise ConnectionDied(text("it stalled")) from error
    except (HTTPException, OSError) as error:
        raise ConnectionDied(cause_of(error)) from error
    return block


def _place_to_go_on(wish: Wish, part: Path) -> tuple[int, str]:
    """Offset and validator for resuming. A part without a validator is kept only where a hash will verify it."""
    start = size_of(part)
    if not start:
        return 0, ""
    try:
        note = read_json(_note_of(part))
    except InputError:
        note = {}
    validator = str(note.get("validator", "")) if note.get("url") == without_secret(wish.url) else ""
    too_long = wish.bytes is not None and start > wish.bytes
    if too_long or not (validator or wish.is_certain):
        _discard(part)
        return 0, ""
    return start, validator


def _note_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _write_note(part: Path, wish: Wish, answer: Answer) -> None:
    make_folder(part.parent)
    write_json(_note_of(part), {"url": without_secret(wish.url), "validator": answer.validator})


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_of(part).unlink(missing_ok=True)


def _check_space(part: Path, needed: int) -> None:
    folder = next(folder for folder in part.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise DiskFailure(
            text(
                "{stem} needs {needed:,.1f} MB and {spare:.0f} MB to spare; {folder} has {free:,.1f} MB free.",
                stem=part.stem,
                needed=needed / 1e6,
                spare=_SPARE_BYTES / 1e6,
                folder=folder,
                free=free / 1e6,
            ),
            advice=text("Make room, or use a workspace on another disk (--workspace DIR)."),
        )


@contextmanager
def _writing(part: Path) -> Iterator[None]:
    try:
        make_folder(part.parent)
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DiskFailure(
            text(
                "{part} could not be written: {cause}.",
                part=part,
                cause=text("the disk is full") if full else cause_of(error),
            ),
            advice=text("Make room and run the same command again; it continues where it stopped.")
            if full
            else text("Check the permissions of the folder."),
        ) from error


def _pause(seconds: float, progress: Progress) -> None:
    """Wait, checking regularly whether the caller has cancelled."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        progress.check()
        time.sleep(min(left, 0.2))
    progress.check()


def size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
