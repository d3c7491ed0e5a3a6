"""A face engine that delegates pictures of the other domain to that domain's engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary, ref

import numpy as np
from PIL import Image

from easyphoto.faces.domain import DomainOf
from easyphoto.faces.engine import Covering, Domain, Face, FaceEngine, LikenessScale, Worn
from easyphoto.messages import note, text
from easyphoto.weights.catalog import UsedWeight

_MISSED = note(
    "photographs-not-looked-at",
    "Pictures without a drawn face were not searched for photographed faces, because YuNet is missing. "
    "Run: easyphoto weights get yunet",
)


class PairedEngine:
    """Satisfies `FaceEngine` for the domain of `own`.

    If `own` detects no face, or the largest one looks like the other domain, the picture is passed to the other engine
    as well. Each face is parsed by the engine of the domain it looks like, so callers need not track which engine found
    it. Only faces of the own domain are embedded, because cosines between the two domains are meaningless.
    """

    def __init__(
        self,
        own: FaceEngine,
        open_other: Callable[[], FaceEngine | None],
        domain_of: DomainOf,
        *,
        notes: tuple[str, ...] = (),
        decided: str = "it was chosen",
    ) -> None:
        """`open_other` is called when the other engine is first needed; it returns None when that is unavailable."""
        self._own, self._open_other, self._domain_of = own, open_other, domain_of
        self._opened: tuple[FaceEngine | None, ...] = ()
        self._opening = threading.Lock()
        # Cached, because classification runs a network and each face is detected, embedded, parsed and remarked on.
        self._looks: WeakKeyDictionary[Face, tuple[ref[Image.Image], Domain]] = WeakKeyDictionary()
        self._notes = (*notes, *own.notes)
        self.decided = decided
        """Why this engine was chosen: on request, or because of how the faces look."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes from opening, and `missed`."""
        return (*self._notes, *self.missed)

    @property
    def missed(self) -> tuple[str, ...]:
        """A note that the other engine was needed but not available; else empty."""
        return (_MISSED,) if self._opened == (None,) else ()

    @property
    def id(self) -> str:
        return self._own.id

    @property
    def domain(self) -> Domain:
        return self._own.domain

    @property
    def embedder(self) -> str | None:
        return self._own.embedder

    @property
    def same_person_limit(self) -> float | None:
        return self._own.same_person_limit

    @property
    def scale(self) -> LikenessScale | None:
        return self._own.scale

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The own engine's weights, and the other's once it was opened."""
        other = (file for engine in self._opened if engine is not None for file in engine.weights)
        return tuple(dict.fromkeys((*self._own.weights, *other)))

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        found = self._own.detect(picture)
        if found and self._is_own(picture, found[0]):
            return found
        other = self._other()
        return (other.detect(picture) if other is not None else ()) or found

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray | None:
        """(N,) float32 embedding of unit length; None without an embedder or for a face of the other domain."""
        if self.embedder is None or not self._is_own(picture, face):
            return None
        return self._own.embed(picture, face)

    def parse(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(height, width) uint8 part labels, by the engine of the domain the face looks like."""
        return self._engine_of(picture, face).parse(picture, face)

    def outlines_at(self, picture: Image.Image, face: Face) -> bool:
        return self._engine_of(picture, face).outlines_at(picture, face)

    def covering(self, picture: Image.Image, face: Face) -> Covering | None:
        """The covering by the engine of the domain the face looks like; if `own` also finds one, that of `own`.

        A mask has even colour like a drawing, so a masked face may look drawn.
        """
        found = self._engine_of(picture, face).covering(picture, face)
        return (self._own.covering(picture, face) or found) if found is not None else None

    def worn(self, picture: Image.Image, face: Face) -> frozenset[Worn] | None:
        return self._engine_of(picture, face).worn(picture, face)

    def remarks(self, picture: Image.Image, face: Face) -> tuple[str, ...]:
        """Remarks for the user about the face, as continuations of a sentence about it."""
        looks = self._looks_of(picture, face)
        if looks is self.domain:
            return ()
        said = {"looks": looks.looks, "kind": self.domain.said}
        if self.embedder is None:
            return (text("looks {looks}, while the person's photos are treated as {kind}", **said),)
        return (
            text(
                "looks {looks}, while the person's photos are treated as {kind}: its likeness cannot be measured",
                **said,
            ),
        )

    def _engine_of(self, picture: Image.Image, face: Face) -> FaceEngine:
        other = None if self._is_own(picture, face) else self._other()
        return other or self._own

    def _is_own(self, picture: Image.Image, face: Face) -> bool:
        return self._looks_of(picture, face) is self.domain

    def _looks_of(self, picture: Image.Image, face: Face) -> Domain:
        told = self._looks.get(face)
        if told is None or told[0]() is not picture:
            told = self._looks[face] = ref(picture), self._domain_of(picture, face)
        return told[1]

    def _other(self) -> FaceEngine | None:
        with self._opening:
            if not self._opened:
                self._opened = (self._open_other(),)
        return self._opened[0]
