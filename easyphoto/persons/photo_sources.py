"""Finds the photos in what the user names: folders, ZIP files, files. Nothing there is left out in silence.

A folder is read itself; where no photo lies in it, its sub-folders are. So are the folders of kohya's trainer,
`20_anna woman`, whose captions are used (`preprocess.captions`) and whose repeats are not.
"""

from __future__ import annotations

import glob
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from easyphoto.errors import BadPicture, InputError, TooFewPhotos
from easyphoto.images.formats import SUFFIXES
from easyphoto.images.opening import check_kind
from easyphoto.messages import Text, joined, note, text
from easyphoto.persons.archive import unpack_photos
from easyphoto.preprocess.captions import SUFFIXES as CAPTIONS
from easyphoto.preprocess.captions import caption_file
from easyphoto.progress import NullProgress, Progress
from easyphoto.storage.files import cause_of, readable_name
from easyphoto.storage.scratch import held_folder

DEPTH = 4
MOST_ENTRIES = 20_000
_MOST_NAMED = 10
# More files of other kinds than this are counted rather than judged one by one.
_MOST_OTHERS = 20
# What systems, cameras and galleries leave in folders of pictures, besides hidden files.
_LITTER = re.compile(r"thumbs\.db|ehthumbs.*\.db|desktop\.ini|icon\r?|picasa\.ini|__macosx|@eadir", re.IGNORECASE)
# What programs write beside a picture, under its name: edits, tags, metadata, caches.
_BESIDE = (*CAPTIONS, ".json", ".xmp", ".aae", ".npz", ".npy", ".csv", ".yaml", ".yml", ".toml", ".thm", ".md5")
# kohya's folders: repeats and words; and those of its layout that show others, or nobody.
_KOHYA = re.compile(r"(\d+)_(.+)")
_OF_OTHERS = re.compile(r"reg(_.*|ulari[sz]ation.*)?|class(_images)?|logs?|models?", re.IGNORECASE)


@dataclass(frozen=True)
class FoundPhotos:
    photos: tuple[Path, ...]
    """Photos, and files among them that are none: each gets its verdict."""
    notes: tuple[Text, ...] = ()


@contextmanager
def found_photos(named: Sequence[Path], scratch: Path, progress: Progress | None = None) -> Iterator[FoundPhotos]:
    """The photos of folders, ZIP files, files and patterns; what is unpacked into `scratch` goes after the block.

    Raises InputError for what does not exist or cannot be read, TooFewPhotos where there are no photos.
    """
    places = [place for path in named for place in _matching(path)]
    if not any(map(_is_zip, places)):
        yield _found(places)
        return
    with held_folder(scratch) as held:
        unpacked, notes = list[Path](), list[Text]()
        for number, place in enumerate(places):
            if _is_zip(place):
                target = held / str(number) / readable_name(place.with_suffix(""))
                left = unpack_photos(place, target, _is_wanted, progress or NullProgress())
                notes += _left_in_zip(place, left)
                target.mkdir(parents=True, exist_ok=True)
                place = target
            unpacked.append(place)
        try:
            found = _found(unpacked)
        except TooFewPhotos as error:
            # Where it was unpacked to says nothing to whoever named the ZIP file.
            raise _no_photos(places, notes) from error
        yield FoundPhotos(found.photos, (*notes, *found.notes))


def photo_files(folder: Path) -> tuple[Path, ...]:
    """The photos of one folder. Raises InputError where it is none, TooFewPhotos where it holds none."""
    if not folder.is_dir():
        raise InputError(
            text("{folder} is not a folder.", folder=folder),
            advice=text("Give the folder that holds the person's photos."),
        )
    return _found([folder]).photos


def _matching(path: Path) -> list[Path]:
    """The path, or what it matches as a pattern: Windows' command lines hand patterns on. Raises InputError."""
    if _exists(path):
        return [path]
    matching = sorted(map(Path, glob.glob(str(path)))) if glob.has_magic(str(path)) else []
    if not matching:
        raise InputError(
            text("{path} does not exist.", path=path),
            advice=text("Give a folder with the person's photos, a ZIP file of them, or the photos themselves."),
        )
    return matching


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or no name
        return False


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() not in SUFFIXES and path.is_file() and zipfile.is_zipfile(path)


def _is_wanted(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in (*SUFFIXES, *CAPTIONS) or not suffix


def _left_in_zip(archive: Path, left: Sequence[str]) -> list[Text]:
    if not left:
        return []
    return [
        note(
            "left-in-zip",
            "Left in {archive}, because they are no pictures that are read: {names}.",
            archive=archive.name,
            names=listed(left),
        )
    ]


def listed(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" … (+{more})" if more > 0 else "")


@dataclass
class _Search:
    """What has been found so far."""

    photos: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)
    """Files that belong to photos and are not used."""
    counts: dict[str, int] = field(default_factory=dict)
    """Sub-folder → number of its photos, of those that were read."""
    unread: dict[str, int] = field(default_factory=dict)
    """The same of those that were not."""
    entries: int = 0


def _found(places: Sequence[Path]) -> FoundPhotos:
    search = _Search()
    for place in places:
        before = len(search.photos)
        if place.is_dir():
            _look_into(place, search)
        if (len(search.photos) == before and len(places) > 1) or not place.is_dir():
            # An empty folder among others gets its verdict as well.
            search.photos.append(place)
    if not search.photos:
        raise _no_photos(places, list(_why_not(search)))
    if len(places) == len(search.photos) == 1 and not places[0].is_dir():
        check_kind(places[0])
    others = search.others if len(search.others) <= _MOST_OTHERS else []
    return FoundPhotos(tuple(dict.fromkeys((*search.photos, *others))), _notes(search))


def _why_not(search: _Search) -> Iterator[Text]:
    """Yield why the first other files are no photos."""
    for other in search.others[:3]:
        try:
            check_kind(other)
        except BadPicture as error:
            yield error.message


def _no_photos(places: Sequence[Path], reasons: Sequence[Text]) -> TooFewPhotos:
    where = ", ".join(map(str, places))
    said = text("There are no photos in {folder}.", folder=where)
    if reasons:
        said = text("There are no photos in {folder}. {reason}", folder=where, reason=joined(reasons, " "))
    return TooFewPhotos(said, advice=text("Give a folder with 5 to 20 photos of one person (JPEG, PNG, WebP)."))


def _look_into(folder: Path, search: _Search) -> None:
    """Adds the folder's photos, or where it has none, those of its sub-folders."""
    before = len(search.photos)
    folders = _sort(folder, search)
    own, seen = len(search.photos) - before, {_identity(folder)}
    read = [] if own else [below for below in folders if not _OF_OTHERS.fullmatch(below.name)] or folders
    if own and _KOHYA.fullmatch(folder.resolve().name):
        search.counts[folder.resolve().name] = own
    for below in folders:
        aside = search if below in read else _Search(entries=search.entries)
        start = len(aside.photos)
        _walk(below, aside, DEPTH - 1, seen)
        if len(aside.photos) > start:
            counts = search.counts if below in read else search.unread
            counts[below.name] = len(aside.photos) - start


def _walk(folder: Path, search: _Search, depth: int, seen: set[tuple[int, int]]) -> None:
    """Adds everything below the folder; links may lead in circles."""
    identity = _identity(folder)
    if identity in seen:
        return
    seen.add(identity)
    for below in _sort(folder, search):
        if depth > 1:
            _walk(below, search, depth - 1, seen)


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _sort(folder: Path, search: _Search) -> list[Path]:
    """Adds the folder's files to what they are; returns its sub-folders. Raises InputError."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(
            text("{folder} cannot be read: {cause}.", folder=folder, cause=cause_of(error)),
            advice=text("Check its permissions, or copy the photos into another folder."),
        ) from error
    search.entries += len(paths)
    if search.entries > MOST_ENTRIES:
        raise InputError(
            text("{name!r} contains too much.", name=str(folder)), advice=text("Give the folder of the person.")
        )
    paths = [path for path in paths if not _LITTER.fullmatch(path.name)]
    photos = [path for path in paths if _is_photo(path)]
    found = set(photos)
    rest = [path for path in paths if path not in found]
    stems = {path.stem for path in photos} | {path.name for path in photos}
    beside = [path for path in rest if path.suffix.lower() in _BESIDE and path.stem in stems and path.is_file()]
    captions = {caption_file(photo) for photo in photos}
    search.photos += photos
    search.beside += [path for path in beside if path not in captions]
    known = set(beside)
    search.others += [path for path in rest if path not in known and not path.is_dir()]
    return [path for path in rest if path.is_dir()]


def _is_photo(path: Path) -> bool:
    """Whether the name or the content says so. Anything named like a picture gets its verdict: a folder, a pipe."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if not path.is_file():
        return False
    try:
        check_kind(path)
    except BadPicture:
        return False
    return True


def _notes(search: _Search) -> tuple[Text, ...]:
    notes = list(_folder_notes(search))
    captioned = sum(caption_file(photo) is not None for photo in search.photos)
    if captioned:
        notes.append(
            note(
                "captions-beside",
                "Photos with a caption in a text file beside them: {count}. A training uses these captions, unless you "
                "add --no-caption-files.",
                count=captioned,
            )
        )
    if search.beside:
        notes.append(note("not-read-beside", "Beside the photos, and not used: {names}.", names=_listed(search.beside)))
    if len(search.others) > _MOST_OTHERS:
        notes.append(
            note(
                "other-files",
                "{count} other files there are no pictures that are read: {names}.",
                count=len(search.others),
                names=_listed(search.others),
            )
        )
    return tuple(notes)


def _listed(files: Sequence[Path]) -> str:
    return listed([file.name for file in files])


def _folder_notes(search: _Search) -> Iterator[Text]:
    repeats = [found for name in search.counts if (found := _KOHYA.fullmatch(name)) is not None]
    if [name for name in search.counts if not _KOHYA.fullmatch(name)] or len(search.counts) > 1:
        yield note(
            "photos-of-folders",
            "The photos lie in sub-folders, and are taken together: {folders}. If they show different people, give one "
            "of the folders.",
            folders=_counted(search.counts),
        )
    if repeats:
        yield note(
            "kohya-repeats",
            "{folders}: the number of repeats in front is not used, as every photo is learnt alike; --steps says how "
            "long.",
            folders=_counted({found[0]: search.counts[found[0]] for found in repeats}),
        )
    if search.unread:
        yield note(
            "folders-not-read",
            "The photos in these sub-folders were not read: {folders}. To use them, give the sub-folder.",
            folders=_counted(search.unread),
        )


def _counted(folders: dict[str, int]) -> str:
    return listed([f"{name} ({count})" for name, count in folders.items()])
