"""Real photographs, where they and YuNet are on this machine; neither is part of the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from easyphoto.faces.engine import FaceEngine
from easyphoto.faces.opening import choose_engine, open_engine
from easyphoto.families import MINIATURE
from easyphoto.images import read_picture
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.dataset import prepare_dataset
from easyphoto.preprocess.verdict import Reason
from easyphoto.progress import NullProgress
from easyphoto.settings import PreprocessSettings
from easyphoto.weights.store import WeightStore

SHARED = Path(__file__).resolve().parents[3] / "shared"
STORE = WeightStore(SHARED / "nowhere", (SHARED / "weights",))

pytestmark = pytest.mark.skipif(
    not (SHARED / "photos").is_dir() or STORE.find("yunet") is None,
    reason="the shared photographs and YuNet's weights are not on this machine",
)


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return open_engine("photographs", STORE, NullProgress())


def person_a() -> list[Path]:
    return sorted((SHARED / "photos" / "person-a").glob("*.jpg"))


def test_photographs_are_taken_for_photographs() -> None:
    assert choose_engine(person_a(), STORE, NullProgress()).id == "photographs"


def test_the_two_partial_faces_and_the_copy_are_explained_and_the_rest_is_kept(
    engine: FaceEngine, tmp_path: Path
) -> None:
    settings = PreprocessSettings()

    check = check_photos(person_a(), engine, MINIATURE, settings, NullProgress())
    dataset = prepare_dataset(check, engine, MINIATURE, settings, tmp_path / "dataset", NullProgress())

    assert {verdict.photo: verdict.reason for verdict in check.verdicts} == {
        "01.jpg": None,
        "02.jpg": None,
        "03.jpg": None,
        "04.jpg": None,
        "05.jpg": Reason.PARTIAL_FACE,
        "06.jpg": Reason.PARTIAL_FACE,
        "07.jpg": Reason.NEAR_DUPLICATE,
    }
    assert check.verdicts[4].explanation.endswith("cut off at the left edge.")
    assert check.verdicts[5].explanation.endswith("cut off at the right edge.")
    assert check.verdicts[6].duplicate_of == "01.jpg"
    assert check.reference == "01.jpg"
    assert check.notes[0].startswith("identity not checked: there is no embedder for photographs")
    assert len(dataset.entries) == 4


def test_a_group_is_asked_about(engine: FaceEngine, tmp_path: Path) -> None:
    shutil.copy(SHARED / "photos" / "group" / "01.jpg", tmp_path / "group.jpg")

    check = check_photos([tmp_path / "group.jpg"], engine, MINIATURE, PreprocessSettings(), NullProgress())

    assert check.verdicts[0].reason is Reason.SEVERAL_FACES
    assert len(check.verdicts[0].faces) == 3


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_photograph_is_set_upright(engine: FaceEngine, tmp_path: Path, degrees: int) -> None:
    picture = read_picture(SHARED / "photos" / "person-a" / "02.jpg", longest=500)
    picture.rotate(degrees, expand=True).save(tmp_path / "turned.png")

    check = check_photos([tmp_path / "turned.png"], engine, MINIATURE, PreprocessSettings(), NullProgress())

    assert check.verdicts[0].rotation == degrees


def test_a_face_with_one_half_covered_is_partial(engine: FaceEngine, tmp_path: Path) -> None:
    picture = read_picture(SHARED / "photos" / "person-a" / "02.jpg")
    ImageDraw.Draw(picture).rectangle((335, 210, 500, 630), fill=(60, 60, 70))
    picture.save(tmp_path / "covered.png")

    check = check_photos([tmp_path / "covered.png"], engine, MINIATURE, PreprocessSettings(), NullProgress())

    assert check.verdicts[0].reason is Reason.PARTIAL_FACE


def test_a_small_picture_is_enlarged_for_the_detector(engine: FaceEngine) -> None:
    picture = read_picture(SHARED / "photos" / "person-a" / "01.jpg", longest=160)

    faces = engine.detect(picture)

    assert len(faces) == 1
    assert [round(value) for value in faces[0].points[2]] == pytest.approx([70, 39], abs=2)


def test_a_narrow_strip_has_no_face_and_does_not_crash(engine: FaceEngine) -> None:
    assert engine.detect(Image.new("RGB", (2000, 3), "white")) == ()
    assert engine.detect(Image.new("RGB", (1, 1))) == ()
