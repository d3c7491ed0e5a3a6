"""The host's face restorers and upscalers as finishing steps. When they fail, they silently return their input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from easyphoto.backends.memory import out_of_memory_named
from easyphoto.errors import BackendError, EasyPhotoError, InputError
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.messages import text
from easyphoto.model_cache import Lease
from easyphoto.progress import Progress
from easyphoto.restoration import opening
from easyphoto.restoration.base import FACE_SIDE, Finisher, Restorer, Upscaler
from easyphoto.restoration.opening import NONE
from easyphoto.settings.inference import InferenceSettings
from easyphoto.webui.generation import Lock, ScriptErrors, turn
from easyphoto.webui.host_modules import host_module
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.store import WeightStore

# Our setting's value → the host's name of the same network.
_RESTORERS: Mapping[str, str] = MappingProxyType({"gfpgan": "GFPGAN"})
_UPSCALERS: Mapping[str, str] = MappingProxyType(
    {"realesrgan-x4plus": "R-ESRGAN 4x+", "realesrgan-x2plus": "R-ESRGAN 2x+"}
)
# The host crops an enlarged picture to multiples of this, in pixels.
_MULTIPLE = 8
_PLAIN = ("Lanczos", "Nearest")


def restorer_names() -> tuple[str, ...]:
    every = getattr(host_module("shared"), "face_restorers", ())
    return tuple(name for each in every if (name := str(each.name())).lower() != NONE)


def upscaler_names() -> tuple[str, ...]:
    every = getattr(host_module("shared"), "sd_upscalers", ())
    return tuple(str(each.name) for each in every if str(each.name).lower() != NONE)


class HostRestorer:
    """One of the host's face restorers. It detects the face itself, in the upright square (RGB) that it is given."""

    weights: tuple[UsedWeight, ...] = ()
    changes_only = False

    def __init__(self, network: Any, lock: Lock | None = None) -> None:
        self._network, self._lock = network, lock

    def restore(self, face: Image.Image) -> Image.Image:
        if face.size != (FACE_SIDE, FACE_SIDE):
            raise ValueError(f"a face of {face.width}×{face.height} is not {FACE_SIDE}×{FACE_SIDE}")
        name, given = str(self._network.name()), as_array(face)
        with turn(self._lock):
            answer = _asked(name, lambda: self._network.restore(given.copy()))
        restored = np.asarray(answer, np.uint8)
        if restored.shape != given.shape or (restored == given).all():
            raise BackendError(
                text("{name} returned the face unchanged.", name=name),
                advice=text("Its file could not be loaded, or it found no face; see the web UI's log."),
            )
        return as_picture(restored)


class HostUpscaler:
    """One of the host's upscalers, at its own factor."""

    weights: tuple[UsedWeight, ...] = ()

    def __init__(self, data: Any, lock: Lock | None = None) -> None:
        self._data, self._lock = data, lock
        self.factor = max(1, round(float(data.scale)))

    def upscale(self, picture: Image.Image, progress: Progress) -> Image.Image:
        progress.check()
        name, padded = str(self._data.name), _padded(picture)
        with turn(self._lock) as ours:
            answer = _asked(name, lambda: self._data.scaler.upscale(padded, self.factor, self._data.data_path))
            ours.require_going_on()
        wanted = (self.factor * padded.width, self.factor * padded.height)
        if answer.size != wanted or self._is_plain(padded, answer):
            raise BackendError(
                text("{name} did not enlarge the picture.", name=name),
                advice=text("Its file could not be loaded; see the web UI's log."),
            )
        progress.step(1, 1)
        return answer.convert("RGB").crop((0, 0, self.factor * picture.width, self.factor * picture.height))

    def _is_plain(self, picture: Image.Image, answer: Image.Image) -> bool:
        """Return whether `answer` is the plain resize that the host falls back to without a network."""
        if self.factor == 1 or str(self._data.name) in _PLAIN:
            return False
        plain = picture.resize(answer.size, Image.Resampling.LANCZOS)
        return bool((np.asarray(plain) == np.asarray(answer.convert("RGB"))).all())


def open_host_finisher(
    settings: InferenceSettings,
    store: WeightStore,
    progress: Progress,
    models: Lease | None = None,
    *,
    lock: Lock | None = None,
) -> Finisher | None:
    """Open the host's networks by its names or ours, and ours if the host has none like it; None if none is asked for.

    A missing network becomes a note. Raises InputError for a name that neither knows.
    """
    if opening.asks_for_nothing(settings):
        return None
    return opening.finisher_of(
        lambda: _restorer(settings.restore, store, progress, models, lock=lock),
        lambda: _upscaler(settings.upscale, store, progress, models, lock=lock),
    )


def _restorer(
    name: str, store: WeightStore, progress: Progress, models: Lease | None, *, lock: Lock | None
) -> Restorer | None:
    if name in opening.OURS:
        return opening.open_restorer(name, store, progress, models)
    wanted = _RESTORERS.get(name, name)
    for each in getattr(host_module("shared"), "face_restorers", ()):
        if str(each.name()) == wanted:
            return HostRestorer(each, lock)
    _require_known(name, restorer_names(), (*opening.OURS, *opening.RESTORERS), what="face restorer")
    return opening.open_restorer(name, store, progress, models)


def _upscaler(
    name: str, store: WeightStore, progress: Progress, models: Lease | None, *, lock: Lock | None
) -> Upscaler | None:
    wanted = _UPSCALERS.get(name, name)
    for each in getattr(host_module("shared"), "sd_upscalers", ()):
        if name != NONE and str(each.name) == wanted:
            return HostUpscaler(each, lock)
    _require_known(name, upscaler_names(), (NONE, *opening.UPSCALERS), what="upscaler")
    return opening.open_upscaler(name, store, progress, models)


def _require_known(name: str, there: tuple[str, ...], ours: Iterable[str], *, what: str) -> None:
    if name not in ours:
        raise InputError(
            text("There is no {kind} {name!r}.", kind=what, name=name),
            advice=text("Known: {names}.", names=", ".join((*ours, *there))),
        )


def _asked(name: str, ask: Callable[[], Any]) -> Any:
    """Return the host's answer. Raises BackendError for a failure, reported or silent."""
    faults = ScriptErrors()
    try:
        with out_of_memory_named():
            answer = ask()
    except EasyPhotoError:
        raise
    except Exception as error:  # a host's network may fail at anything
        raise BackendError(
            text("{name} failed ({kind}: {error}).", name=name, kind=type(error).__name__, error=error)
        ) from error
    if said := faults.new():
        raise BackendError(
            text("{name} failed: {reason}.", name=name, reason=said[-1]), advice=text("See the web UI's log.")
        )
    return answer


def _padded(picture: Image.Image) -> Image.Image:
    """Repeat the edges to the right and below up to `_MULTIPLE`, so that the host crops nothing."""
    pixels = as_array(picture)
    rows, columns = -picture.height % _MULTIPLE, -picture.width % _MULTIPLE
    return as_picture(np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge"))
