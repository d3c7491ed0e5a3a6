"""A session as one picture."""

from PIL import Image

from easyphoto.report.results_sheet import SheetResult, SheetTemplate, results_sheet
from easyphoto.report.sheet import CARD


def solid(colour: str, size: tuple[int, int] = (300, 200)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_the_template_comes_first_and_its_results_follow_in_their_order():
    results = tuple(SheetResult(solid(colour), 7, 0.5, 1) for colour in ("red", "lime"))

    sheet = results_sheet("Anna", "2026-01-01", [SheetTemplate("At home", solid("blue"), results)])

    # Places are 288 pixels wide with gaps of 14; a row is as high as its pictures.
    row = 96 + 30 + 96
    assert [sheet.getpixel((28 + 144 + number * 302, row)) for number in range(3)] == [
        (0, 0, 255),
        (255, 0, 0),
        (0, 255, 0),
    ]
    assert sheet.height == 96 + 30 + 192 + 40 + 14


def test_a_template_that_is_gone_leaves_its_results():
    sheet = results_sheet("Anna", "", [SheetTemplate("x", None, (SheetResult(solid("red"), 7, None, None),))])

    assert sheet.getpixel((28 + 144, 96 + 30 + 96)) == (255, 0, 0)


def test_a_very_high_picture_is_shown_whole_in_a_place_of_its_own():
    high = SheetTemplate("x", None, (SheetResult(solid("red", (100, 1000)), 7, None, None),))

    sheet = results_sheet("Anna", "", [high])

    assert sheet.height == 96 + 30 + 432 + 40 + 14
    assert sheet.getpixel((30, 96 + 30 + 200)) == CARD
