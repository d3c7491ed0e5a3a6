"""Names that tell photos apart, also those of several folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from easyphoto.storage.files import readable_name


def photo_names(photos: Sequence[Path]) -> tuple[str, ...]:
    """A name for each photo, different without case, as the verdicts and the copies have it.

    It is the file's own, with the folder's before it where several photos have the same, and a number where that is not
    enough.
    """
    own = [readable_name(photo) for photo in photos]
    shared = Counter(name.casefold() for name in own)
    taken: set[str] = set()
    return tuple(
        free_name(name if shared[name.casefold()] == 1 else readable_name(Path(f"{photo.parent.name}-{name}")), taken)
        for photo, name in zip(photos, own, strict=True)
    )


def free_name(name: str, taken: set[str]) -> str:
    """The name, or path with slashes, and a number where it is taken, without case. From now on it is taken."""
    path, number, free = PurePosixPath(name), 2, name
    while free.casefold() in taken:
        free, number = str(path.with_name(f"{path.stem}-{number}{path.suffix}")), number + 1
    taken.add(free.casefold())
    return free
