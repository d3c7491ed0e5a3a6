"""Embeddings of a person's faces for the identity engines: measured when an engine first needs them, then kept.

They lie in the person's folder, so they go with it; an export leaves them out, because they can be measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from easyphoto.errors import InputError
from easyphoto.faces.opening import embedder_with_id
from easyphoto.inference.identities.base import KnownFace
from easyphoto.model_cache import Lease, file_key
from easyphoto.progress import Progress
from easyphoto.storage.files import make_private_folder
from easyphoto.storage.records import read_json, typed, write_json
from easyphoto.weights.store import WeightStore

EMBEDDINGS = "embeddings"
Vectors = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class _Kept:
    """The record of one embedder's vectors; vectors of another embedder or another file of it are never mixed in."""

    embedder: str
    sha256: str
    vectors: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class IdentityVectors:
    """Gives the embeddings of a person's faces by any embedder."""

    folder: Path
    """The person's folder."""
    faces: Sequence[KnownFace]
    store: WeightStore
    progress: Progress
    models: Lease

    def __call__(self, embedder: str) -> Vectors:
        """One float32 vector for each face, as the embedder's network gives it. Raises what the weight store raises."""
        opened = embedder_with_id(embedder, self.store, self.progress, models=self.models)
        sha256 = opened.weights[0].sha256
        file = self.folder / EMBEDDINGS / f"{opened.id}.json"
        kept = self._cached(file, opened.id, sha256, lambda: kept_vectors(file, opened.id, sha256))
        if kept:
            return kept
        vectors = tuple(opened.vector(picture, face) for picture, face, _ in self.faces)
        make_private_folder(file.parent)
        rounded = [[float(number) for number in vector] for vector in vectors]
        write_json(file, {"embedder": opened.id, "sha256": sha256, "vectors": rounded})
        # The file has another stamp now, by which the next picture finds them.
        return self._cached(file, opened.id, sha256, lambda: vectors)

    def _cached(self, file: Path, embedder: str, sha256: str, load: Callable[[], Vectors]) -> Vectors:
        return self.models.get(
            ("identity vectors", file_key(file), embedder, sha256),
            load,
            size=lambda found: sum(vector.nbytes for vector in found),
            owners=(self.folder,),
        )


def kept_vectors(file: Path, embedder: str, sha256: str) -> Vectors:
    """The float32 vectors in a file, if that embedder gave them; else none."""
    with suppress(InputError):
        kept = typed(_Kept, read_json(file), f"The embeddings by {embedder}") if file.is_file() else None
        if kept is not None and (kept.embedder, kept.sha256) == (embedder, sha256):
            return tuple(np.asarray(vector, np.float32) for vector in kept.vectors)
    return ()
