"""The known face embedders for photographs: their files, the packages that run them, and published limits."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from easyphoto.errors import InputError
from easyphoto.faces.crop import CropRecipe
from easyphoto.faces.engine import Face, LikenessScale
from easyphoto.faces.likeness_scale import kept_scale, read_scale, scale_file
from easyphoto.messages import text
from easyphoto.progress import Progress
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.store import WeightStore


class Embedder(Protocol):
    """Embeds a photographed face; a high cosine similarity means the same person."""

    @property
    def id(self) -> str: ...

    @property
    def scale(self) -> LikenessScale | None:
        """How to interpret its cosines; None when this was neither measured nor published."""
        ...

    @property
    def weights(self) -> tuple[UsedWeight, ...]: ...

    def vector(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(N,) float32 numbers as the network gives them, of whatever length; `picture` is RGB.

        Some identity adapters were trained on these and some on unit vectors. `backends.face_tokens` takes these and
        normalises where its adapter wants it, because the wrong ones cause no error, only a weaker or burnt face.
        """
        ...

    def embed(self, picture: Image.Image, face: Face) -> np.ndarray:
        """(N,) float32 embedding: `vector` at unit length."""
        ...


class Reader(str, Enum):
    """The package that runs an embedder's file."""

    ARCFACE = "onnxruntime"
    SFACE = "cv2"
    CURRICULAR = "torch"


@dataclass(frozen=True)
class KnownEmbedder:
    """One embedder of the weight catalogue. Embeddings of mirrored faces are not averaged in."""

    id: str
    """Id, also in the weight catalogue."""
    reader: Reader
    recipe: CropRecipe = field(default_factory=CropRecipe)
    """Used by `Reader.ARCFACE` only; the other networks have a fixed one."""
    published_limit: float | None = None
    """The cosine from which its publishers take two faces for one person."""
    published_by: str = ""
    """Source of `published_limit`."""


EMBEDDERS = (
    KnownEmbedder("auraface", Reader.ARCFACE),
    KnownEmbedder(
        "sface", Reader.SFACE, published_limit=0.363,
        published_by="OpenCV's tutorial on FaceRecognizerSF: best accuracy on LFW, 99.60 %",
    ),
    KnownEmbedder(
        "buffalo_l", Reader.ARCFACE, published_limit=0.28,
        published_by="InsightFace's example web-demos/src_recognition with w600k_r50.onnx",
    ),
    KnownEmbedder("antelopev2", Reader.ARCFACE),
    KnownEmbedder("curricularface", Reader.CURRICULAR),
)  # fmt: skip
AUTOMATIC = ("auraface", "sface")
"""The embedders that "auto" looks for, in this order; both allow commercial use."""
_NONE, _AUTO = "none", "auto"


def open_embedder(name: str, store: WeightStore, progress: Progress) -> Embedder | None:
    """The embedder of that name, downloaded if necessary; None for "none", or when "auto" finds no file.

    Raises InputError for an unknown name, the store's errors, and EnvironmentFailure when it cannot be run.
    """
    if name == _NONE:
        return None
    if name == _AUTO:
        for known in map(known_embedder, AUTOMATIC):
            file = store.find(known.id) if _runs(known.reader) else None
            if file is not None:
                return _opened(known, file, store)
        return None
    return opened_embedder(name, store, progress)


def opened_embedder(id: str, store: WeightStore, progress: Progress) -> Embedder:
    """The embedder of that id, downloaded if necessary. Raises like `open_embedder`."""
    known = known_embedder(id)
    return _opened(known, store.require(known.id, progress), store)


def known_embedder(id: str) -> KnownEmbedder:
    """The entry with that id. Raises InputError, with the known ids, when there is none."""
    for known in EMBEDDERS:
        if known.id == id:
            return known
    names = ", ".join((_AUTO, _NONE, *(known.id for known in EMBEDDERS)))
    raise InputError(
        text("There is no face recognition model {id!r}.", id=id), advice=text("Known: {names}.", names=names)
    )


def embedder_lines(store: WeightStore) -> Iterator[str]:
    """One status line per embedder; lines about something to fix begin with "! "."""
    for known in EMBEDDERS:
        yield _line(known, store)


def _opened(known: KnownEmbedder, file: Path, store: WeightStore) -> Embedder:
    used = store.used(known.id)
    scale = _scale(known, store, used)
    match known.reader:
        case Reader.ARCFACE:
            from easyphoto.faces.arcface import ArcFaceEmbedder

            return ArcFaceEmbedder(file, known.recipe, id=known.id, scale=scale, weights=(used,))
        case Reader.SFACE:
            from easyphoto.faces.sface import SFaceEmbedder

            return SFaceEmbedder(file, id=known.id, scale=scale, weights=(used,))
        case Reader.CURRICULAR:
            from easyphoto.faces.curricular import CurricularEmbedder

            return CurricularEmbedder(file, id=known.id, scale=scale, weights=(used,))


def _scale(known: KnownEmbedder, store: WeightStore, used: UsedWeight) -> LikenessScale | None:
    """The scale measured here, else the shipped one, else the published limit."""
    kept = kept_scale(store.root, known.id, sha256=used.sha256)
    if kept is not None or known.published_limit is None:
        return kept
    return LikenessScale(known.id, (), known.published_limit, known.published_by)


def _runs(reader: Reader) -> bool:
    return importlib.util.find_spec(reader.value) is not None


def _line(known: KnownEmbedder, store: WeightStore) -> str:
    start = f"embedder {known.id}:"
    if not store.allows(known.id):
        return f"  {start} refused by the licence set {store.licences.value}"
    if store.find(known.id) is None:
        return f"  {start} not at hand (easyphoto weights get {known.id})"
    if not _runs(known.reader):
        return f"! {start} its file is here, but {known.reader.value} is not installed"
    used, here = store.used(known.id), scale_file(store.root, known.id)
    start = f"{start} {used.file}, {used.licence};"
    try:
        scale = _scale(known, store, used)
        stale = here.is_file() and read_scale(here, sha256=used.sha256) is None
    except InputError as error:
        return f"! {start} {error}"
    if stale:
        return f"! {start} {here.name} was measured with another file: easyphoto bench strangers --photos DIR"
    if scale is None:
        return f"  {start} no limit for strangers is known: easyphoto bench strangers --photos DIR measures one"
    return f"  {start} one person from cosine {scale.same_person_limit:.2f} ({scale.source})"
