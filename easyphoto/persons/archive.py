"""Unpacks ZIP files with persons without trusting them: names, sizes and kinds are checked before a byte is written."""

from __future__ import annotations

import errno
import io
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from easyphoto.errors import DiskFailure, InputError
from easyphoto.images.formats import SUFFIXES
from easyphoto.messages import phase, text
from easyphoto.progress import Progress
from easyphoto.storage.files import cause_of, make_folder, private_opener
from easyphoto.workspace.folders import RESERVED_IDS

ArchiveEntry = tuple[zipfile.ZipInfo, str]
"""An entry of the archive, and its path below the target folder."""
MOST_FILES = 2000
MOST_BYTES = 4 << 30
"""Most bytes unpacked from one archive. A LoRA has up to 1 GB, a photo 50 MB."""
_MOST_JSON = 16 << 20
_MOST_DIRECTORY = 4 << 20
"""Most bytes of the archive's central directory, which is read at once: some 40,000 names."""
_LONGEST_NAME = 255
"""Longest file name in bytes on common file systems."""
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Windows opens a device under these names, whatever the suffix.
_DEVICE = re.compile(rf"({'|'.join(sorted(RESERVED_IDS))})(\..*)?", re.IGNORECASE)
_BLOCK = 1 << 20
_PICTURE = rf"[^/\\:]+({'|'.join(re.escape(suffix) for suffix in SUFFIXES)})"
# The paths that `export` writes.
_PARTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"person\.json",
        r"lora\.safetensors",
        r"portrait\.png",
        rf"photos/{_PICTURE}",
        rf"dataset/(images|weights)/{_PICTURE}",
        r"dataset/(reference\.png|dataset\.json|metadata\.jsonl)",
    )
)
# Files that file managers add to archives.
_LITTER = re.compile(r"__MACOSX/.*|(.*/)?(\.DS_Store|Thumbs\.db|desktop\.ini)", re.IGNORECASE)
_BROKEN = (
    zlib.error, lzma.LZMAError, struct.error, NotImplementedError, EOFError, ValueError, RuntimeError, ArithmeticError,
)  # fmt: skip
_ADVICE = text("Use a ZIP file made by: easyphoto persons export NAME")


def is_export(source: Path) -> bool:
    """Whether `export` made the archive; otherwise it may hold a folder of the 2023 extension. Raises InputError."""
    with _opened(source) as archive:
        return any(re.fullmatch(r"[^/]+/person\.json", name) for name in archive.namelist())


def unpack_export(source: Path, target: Path, progress: Progress) -> None:
    """Write the person's files into the empty folder `target`, without the archive's top folder.

    Raises InputError for anything but an export; `target` may then hold a part of it.
    """
    with _opened(source) as archive:
        _unpack(archive, _export_entries(archive), target, progress)


def unpack_earlier(source: Path, target: Path, progress: Progress) -> None:
    """Write the parts of the extension's folders that an import needs into `target`; skips checkpoints and logs."""
    with _opened(source) as archive:
        _unpack(archive, _earlier_entries(archive), target, progress)


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with _Measured(io.FileIO(source)) as stream, zipfile.ZipFile(stream) as archive:
            yield archive
    except (zipfile.BadZipFile, *_BROKEN) as error:
        raise InputError(
            text("{name} cannot be unpacked ({cause}).", name=source.name, cause=cause_of(error)), advice=_ADVICE
        ) from error


class _Measured(io.BufferedReader):
    """Refuses a single read larger than `_MOST_DIRECTORY`."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_DIRECTORY:
            raise zipfile.BadZipFile("it lists too many files")
        return super().read(size)


def _unpack(archive: zipfile.ZipFile, entries: Sequence[ArchiveEntry], target: Path, progress: Progress) -> None:
    room, done = sum(entry.file_size for entry, _ in entries), 0
    _check_amount(entries, room)
    for entry, place in entries:
        progress.check()
        _write(archive, entry, target / place)
        done += entry.file_size
        progress.step(done, room, phase("unpack", "unpacking {place}", place=place))


def _check_amount(entries: Sequence[ArchiveEntry], room: int) -> None:
    if any(entry.compress_type not in _KINDS for entry, _ in entries):
        raise InputError(
            text("The archive is packed in an unusual way."), advice=text("Pack it as an ordinary ZIP file.")
        )
    if len(entries) > MOST_FILES:
        raise InputError(
            text("The archive contains {count} files.", count=len(entries)),
            advice=text("At most {most_files} are unpacked.", most_files=MOST_FILES),
        )
    if room > MOST_BYTES:
        raise InputError(text("The archive unpacks to more than 4 GiB."), advice=text("Import one person at a time."))
    places = Counter(place.lower() for _, place in entries)
    twice = [place for place, count in places.items() if count > 1]
    if twice:
        raise InputError(text("The archive contains {twice} twice.", twice=twice[0]), advice=_ADVICE)


def _export_entries(archive: zipfile.ZipFile) -> tuple[ArchiveEntry, ...]:
    """The entries with their paths in the person's folder. Raises InputError for anything unexpected."""
    # Python's is_dir fails on an empty name.
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.filename.endswith("/") and not _LITTER.fullmatch(entry.filename)
    ]
    if len({entry.filename.partition("/")[0] for entry in entries}) != 1:
        raise InputError(text("The archive contains more than one exported person."), advice=_ADVICE)
    placed = tuple((entry, entry.filename.partition("/")[2]) for entry in entries)
    for entry, place in placed:
        _check(entry, place)
        if not any(pattern.fullmatch(place) for pattern in _PARTS):
            raise InputError(
                text("The archive contains {filename!r}, which does not belong to a person.", filename=entry.filename),
                advice=_ADVICE,
            )
    return placed


def _earlier_entries(archive: zipfile.ZipFile) -> tuple[ArchiveEntry, ...]:
    """The entries of pictures and LoRAs, wherever they lie; intermediate checkpoints are large and not needed."""
    placed = tuple((entry, entry.filename) for entry in archive.infolist() if _is_wanted(entry))
    for entry, place in placed:
        _check(entry, place)
    return placed


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename.rpartition("/")[2].lower()
    is_kind = name.endswith((*SUFFIXES, ".safetensors")) and not name.startswith("checkpoint-")
    return is_kind and not _LITTER.fullmatch(entry.filename)


def _check(entry: zipfile.ZipInfo, place: str) -> None:
    """Raises InputError for a path out of the folder, a link, an encrypted file or an unexpected one."""
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    leads_out = place.startswith("/") or {"", "..", "."} & set(place.split("/")) or re.search(r"[\\:]", place)
    if any(len(part.encode()) > _LONGEST_NAME or _DEVICE.fullmatch(part) for part in place.split("/")):
        raise InputError(
            text(
                "The archive contains {filename!r}, a name that not every disk allows.", filename=entry.filename[:100]
            ),
            advice=_ADVICE,
        )
    if is_link or leads_out or not place.isprintable():
        raise InputError(
            text("The archive contains {filename!r}, which points outside of it.", filename=entry.filename),
            advice=_ADVICE,
        )
    if entry.flag_bits & 1:
        raise InputError(
            text("The archive is locked with a password."),
            advice=text("Unpack it, and pack it again without a password."),
        )
    if place.endswith((".json", ".jsonl")) and entry.file_size > _MOST_JSON:
        raise InputError(text("{place} is too large for a record.", place=place), advice=_ADVICE)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Unpack the entry, at most as many bytes as it announces."""
    left = entry.file_size
    try:
        make_folder(target.parent)
        with archive.open(entry) as packed, open(target, "xb", opener=private_opener) as stream:
            while block := packed.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise InputError(
                        text("{filename} unpacks to more than it says.", filename=entry.filename), advice=_ADVICE
                    )
                stream.write(block)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            text("The archive contains {filename!r} as a file and as a folder.", filename=entry.filename),
            advice=_ADVICE,
        ) from error
    except OSError as error:
        if error.errno == errno.EINVAL:
            # Python's error for an entry whose offset lies outside the file.
            raise InputError(
                text("{filename!r} cannot be unpacked.", filename=entry.filename), advice=_ADVICE
            ) from error
        raise DiskFailure(
            text("{target} could not be written: {cause}.", target=target.name, cause=cause_of(error)),
            advice=text("Check free space."),
        ) from error
