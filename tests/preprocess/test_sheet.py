"""The verdict sheet and its record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.geometry import Size
from easyphoto.images.pictures import built_in_font
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.sheet import face_close_up, verdict_sheet, wrapped, write_check
from easyphoto.progress import NullProgress
from easyphoto.settings.training import PreprocessSettings
from tests.preprocess.marked import MarkedEngine, photo


def test_the_check_is_written_as_a_sheet_and_a_record(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    photos = [photo(tmp_path, "a.png"), tmp_path / "text.png"]
    check = check_photos(photos, MarkedEngine(), MINIATURE, PreprocessSettings(), NullProgress())

    record, sheet = write_check(check, tmp_path / "out")

    content = json.loads(record.read_text())
    assert content["format"] == 1
    assert content["kept"] == ["a.png"]
    assert content["verdicts"][0]["face"]["box"] == [150.0, 100.0, 310.0, 260.0]
    assert content["verdicts"][1]["reason"] == "unreadable"
    with Image.open(sheet) as picture:
        picture.load()
        colours = {picture.getpixel((16 + 290, y)) for y in range(picture.height)}
        others = {picture.getpixel((332 + 290, y)) for y in range(picture.height)}
    assert (38, 140, 84) in colours
    assert (190, 58, 48) in others


GREEN, AMBER, RED = (38, 140, 84), (168, 104, 0), (190, 58, 48)


@pytest.mark.parametrize(
    ("has_embedder", "reference", "band"), [(True, None, GREEN), (False, None, AMBER), (False, "a.png", GREEN)]
)
def test_the_header_is_amber_until_somebody_knows_that_the_reference_shows_the_person(
    tmp_path: Path, has_embedder: bool, reference: str | None, band: tuple[int, int, int]
) -> None:
    photos = [photo(tmp_path, "a.png"), photo(tmp_path, "b.png", seed=4)]
    engine = MarkedEngine(has_embedder=has_embedder)
    check = check_photos(photos, engine, MINIATURE, PreprocessSettings(), NullProgress(), reference=reference)

    sheet = verdict_sheet(check, "Anna")

    assert sheet.getpixel((sheet.width - 2, 2)) == band


def test_a_reference_that_nobody_could_check_is_shown_large(tmp_path: Path) -> None:
    photos = [photo(tmp_path, "a.png"), photo(tmp_path, "b.png", seed=4)]
    engine = MarkedEngine(has_embedder=False)
    asked = check_photos(photos, engine, MINIATURE, PreprocessSettings(), NullProgress())
    told = check_photos(photos, engine, MINIATURE, PreprocessSettings(), NullProgress(), reference="a.png")

    picture = face_close_up(asked.verdicts[0], Size(320, 320))

    assert verdict_sheet(asked).height > verdict_sheet(told).height + 320
    # The card's purple fills the middle of the close-up.
    red, green, blue = picture.getpixel((160, 200))
    assert red > green + 30
    assert blue > green + 30


def test_a_photo_that_is_gone_leaves_a_cross(tmp_path: Path) -> None:
    check = check_photos([photo(tmp_path, "a.png")], MarkedEngine(), MINIATURE, PreprocessSettings(), NullProgress())
    (tmp_path / "a.png").unlink()

    assert face_close_up(check.verdicts[0], Size(320, 320)).size == (320, 320)


def test_without_a_photo_that_can_be_used_the_header_is_red(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    check = check_photos([tmp_path / "text.png"], MarkedEngine(), MINIATURE, PreprocessSettings(), NullProgress())

    assert verdict_sheet(check).getpixel((2, 2)) == RED


def test_long_words_are_shortened_and_lines_fit() -> None:
    font = built_in_font(14)

    lines = wrapped("short words and " + "x" * 200, font, 120)

    assert len(lines) >= 2
    assert all(font.getlength(line) <= 120 for line in lines)
    assert lines[-1].endswith("...")
