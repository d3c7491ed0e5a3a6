"""An embedder gives what its network says and the same at unit length: identity adapters want one or the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from easyphoto.architectures.base import models_folder
from easyphoto.errors import InputError
from easyphoto.faces.crop import CropRecipe
from easyphoto.faces.embedders import Embedder
from easyphoto.faces.opening import embedder_with_id
from easyphoto.progress import NullProgress
from easyphoto.weights.catalog import LicenceSet
from easyphoto.weights.store import WeightStore
from tests.faces.test_curricular import TINY, built
from tests.faces.tiny_embedder import random_projection, soft_face, write_embedder

pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

SHIPPED = "1ad8a417b520a3d0c8a28c3ae7601aa75ad68d32c14d88a1cdbd4b89d9e17313"
"""What sha256sum says of models/miniature/faces/embedder.safetensors."""
DRAWINGS = models_folder() / "miniature" / "faces"


def arcface(folder: Path) -> Embedder:
    from easyphoto.faces.arcface import ArcFaceEmbedder

    return ArcFaceEmbedder(write_embedder(folder / "tiny.onnx", random_projection()), CropRecipe(), id="tiny")


def sface(folder: Path) -> Embedder:
    from easyphoto.faces.sface import SFaceEmbedder

    return SFaceEmbedder(write_embedder(folder / "tiny.onnx", random_projection()), id="sface")


def curricular(folder: Path) -> Embedder:
    from easyphoto.faces.curricular import CurricularEmbedder

    torch.save(built(TINY).state_dict(), folder / "tiny.bin")
    return CurricularEmbedder(folder / "tiny.bin", id="curricularface", layout=TINY)


def drawings(folder: Path) -> Embedder:
    from easyphoto.faces.drawn_embedder import DrawnEmbedder

    return DrawnEmbedder(DRAWINGS)


@pytest.mark.parametrize(
    ("opened", "ends_normalised"),
    [(arcface, False), (sface, False), (curricular, False), (drawings, True)],
    ids=["arcface", "sface", "curricular", "drawings"],
)
def test_the_vector_is_raw_and_the_embedding_is_its_direction(
    opened: Callable[[Path], Embedder], ends_normalised: bool, tmp_path: Path
) -> None:
    embedder = opened(tmp_path)

    vector, embedding = embedder.vector(*soft_face()), embedder.embed(*soft_face())

    length = float(np.linalg.norm(vector))
    assert (abs(length - 1) < 1e-5) == ends_normalised
    assert float(np.linalg.norm(embedding)) == pytest.approx(1, abs=1e-6)
    assert embedding * length == pytest.approx(vector, rel=1e-5, abs=1e-5 * length)
    assert vector.dtype == embedding.dtype == np.float32
    assert vector.ndim == 1


def test_the_raw_vector_is_the_networks_own_answer(tmp_path: Path) -> None:
    projection = random_projection()
    doubled = write_embedder(tmp_path / "doubled.onnx", 2 * projection)
    from easyphoto.faces.arcface import ArcFaceEmbedder

    once, twice = arcface(tmp_path), ArcFaceEmbedder(doubled, CropRecipe(), id="doubled")

    assert twice.vector(*soft_face()) == pytest.approx(2 * once.vector(*soft_face()), rel=1e-4)
    assert twice.embed(*soft_face()) == pytest.approx(once.embed(*soft_face()), abs=1e-6)


def test_the_drawings_embedder_is_asked_for_by_its_id_like_the_others(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, offline=True)

    found = embedder_with_id("miniature-embedder-1", store, NullProgress())

    assert [(used.id, used.file, used.sha256) for used in found.weights] == [
        ("miniature-embedder-1", "embedder.safetensors", SHIPPED)
    ]
    assert found.vector(*soft_face()).shape == (128,)
    with pytest.raises(InputError, match="no face recognition model 'facenet'"):
        embedder_with_id("facenet", store, NullProgress())


def test_an_embedder_of_the_catalogue_comes_with_its_weights(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, licences=LicenceSet.RESEARCH, offline=True)
    (tmp_path / "faces").mkdir()
    write_embedder(tmp_path / "faces" / "w600k_r50.onnx", random_projection())
    store.trust("buffalo_l")

    found = embedder_with_id("buffalo_l", store, NullProgress())

    assert (found.id, found.weights) == ("buffalo_l", (store.used("buffalo_l"),))
