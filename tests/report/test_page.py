"""A report needs nothing from outside, and what people type stays text."""

import re
from html.parser import HTMLParser
from itertools import combinations

import pytest
from PIL import Image

from easyphoto.report.charts import bars_html, chart_svg, ticks
from easyphoto.report.page import report_html, write_report
from easyphoto.report.parts import Bars, Chart, Curve, Figure, Gallery, Notes, NoteTone, Report, Section, Table
from easyphoto.report.sheet import contact_sheet, write_sheet

EVIL = "<script>alert('x')</script>\"&"


def picture(width=40, height=30):
    return Image.new("RGB", (width, height), "teal")


def report(word="Anna"):
    figures = (
        Figure(picture(), word, badge=word, tone=NoteTone.GOOD, detail=word),
        Figure(picture(10, 90), "tall", badge="blurred", tone=NoteTone.ASIDE),
    )
    parts = (
        Gallery(figures, title=word, steps=True),
        Chart(word, (Curve(word, ((0, 1.0), (1, 0.5), (2, float("nan")))),)),
        Bars(word, ((word, 3.0), ("b", 1.0)), unit=word),
        Table((word, "b"), ((word, "2"),), title=word),
        Notes((word,)),
    )
    return Report(word, word, ((word, word),), (Section(word, parts, word),))


class Tags(HTMLParser):
    """Remembers every tag and whether each is closed."""

    VOID = ("meta", "img", "line", "polyline", "circle", "br")

    def __init__(self):
        super().__init__()
        self.open, self.all, self.addresses = [], [], []

    def handle_starttag(self, tag, attributes):
        self.all.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.all.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(html):
    tags = Tags()
    tags.feed(html)
    return tags


def test_every_tag_is_closed_and_nothing_comes_from_outside():
    html = report_html(report())
    tags = parsed(html)

    assert tags.open == []
    assert tags.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in tags.addresses)
    assert not re.search(r"https?://|@import|url\(", html)
    assert "script" not in tags.all


def test_what_somebody_typed_stays_text():
    html = report_html(report(EVIL))

    assert "<script" not in html
    assert parsed(html).all == parsed(report_html(report())).all


def test_light_and_dark_follow_the_reader():
    assert "prefers-color-scheme: dark" in report_html(report())


def test_of_a_long_gallery_twelve_pictures_are_seen_and_the_rest_unfolds():
    gallery = Gallery(tuple(Figure(picture(), f"photo {number}") for number in range(20)))
    shown, _, folded = report_html(Report("a", "", (), (Section("b", (gallery,)),))).partition("<details>")

    assert (shown.count("<figure>"), folded.count("<figure>")) == (12, 8)
    assert folded.startswith("<summary>8 more</summary>")
    assert "photo 11" in shown
    assert "photo 12" in folded


def test_each_cell_of_a_table_knows_its_heading_for_narrow_windows():
    html = report_html(report("person"))

    assert '<td data-heading="person">person</td><td data-heading="b">2</td>' in html


def test_it_is_written_whole(tmp_path):
    target = write_report(tmp_path / "new", report())

    assert target.name == "report.html"
    assert target.read_text("utf-8").endswith("</html>\n")


def test_large_pictures_are_reduced():
    huge = Report("a", "", (), (Section("b", (Gallery((Figure(Image.effect_noise((3000, 2000), 90)),), side=100),)),))

    assert len(report_html(huge)) < 60_000


@pytest.mark.parametrize(
    "curves",
    [(), (Curve("a", ()),), (Curve("a", ((0, float("nan")), (1, float("inf")))),)],
    ids=["none", "empty", "no number"],
)
def test_a_chart_without_a_value_says_so(curves):
    assert "No values" in chart_svg(Chart("Loss", curves))


@pytest.mark.parametrize("points", [((0, 1.0),), ((0, 1.0), (1, 1.0)), ((0, -1e-9), (1e6, 1e9))])
def test_a_chart_stays_inside_its_frame(points):
    svg = chart_svg(Chart("Loss", (Curve("a", points),)))

    for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", re.search(r'points="([^"]+)"', svg)[1]):
        assert 0 <= float(x) <= 520
        assert 0 <= float(y) <= 240


@pytest.mark.parametrize("steps", [2, 6, 400, 1200, 20_000])
@pytest.mark.parametrize("scale", [0.001, 1.0, 500.0])
def test_no_word_of_a_chart_touches_another_or_leaves_the_drawing(steps, scale):
    """In the largest size that a page sets them in, 22 in the drawing's own units, a digit being 0.58 of that wide."""
    points = tuple((float(step), scale * (0.1 + 0.2 / step)) for step in (1, steps // 2, steps))
    svg = chart_svg(Chart("Loss", (Curve("a", points),), up="cosine"))

    words = []
    for x, y, anchor, middle, said in re.findall(
        r'<text x="([\d.-]+)" y="([\d.-]+)" text-anchor="(\w+)"( dominant-baseline="central")?>([^<]*)<', svg
    ):
        width, base = 0.58 * 22 * len(said), float(y) + (8 if middle else 0)
        left = float(x) - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        words.append((said, left, left + width, base - 16, base))
    assert {"step", "cosine"} < {word[0] for word in words}
    for one in words:
        assert one[1] >= 0, one
        assert one[2] <= 520.5, one
    for one, other in combinations(words, 2):
        is_apart = one[2] <= other[1] or other[2] <= one[1] or one[4] <= other[3] or other[4] <= one[3]
        assert is_apart, (one, other)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.5, 1]), (0, 100, [0, 50, 100]), (0.13, 0.42, [0.2, 0.3, 0.4]), (-1, 1, [-1, -0.5, 0, 0.5, 1])],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_the_longest_bar_is_full():
    assert re.findall(r"width:([\d.]+)%", bars_html(Bars("t", (("a", 4.0), ("b", 1.0))))) == ["100.0", "25.0"]
    assert "width" not in bars_html(Bars("t", ()))


def test_a_contact_sheet_shows_every_picture(tmp_path):
    sheet = contact_sheet(report())

    # Two tiles in one row, of which the second is a tall picture in a white square.
    assert sheet.width == 2 * 28 + 6 * 176 + 5 * 14
    teal = sum(count for count, colour in sheet.getcolors(1 << 20) if colour == (0, 128, 128))
    assert teal == pytest.approx(176 * 132 + 20 * 176, rel=0.02)
    assert write_sheet(tmp_path, report()).name == "report.png"


def test_a_report_without_pictures_still_has_a_sheet():
    assert contact_sheet(Report("empty", "", (), ())).height == 96
