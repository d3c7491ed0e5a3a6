"""Opening the restorer and the upscaler that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from easyphoto.errors import EnvironmentFailure, InputError, MissingCapability, OutOfMemory
from easyphoto.messages import note, text
from easyphoto.model_cache import Lease, bytes_of_files, file_key, no_models
from easyphoto.progress import Progress
from easyphoto.restoration.base import Finisher, Restorer, Upscaler
from easyphoto.settings.inference import InferenceSettings
from easyphoto.weights.catalog import weight_file
from easyphoto.weights.store import WeightStore

N = TypeVar("N")
NONE = "none"
# Value of the setting → id in the weight catalogue.
RESTORERS = {"gfpgan": "gfpgan-1.4", "restoreformer": "restoreformer"}
UPSCALERS = {"realesrgan-x4plus": "realesrgan-x4plus", "realesrgan-x2plus": "realesrgan-x2plus"}


def open_finisher(
    settings: InferenceSettings, store: WeightStore, progress: Progress, models: Lease | None = None
) -> Finisher | None:
    """The restorer and upscaler the settings ask for; one that is unavailable becomes a note. None if both are off."""
    if settings.restore == NONE and settings.upscale == NONE:
        return None
    return finisher_of(
        lambda: open_restorer(settings.restore, store, progress, models),
        lambda: open_upscaler(settings.upscale, store, progress, models),
    )


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
    """The restorer of that name, its file downloaded if needed; None for "none".

    Raises InputError for an unknown name, MissingCapability without spandrel, and the store's errors.
    """
    if name == NONE:
        return None
    id = known(name, RESTORERS, "face restorer")
    from easyphoto.restoration.networks import FaceNetwork, library

    library()  # fail before a file of 350 MB is downloaded in vain
    return _borrowed(FaceNetwork, id, store, progress, models)


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
    """Lines for the doctor: spandrel, then each file. Missing ones are reported, but not as problems."""
    from easyphoto.restoration.networks import library

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


def known(name: str, names: dict[str, str], kind: str) -> str:
    """The catalogue id of a name. Raises InputError that lists the known names."""
    if name not in names:
        raise InputError(
            text("There is no {kind} {name!r}.", kind=kind, name=name),
            advice=text("Known: {names}.", names=", ".join((NONE, *names))),
        )
    return names[name]
