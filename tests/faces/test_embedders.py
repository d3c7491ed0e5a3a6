"""Which embedder is opened, what its cosines mean, and what `doctor` says about each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from easyphoto.errors import InputError, WeightsMissing
from easyphoto.faces import embedders
from easyphoto.faces.embedders import EMBEDDERS, Embedder, embedder_lines, known_embedder, open_embedder
from easyphoto.faces.engine import LikenessScale
from easyphoto.faces.likeness_scale import measured_scale, scale_file, write_scale
from easyphoto.progress import NullProgress
from easyphoto.settings.options import FaceSettings
from easyphoto.weights.catalog import LicenceSet, UsedWeight, weight_file
from easyphoto.weights.store import WeightStore
from tests.faces.tiny_embedder import random_projection, soft_face, write_embedder

pytest.importorskip("onnxruntime")


@dataclass
class Shelf:
    """A store whose files were put there by the test."""

    root: Path
    files: dict[str, Path] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    licences: LicenceSet = LicenceSet.COMMERCIAL_SAFE

    def allows(self, id: str) -> bool:
        return id not in self.refused

    def find(self, id: str) -> Path | None:
        return self.files.get(id)

    def require(self, id: str, progress: Any) -> Path:
        if id not in self.files:
            raise WeightsMissing(f"{id} is not at hand.")
        return self.files[id]

    def used(self, id: str) -> UsedWeight:
        return UsedWeight(id, self.files[id].name, "Apache-2.0", f"hash of {self.files[id].name}")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    files = {id: write_embedder(tmp_path / f"{id}.onnx", random_projection()) for id in ("auraface", "sface")}
    return Shelf(tmp_path / "weights", files)


def opened(name: str, shelf: Shelf) -> Embedder | None:
    return open_embedder(name, cast(WeightStore, shelf), NullProgress())


def lines(shelf: Shelf) -> dict[str, str]:
    found = list(embedder_lines(cast(WeightStore, shelf)))
    return {line.split()[2 if line.startswith("!") else 1].rstrip(":"): line for line in found}


def test_every_embedder_of_the_settings_is_known_and_every_known_one_is_in_the_catalogue() -> None:
    choices = FaceSettings.__dataclass_fields__["embedder"].metadata["declared"].choices

    assert set(choices) == {"auto", "none", *(known.id for known in EMBEDDERS)}
    assert [weight_file(known.id).id for known in EMBEDDERS] == [known.id for known in EMBEDDERS]


def test_auto_takes_auraface_then_sface_then_nothing(shelf: Shelf) -> None:
    first = opened("auto", shelf)
    del shelf.files["auraface"]
    second = opened("auto", shelf)
    shelf.files.clear()

    assert first is not None
    assert first.id == "auraface"
    assert second is not None
    assert second.id == "sface"
    assert opened("auto", shelf) is None
    assert opened("none", shelf) is None


def test_auto_leaves_out_what_cannot_be_run(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedders, "_runs", lambda reader: reader.value != "onnxruntime")

    found = opened("auto", shelf)

    assert found is not None
    assert found.id == "sface"


def test_a_named_embedder_must_be_at_hand_and_an_unknown_one_is_refused(shelf: Shelf) -> None:
    with pytest.raises(WeightsMissing, match="buffalo_l"):
        opened("buffalo_l", shelf)
    with pytest.raises(InputError, match=r"no face recognition model 'facenet'.*Known: auto, none, auraface, sface"):
        opened("facenet", shelf)


def test_an_opened_embedder_says_which_weights_it_uses(shelf: Shelf) -> None:
    found = opened("auraface", shelf)

    assert found is not None
    assert found.weights == (UsedWeight("auraface", "auraface.onnx", "Apache-2.0", "hash of auraface.onnx"),)
    assert float(np.linalg.norm(found.embed(*soft_face()))) == pytest.approx(1, abs=1e-6)


def test_a_published_limit_counts_where_nothing_was_measured(shelf: Shelf) -> None:
    sface, auraface = opened("sface", shelf), opened("auraface", shelf)

    assert sface is not None
    assert sface.scale == LikenessScale("sface", (), 0.363, known_embedder("sface").published_by)
    # Nobody published one for it, and that of another network would be invented.
    assert auraface is not None
    assert auraface.scale is None


def test_a_scale_measured_here_comes_before_the_published_one(shelf: Shelf) -> None:
    scale = measured_scale("sface", [index / 400 for index in range(201)], "our own pictures")
    write_scale(scale_file(shelf.root, "sface"), scale, pairs=201, sha256="hash of sface.onnx")

    found = opened("sface", shelf)

    assert found is not None
    assert found.scale == scale
    assert lines(shelf)["sface"].endswith("one person from cosine 0.49 (our own pictures)")


def test_each_line_says_what_is_there_and_what_is_missing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.refused = ("antelopev2",)
    said = lines(shelf)

    assert list(said) == ["auraface", "sface", "buffalo_l", "antelopev2", "curricularface"]
    assert said["auraface"].startswith(
        "  embedder auraface: auraface.onnx, Apache-2.0; no limit for strangers is known"
    )
    assert "one person from cosine 0.36 (OpenCV's tutorial" in said["sface"]
    assert said["buffalo_l"] == "  embedder buffalo_l: not at hand (easyphoto weights get buffalo_l)"
    assert said["antelopev2"] == "  embedder antelopev2: refused by the licence set commercial-safe"

    monkeypatch.setattr(embedders, "_runs", lambda reader: False)
    assert lines(shelf)["auraface"] == "! embedder auraface: its file is here, but onnxruntime is not installed"


def test_a_scale_of_another_file_wants_mending(shelf: Shelf) -> None:
    scale = measured_scale("auraface", [index / 400 for index in range(201)], "older weights")
    write_scale(scale_file(shelf.root, "auraface"), scale, pairs=201, sha256="another hash")

    assert lines(shelf)["auraface"].startswith("! embedder auraface: auraface.onnx, Apache-2.0; auraface.json was")
    scale_file(shelf.root, "auraface").write_text("{}")
    assert lines(shelf)["auraface"].startswith("! embedder auraface: ")
