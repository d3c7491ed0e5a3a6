"""The reference photo: chosen by likeness where somebody can tell, by the user where they say so, else asked about."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.errors import BadReference
from easyphoto.faces.engine import Face
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.verdict import Check
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings
from tests.preprocess.marked import MarkedEngine, photo

NO_QUESTION = "was not checked"


class Frontal(MarkedEngine):
    """Sees the person of `ben` exactly from the front, everybody else a little turned."""

    def detect(self, picture: Image.Image) -> tuple[Face, ...]:
        return tuple(self._turned(picture, face) for face in super().detect(picture))

    def _turned(self, picture: Image.Image, face: Face) -> Face:
        points = face.points.copy()
        red, _, blue = picture.getpixel((round(face.box.centre[0]), round(face.box.bottom - 4)))
        points[2, 0] += 0.05 * face.box.width * (red > blue)
        return Face(face.box, points, face.score)


def check(photos: list[Path], engine: MarkedEngine, reference: str | None = None, **settings: object) -> Check:
    chosen = PreprocessSettings(**settings)  # type: ignore[arg-type]
    return check_photos(photos, engine, MINIATURE, chosen, NullProgress(), reference=reference)


def mixed(folder: Path, annas: int, bens: int) -> list[Path]:
    photos = [photo(folder, f"anna-{number}.png", seed=7 * number) for number in range(annas)]
    return photos + [photo(folder, f"ben-{number}.png", person="ben", seed=7 * number + 3) for number in range(bens)]


def test_the_reference_is_a_photo_that_looks_like_the_others_even_where_no_limit_is_known(tmp_path: Path) -> None:
    engine = Frontal()
    engine.same_person_limit = None

    result = check(mixed(tmp_path, 4, 2), engine)

    assert len(result.kept) == 6
    assert result.reference is not None
    assert result.reference.startswith("anna")
    # Nobody was set aside, so somebody has to look.
    assert not result.reference_assured


def test_the_reference_is_no_soft_photo_where_a_crisp_one_is_as_frontal(tmp_path: Path) -> None:
    photos = [photo(tmp_path, f"anna-{number}.png", seed=7 * number, blur=1.5 * (number != 2)) for number in range(4)]

    result = check(photos, MarkedEngine())

    assert len(result.kept) == 4
    assert result.reference == "anna-2.png"


def test_without_an_embedder_the_most_frontal_photo_is_asked_about(tmp_path: Path) -> None:
    engine = Frontal(has_embedder=False)

    result = check(mixed(tmp_path, 4, 2), engine)

    assert result.reference is not None
    assert result.reference.startswith("ben")
    assert not result.reference_assured
    assert result.question is not None
    assert result.question.photo == result.reference
    assert any(NO_QUESTION in note and result.reference in note for note in result.notes)


def test_a_reference_among_photos_that_agree_is_assured(tmp_path: Path) -> None:
    result = check(mixed(tmp_path, 4, 1), Frontal())

    assert result.reference is not None
    assert result.reference.startswith("anna")
    assert (result.reference_assured, result.reference_chosen) == (True, False)
    assert result.question is None
    assert not any(NO_QUESTION in note for note in result.notes)


def test_photos_that_do_not_agree_assure_nobody(tmp_path: Path) -> None:
    result = check(mixed(tmp_path, 2, 2), Frontal())

    assert not result.reference_assured
    assert result.identity_words == "compared with colours, without a clear result"


@pytest.mark.parametrize("folder", ["", "{photos}/", "{photos}/sub/../"])
def test_the_photo_that_the_user_chose_is_taken_and_asked_about_no_more(tmp_path: Path, folder: str) -> None:
    (tmp_path / "sub").mkdir()
    name = f"{folder.format(photos=tmp_path)}anna-2.png"

    result = check(mixed(tmp_path, 4, 2), Frontal(has_embedder=False), name)

    assert result.reference == "anna-2.png"
    assert (result.reference_assured, result.reference_chosen) == (True, True)
    assert result.question is None
    assert result.record()["reference_chosen"] is True


def test_a_photo_of_the_same_name_elsewhere_is_not_among_them(tmp_path: Path) -> None:
    with pytest.raises(BadReference, match=r"anna-2\.png is not among the 6 photos"):
        check(mixed(tmp_path, 4, 2), Frontal(), "somewhere/else/anna-2.png")


def test_the_chosen_photo_is_always_among_the_best(tmp_path: Path) -> None:
    soft = photo(tmp_path, "soft.png", seed=5, blur=2.0)

    result = check([*mixed(tmp_path, 3, 0), soft], Frontal(), "soft.png", keep=2)

    assert "soft.png" in [verdict.photo for verdict in result.kept]
    assert len(result.kept) == 2


def test_a_photo_that_is_not_there_cannot_be_the_reference(tmp_path: Path) -> None:
    with pytest.raises(BadReference, match=r"other\.png is not among the 2 photos"):
        check(mixed(tmp_path, 2, 0), Frontal(), "other.png")


def test_a_photo_that_is_not_kept_cannot_be_the_reference_and_it_is_said_why(tmp_path: Path) -> None:
    photos = mixed(tmp_path, 4, 1)

    with pytest.raises(
        BadReference, match=r"ben-0\.png cannot be the reference photo: It seems to show another person"
    ):
        check(photos, Frontal(), "ben-0.png")
