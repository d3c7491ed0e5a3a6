"""Which engine serves which pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from easyphoto.drawings.identity import sample_identity
from easyphoto.drawings.renderer import draw
from easyphoto.drawings.scene import sample_scene
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.faces import opening
from easyphoto.faces.engine import Domain
from easyphoto.faces.opening import choose_engine, looks_drawn, open_engine
from easyphoto.images import as_picture, read_picture
from easyphoto.progress import NullProgress
from easyphoto.weights.catalog import YUNET
from easyphoto.weights.store import WeightStore, missing
from tests.fakes import FakeEngine

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "photos"


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("drawings")
    files = []
    for seed in range(4):
        identity = sample_identity(seed)
        files.append(folder / f"{seed}.png")
        as_picture(draw(identity, sample_scene(seed, identity), 192).image).save(files[-1])
    return files


def test_drawings_look_drawn(drawings: list[Path]) -> None:
    assert [looks_drawn(read_picture(file)) for file in drawings] == [True] * 4


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the shared photographs are not on this machine")
def test_photographs_do_not_look_drawn() -> None:
    files = sorted((PHOTOS / "person-a").glob("*.jpg"))

    drawn = [looks_drawn(read_picture(file, longest=512)) for file in files]

    # One is letterboxed in black and one out of focus behind the face; the pictures of a person vote.
    assert sum(drawn) <= 2


def test_drawings_are_analysed_as_drawings(drawings: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_drawn", lambda notes=(): FakeEngine())

    engine = choose_engine(drawings, WeightStore(Path("nowhere")), NullProgress())

    assert engine.domain is Domain.DRAWINGS


def test_without_yunet_photographs_raise_the_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")

    def absent(self: WeightStore, id: str, progress: object) -> Path:
        raise missing(YUNET, because="the test says so")

    monkeypatch.setattr(opening, "looks_drawn", lambda picture: False)
    monkeypatch.setattr(WeightStore, "require", absent)
    monkeypatch.setattr(opening, "_drawn", lambda notes=(): FakeEngine(faces=()))

    with pytest.raises(WeightsMissing, match="EASYPHOTO_WEIGHTS_MIRROR"):
        choose_engine([tmp_path / "photo.png"], WeightStore(tmp_path), NullProgress())


def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="drawings, photographs"):
        open_engine("sculptures", WeightStore(Path("nowhere")), NullProgress())
