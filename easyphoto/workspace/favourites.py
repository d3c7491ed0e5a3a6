"""The favourites among a session's pictures: a record in the session's folder, which is deleted with it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from easyphoto.errors import EasyPhotoError, UnknownJob
from easyphoto.messages import text
from easyphoto.storage.records import read_json, write_json
from easyphoto.workspace.folders import texts_in

FAVOURITES_FILE = "favourites.json"


def favourites_in(session: Path) -> frozenset[str]:
    """Return the names of the favourites; none for a damaged record."""
    file = session / FAVOURITES_FILE
    if file.is_file():
        with suppress(EasyPhotoError):
            return frozenset(texts_in(read_json(file), "pictures"))
    return frozenset()


def change_favourite(picture: Path) -> bool:
    """Mark the picture, or take its mark away; returns whether it is a favourite now. Raises UnknownJob."""
    if not picture.is_file():
        raise UnknownJob(text("The picture {name} is gone.", name=picture.name), advice=text("Choose another one."))
    marked = favourites_in(picture.parent) ^ {picture.name}
    write_json(picture.parent / FAVOURITES_FILE, {"pictures": sorted(marked)})
    return picture.name in marked
