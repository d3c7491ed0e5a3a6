"""What is missing of the catalogue's weights: what for, how large, under which licence, and whether it is allowed.

Files are looked for by name and size, so that a page may ask whenever a tab is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from easyphoto.architectures.base import Family
from easyphoto.faces.embedders import AUTOMATIC
from easyphoto.messages import Text, text
from easyphoto.weights.catalog import CATALOG, SETS, Commercial, WeightFile, files_named
from easyphoto.weights.store import WeightStore

PHOTOGRAPHS, CUT_OUT, RESTORE = "photographs", "cut-out", "restore"
_DETECTOR = "yunet"


@dataclass(frozen=True)
class WeightNeed:
    """A set, or a file, of which something is missing."""

    name: str
    """What `FetchWeights` takes."""
    title: Text
    without: Text
    """What cannot be done, or is not known, without it."""
    files: tuple[WeightFile, ...]
    """The missing files that may be fetched, or all missing ones where none may."""
    is_needed: bool
    """Whether likenesses, or pictures at all, depend on it."""
    is_allowed: bool
    """Whether the licence set allows what is missing."""
    bytes_begun: int
    """What interrupted downloads have left."""

    @property
    def bytes(self) -> int:
        return sum(file.bytes or 0 for file in self.files)

    @property
    def is_size_certain(self) -> bool:
        return all(file.bytes is not None for file in self.files)

    @property
    def licences(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(file.licence for file in self.files))

    @property
    def commercial(self) -> Commercial:
        """The least that one of the files allows."""
        found = {file.commercial for file in self.files}
        order = (Commercial.NO, Commercial.UNKNOWN, Commercial.YES)
        return next(each for each in order if each in found)


def weight_needs(store: WeightStore, families: Iterable[Family]) -> tuple[WeightNeed, ...]:
    """Return what is missing, the most important first; `families` are those that this machine paints with."""
    return tuple(need for need in _every(store, tuple(families)) if need is not None)


def need_of(store: WeightStore, name: str) -> WeightNeed | None:
    """Return what is missing of a set or file that an error names; None where it is at hand or not in the catalogue."""
    if name in CATALOG:
        # The set is what people want: the file's other half would be missing next.
        name = next((set for set, ids in SETS.items() if name in ids and set == PHOTOGRAPHS), name)
    if name not in CATALOG and name not in SETS:
        return None
    known = next((need for need in weight_needs(store, ()) if need.name == name), None)
    title = text("{names}", names=", ".join(file.name for file in files_named((name,))))
    return known or _need(store, name, title, text("Something that you asked for needs it."), is_needed=True)


def _every(store: WeightStore, families: Sequence[Family]) -> Iterator[WeightNeed | None]:
    yield _photographs(store)
    for family in families:
        yield _need(
            store, family.id, text("{family} outside a web UI", family=family.label),
            text("Without it portraits do not keep their template's pose and edges."), is_needed=True,
        ) if family.id in SETS else None  # fmt: skip
    yield _need(
        store, CUT_OUT, text("The outline of people"),
        text("Without it the outline around hair and shoulders is guessed from colours."), is_needed=False,
    )  # fmt: skip
    for family in families:
        yield _untrained(store, family)
    yield _need(
        store, RESTORE, text("Clearer and larger faces"),
        text("Only for the settings that restore faces or enlarge pictures."), is_needed=False,
    )  # fmt: skip


def _photographs(store: WeightStore) -> WeightNeed | None:
    has_embedder = any(store.is_there(id) and store.allows(id) for id in AUTOMATIC)
    if not store.is_there(_DETECTOR):
        without = text("Without it no face is found on a photograph, so photos and templates cannot be checked.")
    else:
        without = text("Without it, photos of somebody else are not noticed, and likeness cannot be measured.")
    skipped = AUTOMATIC if has_embedder else ()
    return _need(store, PHOTOGRAPHS, text("Finding and recognising faces"), without, is_needed=True, skipped=skipped)


def _untrained(store: WeightStore, family: Family) -> WeightNeed | None:
    """The way to photograph somebody without a training that no licence restricts."""
    engine = next((id for id, models in family.identities.items() if models.embedder is None), None)
    name = f"{engine}-{family.id}"
    if name not in SETS:
        return None
    title = text("Portraits without a training, on {family}", family=family.label)
    return _need(store, name, title, text("Without it a person must be trained first."), is_needed=False)


def _need(
    store: WeightStore, name: str, title: Text, without: Text, *, is_needed: bool, skipped: Sequence[str] = ()
) -> WeightNeed | None:
    """Return the need; None where everything is at hand. A refused file with a stand-in is not missed."""
    files = files_named((name,))
    ids = {file.id for file in files}
    missed = [file for file in files if file.id not in skipped and not store.is_there(file.id)]
    missed = [file for file in missed if store.allows(file.id) or file.alternative not in ids]
    if not missed:
        return None
    is_allowed = all(store.allows(file.id) for file in missed)
    begun = sum(store.bytes_begun(file.id) for file in missed)
    return WeightNeed(name, title, without, tuple(missed), is_needed, is_allowed, begun)
