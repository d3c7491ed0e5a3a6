"""Alternatives to the built-in warp for face fusion, and their selection."""

from __future__ import annotations

from typing import Protocol

from PIL import Image

from easyphoto.errors import EasyPhotoError, EnvironmentFailure, InputError
from easyphoto.faces.engine import Face
from easyphoto.faces.inswapper import INSWAPPER, open_inswapper
from easyphoto.messages import text
from easyphoto.model_cache import Lease, no_models
from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.store import WeightStore

WARP = "warp"


class Fuser(Protocol):
    """Replaces one person's face by another's, instead of the built-in warp."""

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def fused(self, source: Image.Image, source_face: Face, target: Image.Image, target_face: Face) -> Image.Image:
        """`target` with the face of `source`. Raises EasyPhotoError or ValueError when that fails."""
        ...


class NoFuser:
    """Placeholder for a fuser that could not be opened: raises the reason for every picture, so the warp is used."""

    weights: tuple[UsedWeight, ...] = ()

    def __init__(self, reason: EasyPhotoError) -> None:
        self._reason = reason

    def fused(self, source: Image.Image, source_face: Face, target: Image.Image, target_face: Face) -> Image.Image:
        raise self._reason


def open_fuser(name: str, store: WeightStore, progress: Progress, models: Lease | None = None) -> Fuser | None:
    """The fuser of that name; None for "warp", the built-in one. Raises InputError for an unknown name."""
    if name == WARP:
        return None
    if name != INSWAPPER:
        raise InputError(
            text("There is no fusion {name!r}.", name=name),
            advice=text("Known: {warp}, {inswapper}.", warp=WARP, inswapper=INSWAPPER),
        )
    try:
        return (models or no_models()).borrow(
            ("fuser", name, store.state),
            lambda: open_inswapper(store, progress),
            size=lambda opened: store.bytes_of(opened.weights),
        )
    except EnvironmentFailure as error:
        return NoFuser(error)
