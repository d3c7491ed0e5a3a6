"""Measuring what cosines mean, on pictures of coloured persons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from easyphoto.app import EasyPhoto
from easyphoto.bench import strangers
from easyphoto.errors import InputError
from easyphoto.faces.likeness_scale import read_scale
from easyphoto.images.pictures import as_picture
from easyphoto.progress import NullProgress
from easyphoto.settings.options import Options
from easyphoto.weights.catalog import UsedWeight
from tests.fakes import FakeEngine


@dataclass
class PhotoFake(FakeEngine):
    embedder: str | None = "fake-colours"
    weights: tuple[UsedWeight, ...] = (
        UsedWeight("yunet", "yunet.onnx", "Apache-2.0", "of the detector"),
        UsedWeight("fake-colours", "fake.onnx", "Apache-2.0", "of the embedder"),
    )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> PhotoFake:
    engine = PhotoFake()
    monkeypatch.setattr(strangers, "open_photo_engine", lambda *_: engine)
    return engine


@pytest.fixture
def app(tmp_path: Path) -> EasyPhoto:
    return cast(EasyPhoto, SimpleNamespace(store=SimpleNamespace(root=tmp_path / "weights"), options=Options()))


def persons(folder: Path, *, count: int, photos: int = 3) -> Path:
    """Each person is a pattern of colours of their own; each photo has some grain of its own."""
    for person in range(count):
        own = np.random.default_rng(person).integers(0, 200, (16, 16, 3))
        for photo in range(photos):
            grain = np.random.default_rng(1000 * person + photo).integers(0, 55, (16, 16, 3))
            target = folder / f"person-{person:02d}" / f"{photo}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            as_picture((own + grain).astype(np.uint8)).resize((64, 64), 0).save(target)
    return folder


def run(app: EasyPhoto, folder: Path) -> tuple[Any, list[str]]:
    said: list[str] = []
    scale = strangers.run(app, folder, progress=NullProgress(), say=said.append)
    return scale, said


@pytest.mark.usefixtures("engine")
def test_the_measured_scale_is_kept_beside_the_weights(app: EasyPhoto, tmp_path: Path) -> None:
    scale, said = run(app, persons(tmp_path / "people", count=6))

    # 15 pairs of persons with 3 photos each: 135 pairs of strangers, and 18 pairs of one person.
    assert scale.source == "135 pairs of 6 persons in people"
    assert scale.embedder == "fake-colours"
    assert read_scale(tmp_path / "weights" / "likeness" / "fake-colours.json", sha256="of the embedder") == scale
    assert said[-1] == str(tmp_path / "weights" / "likeness" / "fake-colours.json")
    assert said[-2] == "Of 18 pairs of one person 0 lie below it."


@pytest.mark.usefixtures("engine")
def test_a_person_in_two_folders_is_pointed_at(app: EasyPhoto, tmp_path: Path) -> None:
    folder = persons(tmp_path / "people", count=6)
    (folder / "person-05" / "copy.png").write_bytes((folder / "person-01" / "2.png").read_bytes())

    _, said = run(app, folder)

    assert "See that person-01/2.png and person-05/copy.png, the nearest pair, show two persons." in said


@pytest.mark.usefixtures("engine")
def test_what_cannot_be_read_is_said_and_left_out(app: EasyPhoto, tmp_path: Path) -> None:
    folder = persons(tmp_path / "people", count=6)
    (folder / "person-03" / "broken.jpg").write_bytes(b"no picture")

    scale, said = run(app, folder)

    assert said[0].startswith("Note: broken.jpg cannot be read")
    assert scale.source.startswith("135 pairs")


@pytest.mark.usefixtures("engine")
def test_three_persons_are_too_few(app: EasyPhoto, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="27 pairs of strangers are too few"):
        run(app, persons(tmp_path / "people", count=3))
    assert not (tmp_path / "weights").exists()


def test_without_an_embedder_there_is_nothing_to_measure(engine: PhotoFake, app: EasyPhoto, tmp_path: Path) -> None:
    engine.embedder = None

    with pytest.raises(InputError, match=r"no face recognition for photographs.*easyphoto weights get"):
        run(app, tmp_path)
