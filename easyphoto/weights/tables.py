"""The catalogue as text, for docs/weights.md, the command line and `easyphoto doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from easyphoto.errors import LicenceRefused
from easyphoto.progress import Progress
from easyphoto.weights.catalog import CATALOG, LEFT_OUT, SETS, LicenceSet
from easyphoto.weights.delivery import order_of
from easyphoto.weights.entries import WeightFile
from easyphoto.weights.proxies import proxy_for, unusable
from easyphoto.weights.sources import hub_endpoint, shown_url
from easyphoto.weights.store import WeightStore


def weights_lines(store: WeightStore) -> Iterator[str]:
    """Lines for `doctor`: where files are searched and how many are at hand; problems begin with `!`."""
    yield f"  licences: {store.licences.value}; {'offline' if store.is_offline else 'missing files are fetched'}"
    yield f"  mirrors (EASYPHOTO_WEIGHTS_MIRROR): {', '.join(map(str, store.mirrors)) or 'none'}"
    yield from (f"! mirror {mirror} is no folder" for mirror in store.mirrors if not mirror.is_dir())
    yield from _proxy_lines()
    if store.also:
        yield f"  also looked in: {', '.join(map(str, store.also))}"
    found = {id: store.find(id) for id in CATALOG}
    for file in CATALOG.values():
        own = store.root / file.path
        if store.allows(file.id) and found[file.id] is None and own.is_file():
            yield f"! {own} is not the file it should be; easyphoto weights check says more"
    here, refused = sum(place is not None for place in found.values()), sum(not store.allows(id) for id in CATALOG)
    yield (
        f"  weights: {here} of {len(CATALOG)} files of the catalogue are at hand, {refused} are refused; "
        "easyphoto weights list names them"
    )


def _proxy_lines() -> Iterator[str]:
    proxy = proxy_for(hub_endpoint())
    if proxy is not None:
        yield f"! {unusable(proxy)}" if proxy.is_socks else f"  downloads go through {proxy.named}"


def where_words(store: WeightStore, file: WeightFile, progress: Progress) -> str:
    """Where the file lies, or why it is not used, in words."""
    if not store.allows(file.id):
        instead = f"; {file.alternative} instead" if file.alternative else ""
        return f"refused in {store.licences.value}{instead}"
    place = store.find(file.id, progress)
    return str(place) if place else "not at hand"


def set_rows(licences: LicenceSet) -> list[tuple[str, str, str]]:
    """Each set with the files that are fetched for it, and those that the licence set excludes.

    None are fetched where what is excluded makes the others useless.
    """
    rows = []
    for name, ids in SETS.items():
        refused = tuple(id for id in ids if not licences.allows(CATALOG[id].commercial))
        try:
            fetched = ", ".join(file.id for file in order_of((name,), licences).files)
        except LicenceRefused:
            fetched = "none"
        rows.append((name, fetched, ", ".join(refused) or "–"))
    return rows


def listing(store: WeightStore, progress: Progress) -> dict[str, Any]:
    """The whole catalogue and the files at hand, as JSON for programs."""
    files = [_record(store, file, progress) for file in CATALOG.values()]
    left_out = [{"what": what, "why": why} for what, why in LEFT_OUT]
    sets = {name: list(ids) for name, ids in SETS.items()}
    return {"format": 1, "licences": store.licences.value, "sets": sets, "files": files, "left_out": left_out}


def size_words(file: WeightFile) -> str:
    return f"{file.bytes / 1e6:,.1f} MB" if file.bytes else "–"


def _record(store: WeightStore, file: WeightFile, progress: Progress) -> dict[str, Any]:
    place = store.find(file.id, progress)
    return {
        "id": file.id,
        "file": file.path,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "licence": file.licence,
        "commercial": file.commercial.value,
        "allowed": store.allows(file.id),
        "alternative": file.alternative,
        "origin": file.origin,
        "needed_by": file.needed_by,
        "urls": [shown_url(source) for form in file.forms for source in form.sources],
        "at_hand": str(place) if place else None,
        "at_hand_sha256": store.hash_of(place) if place else None,
    }
