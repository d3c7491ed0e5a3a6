"""A real embedder through our reader, where its file and the photographs are on this machine.

dlib's network is a fixture for the path from photo to verdict, never the product's measure.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.faces.photo_engine import PhotoEngine
from easyphoto.faces.score import cosine, largest_face_embedding, likeness
from easyphoto.images.pictures import read_picture
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.verdict import Reason
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore
from tests.faces.dlib_fixture import VARIABLE, Bytes, given, read_layers, write_onnx
from tests.faces.dlib_trial import photo_engine

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "photos"

needs_network = pytest.mark.skipif(given() is None, reason=f"{VARIABLE} names no file")
needs_photos = pytest.mark.skipif(
    given() is None or not PHOTOS.is_dir() or WeightStore(PHOTOS / "nowhere", default_mirrors()).find("yunet") is None,
    reason=f"{VARIABLE}, the shared photographs or YuNet in EASYPHOTO_WEIGHTS_MIRROR are missing",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> PhotoEngine:
    dat = given()
    assert dat is not None
    return photo_engine(write_onnx(dat, tmp_path_factory.mktemp("dlib") / "dlib.onnx"))


def vectors(engine: PhotoEngine, person: str) -> list[np.ndarray]:
    found = [largest_face_embedding(engine, read_picture(photo)) for photo in sorted((PHOTOS / person).glob("*.jpg"))]
    return [vector for vector in found if vector is not None]


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"\x01\x05", 5), (b"\x02\x80\x12", 4736), (b"\x81\x05", -5), (b"\x01\x00", 0)],
)
def test_whole_numbers_say_how_many_bytes_they_have(data: bytes, value: int) -> None:
    assert Bytes(data).whole() == value


def test_floats_are_mantissa_and_exponent_and_a_torn_file_is_noticed() -> None:
    assert Bytes(bytes.fromhex("036290f58111")).real() == pytest.approx(122.782, abs=1e-4)
    assert Bytes(b"\x01\x030.9").text() == "0.9"
    with pytest.raises(ValueError, match="in the middle of something"):
        Bytes(b"\x04\x01").whole()


@needs_network
def test_every_byte_of_the_file_is_understood(tmp_path: Path) -> None:
    dat = given()
    assert dat is not None

    layers = read_layers(dat)

    assert Counter(layer.name for layer in layers) == {
        "input_rgb_image_sized": 1, "con_4": 29, "affine_": 29, "relu_": 29, "add_prev_": 14, "max_pool_2": 1,
        "avg_pool_2": 5, "fc_2": 1,
    }  # fmt: skip
    (tmp_path / "torn.dat").write_bytes(dat.read_bytes()[:-1])
    with pytest.raises(ValueError, match="in the middle of something"):
        read_layers(tmp_path / "torn.dat")


@needs_photos
def test_two_persons_are_told_apart(engine: PhotoEngine) -> None:
    mine, others = vectors(engine, "person-a"), vectors(engine, "person-b")

    same = [cosine(one, other) for index, one in enumerate(mine) for other in mine[:index]]
    different = [cosine(one, other) for one in mine for other in others]

    assert (len(mine), len(others)) == (7, 2)
    assert min(same) > 0.92
    assert max(different) < 0.85


@needs_photos
def test_likeness_to_a_persons_photos_puts_own_photos_above_strangers(engine: PhotoEngine) -> None:
    mine, others = vectors(engine, "person-a"), vectors(engine, "person-b")

    own = likeness(engine, mine[0], mine[1:])
    stranger = likeness(engine, others[0], mine)

    assert own is not None
    assert stranger is not None
    assert own.cosine > 0.95
    assert stranger.percentile == 0.0
    # Nobody measured strangers with this network.
    assert stranger.strangers is None


@needs_photos
def test_photos_of_another_person_are_set_aside_as_somebody_else(engine: PhotoEngine, tmp_path: Path) -> None:
    for person in ("person-a", "person-b"):
        for photo in (PHOTOS / person).glob("*.jpg"):
            shutil.copy(photo, tmp_path / f"{person}-{photo.name}")

    check = check_photos(
        sorted(tmp_path.iterdir()), engine, MINIATURE, PreprocessSettings(blur_limit=0), NullProgress()
    )

    aside = {verdict.photo for verdict in check.verdicts if verdict.reason is Reason.SOMEONE_ELSE}
    assert aside == {"person-b-01.jpg", "person-b-02.jpg"}
    assert [verdict.photo[:8] for verdict in check.kept] == ["person-a"] * len(check.kept)
    assert len(check.kept) >= 3
