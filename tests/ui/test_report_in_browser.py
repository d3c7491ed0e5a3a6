"""A report in a phone's window and in a wide one, in headless Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from easyphoto.report.page import write_report
from easyphoto.report.parts import Bars, Chart, Curve, Figure, Gallery, Report, Section, Table
from tests.ui import test_browser as driver
from tests.ui.accessibility import findings

pytestmark = driver.pytestmark
browser = driver.browser
MOST_PIXELS = 16_000


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_a_report_of_a_whole_session_fits_a_phone_and_can_be_read_by_everybody(
    browser: Any, tmp_path: Path, shade: str
):
    written = write_report(tmp_path, _long_report())
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=shade)
    page = context.new_page()
    page.goto(written.as_uri())

    assert findings(page, part="body") == []
    for width in (390, 360):
        page.set_viewport_size({"width": width, "height": 800})
        across, down = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert across <= width
        assert down < MOST_PIXELS
    # The whole table is on the screen, each value beside its heading.
    cells = page.locator("td").evaluate_all("(cells) => cells.map((cell) => cell.getBoundingClientRect().right)")
    assert len(cells) == 12
    assert max(cells) <= 360
    context.close()


def _long_report() -> Report:
    teal = Image.new("RGB", (200, 200), "teal")
    detail = "a person with short hair in front of a wall, looking at the camera, in the evening, from the left"
    photos = Gallery(tuple(Figure(teal, f"{number:02d}.jpg", badge="kept", detail=detail) for number in range(40)))
    sections = (
        Section("Photos and verdicts", (photos,)),
        Section("Crops and masks", (photos,)),
        *(Section(f"Template {number}", (photos,)) for number in range(3)),
        Section("Likeness", _outcome(), "1 face found."),
    )
    return Report("anna", "photographed", (("photos", "40"), ("machine", "a machine with a long name")), sections)


def _outcome() -> tuple[Chart | Table | Bars, ...]:
    headings = ("person", "template before", "result after", "above own photos", "above strangers", "embedder")
    row = ("anna", "0.112", "0.611", "62 %", "99.2 %", "auraface")
    return (
        Chart("Loss", (Curve("smoothed", ((0, 1.0), (1, 0.5))),)),
        Table(headings, (row, row), "Likeness"),
        Bars("Time per phase", (("first pass", 20.0), ("plan", 1.0))),
    )
