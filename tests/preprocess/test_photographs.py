"""Real photographs, where they and YuNet are on this machine; neither is part of the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.faces.engine import Covering, FaceEngine
from easyphoto.faces.opening import choose_engine, open_engine
from easyphoto.images.pictures import read_picture
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.dataset import prepare_dataset
from easyphoto.preprocess.verdict import Reason
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings
from easyphoto.weights.places import default_mirrors
from easyphoto.weights.store import WeightStore

SHARED = Path(__file__).resolve().parents[3] / "shared"
STORE = WeightStore(SHARED / "nowhere", default_mirrors(), offline=True)

pytestmark = pytest.mark.skipif(
    not (SHARED / "photos").is_dir() or STORE.find("yunet") is None,
    reason="the shared photographs are not on this machine, or EASYPHOTO_WEIGHTS_MIRROR names no folder with YuNet",
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
    assert not check.reference_assured
    assert check.notes[0].startswith("Missing: face recognition (people cannot be told apart);")
    assert check.notes[1].startswith("identity not checked: there is no face recognition for photographs")
    assert len(dataset.entries) == 4


@pytest.mark.skipif(not (SHARED / "cases" / "jpeg-junk").is_dir(), reason="the case is not on this machine")
def test_spoiled_and_small_copies_are_set_aside_and_their_originals_stay(engine: FaceEngine) -> None:
    originals = person_a()[:4]
    copies = sorted((SHARED / "cases" / "jpeg-junk").glob("*.jpg"))

    check = check_photos([*copies, *originals], engine, MINIATURE, PreprocessSettings(), NullProgress())

    assert [verdict.photo for verdict in check.verdicts if verdict.kept] == ["01.jpg", "02.jpg", "03.jpg", "04.jpg"]
    # Their names say whose copies they are: low2_01_w910_q10.jpg.
    aside = [verdict for verdict in check.verdicts if not verdict.kept]
    assert [verdict.duplicate_of for verdict in aside] == [f"{verdict.photo.split('_')[1]}.jpg" for verdict in aside]
    assert "which is less compressed" in aside[2].explanation


@pytest.mark.skipif(not (SHARED / "cases" / "covered").is_dir(), reason="the case is not on this machine")
def test_a_masked_photo_is_set_aside_and_a_template_s_sunglasses_are_seen(engine: FaceEngine) -> None:
    masked, template = (SHARED / "cases" / "covered" / name for name in ("mask.jpg", "template_sunglasses.jpg"))

    check = check_photos([masked, *person_a()[:3]], engine, MINIATURE, PreprocessSettings(), NullProgress())
    picture = read_picture(template)

    assert [verdict.reason for verdict in check.verdicts] == [Reason.COVERED, None, None, None]
    assert check.verdicts[0].explanation == "The mouth is covered (a mask or a hand?)."
    assert check.reference == "01.jpg"
    assert engine.covering(picture, engine.detect(picture)[0]) == Covering(left_eye=True, right_eye=True)


@pytest.mark.parametrize("size", [(4096, 512), (512, 4096)])
def test_a_face_on_a_banner_is_found(engine: FaceEngine, size: tuple[int, int]) -> None:
    banner, photo = Image.new("RGB", size, (40, 60, 90)), read_picture(person_a()[0], longest=512)
    left, top = (size[0] - photo.width) // 2, (size[1] - photo.height) // 2
    banner.paste(photo, (left, top))

    (there,), (expected,) = engine.detect(banner), engine.detect(photo)

    assert there.box.moved(-left, -top).intersection_over_union(expected.box) > 0.8


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


def test_a_face_with_one_half_covered_is_set_aside_for_its_eye(engine: FaceEngine, tmp_path: Path) -> None:
    picture = read_picture(SHARED / "photos" / "person-a" / "02.jpg")
    ImageDraw.Draw(picture).rectangle((340, 210, 500, 630), fill=(60, 60, 70))
    picture.save(tmp_path / "covered.png")

    check = check_photos([tmp_path / "covered.png"], engine, MINIATURE, PreprocessSettings(), NullProgress())

    assert check.verdicts[0].reason is Reason.COVERED
    assert check.verdicts[0].explanation == "An eye is covered (hair or a hand?)."


@pytest.mark.parametrize("height", [24, 32, 100])
def test_every_small_face_of_a_large_group_is_found_and_nothing_else(engine: FaceEngine, height: int) -> None:
    photo = read_picture(SHARED / "photos" / "person-a" / "01.jpg")
    face = engine.detect(photo)[0].box
    head = photo.crop(face.grown(*(0.5 * face.height,) * 4).as_ints())
    head.thumbnail((1000, 2 * height), Image.Resampling.LANCZOS)
    group = Image.new("RGB", (1600, 1200), (70, 90, 80))
    places = [(60 + 300 * column, 40 + 280 * row) for row in range(4) for column in range(5)]
    for place in places:
        group.paste(head, place)

    faces = engine.detect(group)

    found = {min(range(20), key=lambda n: abs(places[n][0] + head.width / 2 - x) + abs(places[n][1] + height - y))
             for x, y in (face.box.centre for face in faces)}  # fmt: skip
    assert (len(faces), len(found)) == (20, 20)
    assert [round(face.box.height) for face in faces] == pytest.approx([height] * 20, rel=0.2)


@pytest.mark.parametrize("enlarged", [1.5, 3.0])
def test_the_pattern_of_a_tie_is_not_taken_for_faces(engine: FaceEngine, enlarged: float) -> None:
    photo = read_picture(SHARED / "photos" / "person-a" / "01.jpg")
    size = (round(photo.width * enlarged), round(photo.height * enlarged))

    assert len(engine.detect(photo.resize(size, Image.Resampling.LANCZOS))) == 1


def test_a_small_picture_is_enlarged_for_the_detector(engine: FaceEngine) -> None:
    picture = read_picture(SHARED / "photos" / "person-a" / "01.jpg", longest=160)

    faces = engine.detect(picture)

    assert len(faces) == 1
    assert [round(value) for value in faces[0].points[2]] == pytest.approx([70, 39], abs=2)


def test_a_narrow_strip_has_no_face_and_does_not_crash(engine: FaceEngine) -> None:
    assert engine.detect(Image.new("RGB", (2000, 3), "white")) == ()
    assert engine.detect(Image.new("RGB", (1, 1))) == ()
