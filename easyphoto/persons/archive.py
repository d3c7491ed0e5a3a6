"""Unpacks ZIP files with persons or photos without trusting them: names, sizes and kinds are checked before a byte is
written.
"""

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from easyphoto.errors import DiskFailure, InputError
from easyphoto.images.formats import SUFFIXES
from easyphoto.messages import phase, text
from easyphoto.preprocess.names import free_name
from easyphoto.progress import Progress
from easyphoto.storage.files import JOINERS, cause_of, make_folder, portable_name, private_opener, readable_name
from easyphoto.workspace.person_ids import RESERVED_IDS

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
_IS_UTF8 = 0x800
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
        r"photos/[^/\\:]+\.txt",
        rf"dataset/(images|weights)/{_PICTURE}",
        r"dataset/(reference\.png|dataset\.json|metadata\.jsonl)",
    )
)
# Files that file managers add to archives.
_LITTER = re.compile(r"(.*/)?(__MACOSX/.*|\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)", re.IGNORECASE)
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


def unpack_photos(source: Path, target: Path, wanted: Callable[[str], bool], progress: Progress) -> tuple[str, ...]:
    """Write the files that are `wanted` by their names into `target`; returns the names of the others.

    Paths are made harmless rather than refused: other systems allow names that this one does not. What file managers
    add is left out in silence. Raises InputError for a locked archive, one that leads out, and an exported person.
    """
    try:
        return _unpacked_photos(source, target, wanted, progress)
    except InputError as error:
        if error.advice != _ADVICE:
            raise
        raise InputError(
            error.message, advice=text("Unpack it yourself, and give the folder; or pack the photos anew.")
        ) from error


def _unpacked_photos(source: Path, target: Path, wanted: Callable[[str], bool], progress: Progress) -> tuple[str, ...]:
    with _opened(source) as archive:
        if any(re.fullmatch(r"[^/]+/person\.json", name) for name in archive.namelist()):
            raise InputError(
                text("{name} holds an exported person, not photos alone.", name=source.name),
                advice=text("Import them: easyphoto persons import {name}", name=source.name),
            )
        found = [(entry, _name_in(entry)) for entry in archive.infolist() if not entry.filename.endswith(("/", "\\"))]
        found = [(entry, name) for entry, name in found if not _LITTER.fullmatch(name)]
        entries = [(entry, _harmless(name)) for entry, name in found if wanted(name)]
        for entry, place in entries:
            _check(entry, place)
        # Shortened names, and such as differ by case alone, may be the same.
        taken: set[str] = set()
        _unpack(archive, [(entry, free_name(place, taken)) for entry, place in entries], target, progress)
    return tuple(name for _, name in found if not wanted(name))


def _name_in(entry: zipfile.ZipInfo) -> str:
    """The path in the archive, with slashes. Windows writes names in its own code page, and says nothing about it."""
    name = entry.filename
    if not entry.flag_bits & _IS_UTF8:
        raw = name.encode("cp437", "replace")
        for code in ("utf-8", "gb2312"):
            with suppress(UnicodeDecodeError):
                name = raw.decode(code)
                break
    return name.replace("\\", "/")


def _harmless(name: str) -> str:
    """The path with names that every disk takes. A path that leads out stays as it is, to be refused."""
    parts = [
        readable_name(Path(portable_name(part))) if part.strip(".") else part for part in name.split("/") if part != "."
    ]
    return "/".join(f"_{part}" if _DEVICE.fullmatch(part) else part for part in parts)


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
    if is_link or leads_out or not all(letter.isprintable() or letter in JOINERS for letter in place):
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
