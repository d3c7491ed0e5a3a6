"""Registers that a command works on persons, so that a deletion can stop it, and completes interrupted operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from easyphoto.app import EasyPhoto
from easyphoto.errors import RunBusy
from easyphoto.messages import text
from easyphoto.persons.upkeep import finish_begun
from easyphoto.progress import NullProgress, Progress
from easyphoto.storage import journal


def settle(app: EasyPhoto, persons: Iterable[str] | None = None) -> None:
    """Complete interrupted operations on these persons, or on all.

    Raises RunBusy while one of them is still being deleted: a new person of that id would be deleted with the old one.
    """
    ids = None if persons is None else frozenset(map(app.workspace.id_of, persons))
    finish_begun(app.workspace, app.host, ids)
    if stuck := sorted(journal.doomed(app.workspace.root) & (ids or frozenset())):
        raise RunBusy(
            text("{id} is being deleted but is still in use.", id=stuck[0]),
            advice=text("Wait until that is done, or choose another name."),
        )


@contextmanager
def at_work(
    app: EasyPhoto, names: Sequence[str], progress: Progress | None = None, *, known: bool = True
) -> Iterator[Progress]:
    """Register work on persons: a deletion sees it, and stops it through the progress that is yielded.

    Interrupted operations on the persons are completed first. With `known` they must exist: raises UnknownPerson.
    """
    settle(app, names)
    ids = [app.workspace.person(name).id for name in names] if known else [*map(app.workspace.id_of, names)]
    with journal.at_work(app.workspace.root, journal.names_of(ids), progress or NullProgress()) as watched:
        yield watched
