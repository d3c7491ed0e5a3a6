"""Selection and opening of the face engine: the requested one, or the one for the domain of the pictures' faces."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from easyphoto.architectures.registry import FAMILIES
from easyphoto.errors import EnvironmentFailure, InputError
from easyphoto.faces.domain import DomainChoice, FaceFinder, chosen_domain, domain_of_score, drawn_score, say_so
from easyphoto.faces.embedders import EMBEDDERS, Embedder, opened_embedder
from easyphoto.faces.engine import Domain, Face, FaceEngine
from easyphoto.faces.paired_engine import PairedEngine
from easyphoto.faces.photo_opening import automatic_files, open_detector, open_photo_engine, photo_lines
from easyphoto.messages import Text, note, text
from easyphoto.model_cache import Lease, bytes_of_files, file_key, no_models
from easyphoto.progress import NullProgress, Progress
from easyphoto.settings.options import FaceSettings
from easyphoto.weights.store import WeightStore

if TYPE_CHECKING:
    from easyphoto.faces.drawn_engine import DrawnEngine
    from easyphoto.faces.photo_engine import PhotoEngine

ENGINES = (Domain.DRAWINGS.value, Domain.PHOTOGRAPHS.value)
_AS_DECLARED = FaceSettings()


def open_engine(
    name: str,
    store: WeightStore,
    progress: Progress,
    faces: FaceSettings = _AS_DECLARED,
    *,
    models: Lease | None = None,
) -> FaceEngine:
    """The engine `drawings` or `photographs`, paired with the other one; `faces` selects the parts for photographs.

    Raises InputError for an unknown name, and WeightsMissing or another EnvironmentFailure, with advice, when its files
    are unavailable or cannot be run.
    """
    if name not in ENGINES:
        raise InputError(
            text("There is no face engine {name!r}.", name=name),
            advice=text("Choose one of: {choices}.", choices=", ".join(ENGINES)),
        )
    return _Engines(store, progress, faces, models or no_models()).opened(Domain(name))


def engine_lines(store: WeightStore) -> Iterator[str]:
    """For doctor: one status line per part of the engine for photographs; `!` marks lines about something to fix."""
    yield from photo_lines(store)


def embedder_with_id(id: str, store: WeightStore, progress: Progress, *, models: Lease | None = None) -> Embedder:
    """The embedder of that id, for photographs or drawings. An identity's vectors hold with their own embedder only.

    Raises InputError for an unknown id, and otherwise like `open_embedder`.
    """
    models = models or no_models()
    if id in {known.id for known in EMBEDDERS}:
        place = store.require(id, progress)
        key = ("embedder", id, file_key(place))
        return models.borrow(key, lambda: opened_embedder(id, store, progress), size=lambda _: bytes_of_files((place,)))
    from easyphoto.faces.drawn_embedder import DrawnEmbedder  # imports torch

    folder = _drawings_folder()
    drawn = models.borrow(
        ("drawings' embedder", file_key(folder)),
        lambda: DrawnEmbedder(folder),
        size=lambda embedder: bytes_of_files((embedder.file,)),
    )
    return drawn if drawn.id == id else opened_embedder(id, store, progress)


def choose_engine(
    photos: Sequence[Path],
    store: WeightStore,
    progress: Progress,
    faces: FaceSettings = _AS_DECLARED,
    *,
    models: Lease | None = None,
) -> FaceEngine:
    """The engine for the domain of most pictures' faces; its notes state the assumption.

    Without any detected face it is the one for photographs. When its detector is unavailable, photographs are not
    analysed as drawings instead: raises like `open_engine`, with advice on how to choose drawings explicitly.
    """
    engines = _Engines(store, progress, faces, models or no_models())
    choice = chosen_domain(photos, engines.finders, engines.domain_of, progress)
    if choice is not None and choice.domain is Domain.DRAWINGS:
        return engines.opened(Domain.DRAWINGS, choice)
    try:
        return engines.opened(Domain.PHOTOGRAPHS, choice)
    except EnvironmentFailure as error:
        error.advice = text(
            "{advice} It is needed because {why}; if they are drawings, {say_so}.",
            advice=error.advice,
            why=choice.why if choice is not None else text("no drawn face was found"),
            say_so=say_so(Domain.DRAWINGS),
        )
        raise


@dataclass(frozen=True)
class _Engines:
    """The engines of both domains, each opened on first use."""

    store: WeightStore
    progress: Progress
    faces: FaceSettings
    models: Lease
    _opening: threading.RLock = field(default_factory=threading.RLock)

    def opened(self, domain: Domain, choice: DomainChoice | None = None) -> FaceEngine:
        notes = (_assumed(choice),) if choice is not None else ()
        decided = choice.why if choice is not None else text("it was chosen")
        if domain is Domain.DRAWINGS:
            return PairedEngine(self.drawn, lambda: self.photo_at_hand, self.domain_of, notes=notes, decided=decided)
        own = self._photo_engine(self.store, self.progress, self.faces)
        return PairedEngine(own, lambda: self.drawn, self.domain_of, notes=notes, decided=decided)

    @property
    def drawn(self) -> DrawnEngine:
        # Several threads may be the first to need it.
        with self._opening:
            return self._drawn

    @cached_property
    def _drawn(self) -> DrawnEngine:
        from easyphoto.faces.drawn_engine import DrawnEngine  # imports torch, which takes a second or more

        folder = _drawings_folder()
        return self.models.borrow(
            ("drawings", file_key(folder)), lambda: DrawnEngine(folder), size=lambda _: bytes_of_files((folder,))
        )

    @cached_property
    def photo_at_hand(self) -> FaceEngine | None:
        """An engine for photographs that only detects and parses, without downloads; None without its detector."""
        parts = replace(self.faces, embedder="none")
        try:
            return self._photo_engine(replace(self.store, offline=True), NullProgress(), parts)
        except EnvironmentFailure:
            return None

    def _photo_engine(self, store: WeightStore, progress: Progress, parts: FaceSettings) -> PhotoEngine:
        # A file that somebody puts into a folder by hand changes what `auto` takes, and not the store's state.
        key = ("photographs", parts, store.state, automatic_files(store, parts))
        engine = self.models.borrow(
            key,
            lambda: open_photo_engine(store, progress, parts),
            size=lambda opened: store.bytes_of(opened.weights),
        )
        if engine.notes:
            # A part is missing. Opening it anew next time picks up what was downloaded in between.
            self.models.forget(key)
        return engine

    @property
    def finders(self) -> tuple[FaceFinder, ...]:
        """Detectors: the one for photographed faces, if its file is at hand, then the one for drawn faces."""
        try:
            detector = open_detector(self.faces.detector, replace(self.store, offline=True), NullProgress())
        except EnvironmentFailure:
            return (self._drawn_faces,)
        return detector.detect, self._drawn_faces

    def domain_of(self, picture: Image.Image, face: Face) -> Domain:
        return domain_of_score(drawn_score(picture, face, self.drawn.doubt(picture, face)))

    def _drawn_faces(self, picture: Image.Image) -> tuple[Face, ...]:
        return self.drawn.detect(picture)


def _drawings_folder() -> Path:
    return FAMILIES.default.folder / "faces"


def _assumed(choice: DomainChoice) -> Text:
    other = choice.domain.other
    return note(
        "kind-assumed",
        "Treated as {kind}, because {why}. If they are {other}, {say_so}.",
        kind=choice.domain.said,
        why=choice.why,
        other=other.said,
        say_so=say_so(other),
    )
