"""The galleries of a report as one picture, for places that cannot show HTML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from easyphoto.images.pictures import built_in_font, drawable, write_picture
from easyphoto.report.parts import Figure, Gallery, NoteTone, Report

GROUND, CARD, INK, SOFT = (246, 244, 240), (255, 255, 255), (29, 27, 25), (111, 106, 99)
TONES = {NoteTone.GOOD: (47, 125, 79), NoteTone.ASIDE: (154, 91, 0), NoteTone.PLAIN: SOFT}
SIDE, GAP, MARGIN, COLUMNS = 176, 14, 28, 6
CAPTION = 40


@dataclass(frozen=True)
class _SheetRow:
    title: str
    figures: tuple[Figure, ...]


def write_sheet(folder: Path, report: Report) -> Path:
    """Write `report.png` into `folder`."""
    return write_picture(folder / "report.png", contact_sheet(report), {"kind": "contact sheet"})


def contact_sheet(report: Report) -> Image.Image:
    """Return every gallery of the report, six pictures in a row, under its title."""
    rows = _rows(report)
    width = 2 * MARGIN + COLUMNS * SIDE + (COLUMNS - 1) * GAP
    height = 96 + sum(_height(row) for row in rows)
    sheet = Image.new("RGB", (width, height), GROUND)
    pen = ImageDraw.Draw(sheet)
    _write(pen, (MARGIN, 26), report.title, colour=INK, size=28, width=width - 2 * MARGIN)
    facts = " · ".join(f"{name} {value}" for name, value in report.facts)
    _write(pen, (MARGIN, 64), facts, colour=SOFT, size=13, width=width - 2 * MARGIN)
    top = 96
    for row in rows:
        _draw_row(sheet, pen, row, top)
        top += _height(row)
    return sheet


def _rows(report: Report) -> list[_SheetRow]:
    return [
        _SheetRow(" · ".join(filter(None, (section.title, part.title))), part.figures)
        for section in report.sections
        for part in section.parts
        if isinstance(part, Gallery) and part.figures
    ]


def _height(row: _SheetRow) -> int:
    lines = -(-len(row.figures) // COLUMNS)
    return 30 + lines * (SIDE + CAPTION + GAP)


def _draw_row(sheet: Image.Image, pen: ImageDraw.ImageDraw, row: _SheetRow, top: int) -> None:
    _write(pen, (MARGIN, top + 4), row.title, colour=INK, size=15, width=sheet.width - 2 * MARGIN)
    for index, figure in enumerate(row.figures):
        left = MARGIN + (index % COLUMNS) * (SIDE + GAP)
        upper = top + 30 + (index // COLUMNS) * (SIDE + CAPTION + GAP)
        sheet.paste(_tile(figure.image), (left, upper))
        words = figure.caption if not figure.badge else f"{figure.badge}: {figure.caption}"
        _write(pen, (left, upper + SIDE + 5), words, colour=TONES[figure.tone], size=12, width=SIDE)
        _write(pen, (left, upper + SIDE + 21), figure.detail, colour=SOFT, size=11, width=SIDE)


def _tile(picture: Image.Image) -> Image.Image:
    """Return the whole picture centred in a square."""
    small = picture.convert("RGB")
    factor = SIDE / max(small.size)
    size = max(1, round(small.width * factor)), max(1, round(small.height * factor))
    tile = Image.new("RGB", (SIDE, SIDE), CARD)
    tile.paste(small.resize(size, Image.Resampling.LANCZOS), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return tile


def _write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    words: str,
    *,
    colour: tuple[int, int, int],
    size: int,
    width: int,
) -> None:
    """Draw one line of text, shortened to `width` pixels."""
    font = built_in_font(size)
    words = drawable(words.replace("\n", " "), font)
    if pen.textlength(words, font=font) > width:
        while words and pen.textlength(words + "...", font=font) > width:
            words = words[:-1]
        words += "..."
    pen.text(place, words, colour, font=font)
