"""The photos that were named, and the verdicts on them as a table and as a sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from easyphoto.cli.output import table, tell
from easyphoto.errors import InputError
from easyphoto.messages import joined, text
from easyphoto.spelling import meant

if TYPE_CHECKING:
    from easyphoto.commands.base import Context
    from easyphoto.preprocess.verdict import Check
    from easyphoto.workspace.folders import Workspace


@contextmanager
def typed_photos(named: Sequence[Path] | None, workspace: Workspace, context: Context) -> Iterator[tuple[Path, ...]]:
    """The photos for a command; empty where none were named. The context hears what is to be said of them."""
    if named is None:
        yield ()
        return
    from easyphoto.persons.photo_sources import found_photos

    with found_photos(named, workspace.arriving) as found:
        for note in found.notes:
            context.note(note)
        yield found.photos


def say_verdicts(found: Check, say: Callable[[str], None]) -> None:
    rows = [
        (
            verdict.photo,
            "kept" if verdict.kept else verdict.reason.value if verdict.reason else "set aside",
            "–" if verdict.identity is None else f"{verdict.identity:.2f}",
            f"{verdict.quality:.2f}",
            "the reference photo"
            if verdict.photo == found.reference
            else f"{verdict.explanation} {verdict.advice}".strip(),
        )
        for verdict in found.verdicts
    ]
    for line in table(("photo", "verdict", "identity", "quality", ""), rows):
        say(line)
    for note in found.notes:
        say(f"Note: {note}")
    if found.question is not None:
        say("Another reference photo: --reference FILE. With --sheet DIR it is shown large.")
    say(f"{len(found.kept)} of {len(found.verdicts)} photos are kept.")


def write_sheet(found: Check, folder: Path | None) -> None:
    if folder is None:
        return
    from easyphoto.preprocess.sheet import write_check

    for written in write_check(found, folder):
        tell(f"Written: {written}")


def chosen_faces(typed: Sequence[tuple[str, int]], photos: Sequence[Path]) -> dict[str, int]:
    """Return photo → number of its face. Raises InputError for a photo that is not among them.

    No photos are those that the person keeps, which the training looks up.
    """
    from easyphoto.preprocess.names import photo_names

    known = {*photo_names(photos), *(photo.name for photo in photos)}
    for name, _ in typed:
        if photos and name not in known:
            raise InputError(
                text("{name} is not among the {count} photos.", name=name, count=len(photos)),
                advice=joined((*meant(name, known), text("--face takes the photo's file name.")), " "),
            )
    return dict(typed)
