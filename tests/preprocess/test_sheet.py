"""The verdict sheet and its record."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from easyphoto.families import MINIATURE
from easyphoto.images import built_in_font
from easyphoto.preprocess.check import check_photos
from easyphoto.preprocess.sheet import wrapped, write_check
from easyphoto.progress import NullProgress
from easyphoto.settings import PreprocessSettings
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


def test_long_words_are_shortened_and_lines_fit() -> None:
    font = built_in_font(14)

    lines = wrapped("short words and " + "x" * 200, font, 120)

    assert len(lines) >= 2
    assert all(font.getlength(line) <= 120 for line in lines)
    assert lines[-1].endswith("...")
