"""Opening the restorer and the upscaler that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import EnvironmentFailure, InputError, MissingCapability, OutOfMemory
from easyphoto.messages import note, text
from easyphoto.model_cache import Lease, bytes_of_files, file_key, no_models
from easyphoto.progress import Progress
from easyphoto.restoration.base import Finisher, Restorer, Upscaler
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import AUTO
from easyphoto.weights.catalog import weight_file
from easyphoto.weights.store import WeightStore

N = TypeVar("N")
NONE, DRAWN = "none", "drawn"
OURS = (NONE, AUTO, DRAWN)
"""Values of the setting for which no host has a network of its own."""
# Value of the setting → id in the weight catalogue.
RESTORERS = {"gfpgan": "gfpgan-1.4", "restoreformer": "restoreformer"}
UPSCALERS = {"realesrgan-x4plus": "realesrgan-x4plus", "realesrgan-x2plus": "realesrgan-x2plus"}


def open_finisher(
    settings: InferenceSettings, store: WeightStore, progress: Progress, models: Lease | None = None
) -> Finisher | None:
    """The restorer and upscaler the settings ask for; one that is unavailable becomes a note. None if both are off."""
    if asks_for_nothing(settings):
        return None
    return finisher_of(
        lambda: open_restorer(settings.restore, store, progress, models),
        lambda: open_upscaler(settings.upscale, store, progress, models),
    )


def asks_for_nothing(settings: InferenceSettings) -> bool:
    """Whether both are off. "auto" alone asks for nothing: what it means for a family and its faces is the caller's."""
    return settings.restore in (NONE, AUTO) and settings.upscale == NONE


def finisher_of(restorer: Callable[[], Restorer | None], upscaler: Callable[[], Upscaler | None]) -> Finisher:
    """Open both networks with these functions; one that is unavailable becomes a note."""
    notes: list[str] = []
    opened_restorer, opened_upscaler = None, None
    try:
        opened_restorer = restorer()
    except (EnvironmentFailure, OutOfMemory) as error:
        notes.append(note("restoration-left-out", "Face restoration was left out. {error}", error=error))
    try:
        opened_upscaler = upscaler()
    except (EnvironmentFailure, OutOfMemory) as error:
        notes.append(note("enlargement-left-out", "The enlargement was left out. {error}", error=error))
    return Finisher(opened_restorer, opened_upscaler, tuple(notes))


def open_restorer(name: str, store: WeightStore, progress: Progress, models: Lease | None = None) -> Restorer | None:
    """The restorer of that name, its file downloaded if needed; None for "none" and "auto".

    Raises InputError for an unknown name, MissingCapability without spandrel, WeightsMissing where the restorer of
    drawn faces is gone, and the store's errors.
    """
    if name in (NONE, AUTO):
        return None
    if name == DRAWN:
        return open_drawn(models)
    id = known(name, RESTORERS, "face restorer", also=OURS)
    from easyphoto.restoration.networks import FaceNetwork, library

    library()  # fail before a file of 350 MB is downloaded in vain
    return _borrowed(FaceNetwork, id, store, progress, models)


def drawn_file() -> Path:
    """The file of the restorer of drawn faces, which the family that draws them brings."""
    folder = next(family.folder for family in FAMILIES.values() if family.restorer == DRAWN)
    return folder / "restorer" / "face.safetensors"


def open_drawn(models: Lease | None = None) -> Restorer:
    """The restorer of drawn faces. Raises WeightsMissing where its file is gone."""
    from easyphoto.restoration.drawn import DrawnRestorer

    file = drawn_file()
    key = ("restoration", DRAWN, file_key(file))
    return (models or no_models()).borrow(key, lambda: DrawnRestorer(file), size=lambda _: bytes_of_files((file,)))


def open_upscaler(name: str, store: WeightStore, progress: Progress, models: Lease | None = None) -> Upscaler | None:
    """The upscaler of that name, its file downloaded if needed; None for "none". Raises like `open_restorer`."""
    if name == NONE:
        return None
    id = known(name, UPSCALERS, "upscaler")
    from easyphoto.restoration.networks import EnlargingNetwork, library

    library()
    return _borrowed(EnlargingNetwork, id, store, progress, models)


def _borrowed(network: Callable[..., N], id: str, store: WeightStore, progress: Progress, models: Lease | None) -> N:
    file = store.require(id, progress)
    return (models or no_models()).borrow(
        ("restoration", id, file_key(file)),
        lambda: network(file, weights=(store.used(id),)),
        size=lambda _: bytes_of_files((file,)),
    )


def restoration_lines(store: WeightStore) -> Iterator[str]:
    """Lines for the doctor: what ships, spandrel, then each file. Those to download are no problem where they miss."""
    from easyphoto.restoration.networks import library

    if drawn_file().is_file():
        yield f"  {DRAWN}: there"
    else:
        yield f"! {DRAWN}: missing in {drawn_file().parent}, restore it from the repository"
    try:
        library()
        yield "  spandrel: there"
    except MissingCapability as error:
        yield f"  spandrel: {error}"
    for name, id in (RESTORERS | UPSCALERS).items():
        if not store.allows(id):
            yield f"  {name}: refused by the licence set ({weight_file(id).licence})"
            continue
        yield f"  {name}: " + ("there" if store.find(id) else "not at hand, fetched when chosen")


def known(name: str, names: dict[str, str], kind: str, *, also: tuple[str, ...] = (NONE,)) -> str:
    """The catalogue id of a name. Raises InputError that lists the known names; `also` are those of no such id."""
    if name not in names:
        raise InputError(
            text("There is no {kind} {name!r}.", kind=kind, name=name),
            advice=text("Known: {names}.", names=", ".join((*also, *names))),
        )
    return names[name]
