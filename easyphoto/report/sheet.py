"""The galleries of a report as one picture, for places that show no HTML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from easyphoto.images import write_picture
from easyphoto.report.parts import Figure, Gallery, Report, Tone

GROUND, CARD, INK, SOFT = (246, 244, 240), (255, 255, 255), (29, 27, 25), (111, 106, 99)
TONES = {Tone.GOOD: (47, 125, 79), Tone.ASIDE: (154, 91, 0), Tone.PLAIN: SOFT}
SIDE, GAP, MARGIN, COLUMNS = 176, 14, 28, 6
CAPTION = 40


@dataclass(frozen=True)
class _Row:
    title: str
    figures: tuple[Figure, ...]


def write_sheet(folder: Path, report: Report) -> Path:
    """Write `report.png` into `folder`."""
    return write_picture(folder / "report.png", contact_sheet(report), {"kind": "contact sheet"})


def contact_sheet(report: Report) -> Image.Image:
    """Every gallery of the report, six pictures in a line, under its title."""
    rows = _rows(report)
    width = 2 * MARGIN + COLUMNS * SIDE + (COLUMNS - 1) * GAP
    height = 96 + sum(_height(row) for row in rows)
    sheet = Image.new("RGB", (width, height), GROUND)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 26), report.title, INK, font=_font(28))
    facts = " · ".join(f"{name} {value}" for name, value in report.facts)
    pen.text((MARGIN, 64), _shortened(pen, facts, width - 2 * MARGIN, 13), SOFT, font=_font(13))
    top = 96
    for row in rows:
        _draw_row(sheet, pen, row, top)
        top += _height(row)
    return sheet


def _rows(report: Report) -> list[_Row]:
    return [
        _Row(" · ".join(filter(None, (section.title, part.title))), part.figures)
        for section in report.sections
        for part in section.parts
        if isinstance(part, Gallery) and part.figures
    ]


def _height(row: _Row) -> int:
    lines = -(-len(row.figures) // COLUMNS)
    return 30 + lines * (SIDE + CAPTION + GAP)


def _draw_row(sheet: Image.Image, pen: ImageDraw.ImageDraw, row: _Row, top: int) -> None:
    pen.text((MARGIN, top + 4), row.title, INK, font=_font(15))
    for index, figure in enumerate(row.figures):
        left = MARGIN + (index % COLUMNS) * (SIDE + GAP)
        upper = top + 30 + (index // COLUMNS) * (SIDE + CAPTION + GAP)
        sheet.paste(_tile(figure.image), (left, upper))
        words = figure.caption if not figure.badge else f"{figure.badge}: {figure.caption}"
        pen.text((left, upper + SIDE + 5), _shortened(pen, words, SIDE, 12), TONES[figure.tone], font=_font(12))
        pen.text((left, upper + SIDE + 21), _shortened(pen, figure.detail, SIDE, 11), SOFT, font=_font(11))


def _tile(picture: Image.Image) -> Image.Image:
    """The picture whole, in the middle of a square."""
    small = picture.convert("RGB")
    factor = SIDE / max(small.size)
    size = max(1, round(small.width * factor)), max(1, round(small.height * factor))
    tile = Image.new("RGB", (SIDE, SIDE), CARD)
    tile.paste(small.resize(size, Image.Resampling.LANCZOS), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return tile


def _shortened(pen: ImageDraw.ImageDraw, words: str, width: int, size: int) -> str:
    words = words.replace("\n", " ")
    if pen.textlength(words, font=_font(size)) <= width:
        return words
    while words and pen.textlength(words + "…", font=_font(size)) > width:
        words = words[:-1]
    return words + "…"


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1 has one size only.
        return ImageFont.load_default()
