"""The galleries of a report as one picture, for places that cannot show HTML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from easyphoto.images.pictures import built_in_font, drawable, write_picture
from easyphoto.report.parts import Figure, Gallery, NoteTone, Report

GROUND, CARD, INK, SOFT = (246, 244, 240), (255, 255, 255), (29, 27, 25), (111, 106, 99)
TONES = {NoteTone.GOOD: (47, 125, 79), NoteTone.ASIDE: (154, 91, 0), NoteTone.PLAIN: SOFT}
GAP, MARGIN, CAPTION = 14, 28, 40
MOST_HEIGHT = 1.5
"""Of a place that fits its picture, as a multiple of its width."""


@dataclass(frozen=True)
class SheetGrid:
    """The squares on which pictures stand, in pixels."""

    side: int = 176
    columns: int = 6
    is_fitted: bool = False
    """Whether a row is only as high as its pictures need; otherwise all stand on squares."""

    @property
    def width(self) -> int:
        return 2 * MARGIN + self.columns * self.side + (self.columns - 1) * GAP

    def height(self, row: _SheetRow) -> int:
        lines = -(-len(row.figures) // self.columns)
        return 30 + lines * (self.cell(row) + CAPTION + GAP)

    def cell(self, row: _SheetRow) -> int:
        """Return the height of a picture's place."""
        tallest = max(figure.image.height / figure.image.width for figure in row.figures)
        return round(self.side * min(tallest, MOST_HEIGHT)) if self.is_fitted else self.side


@dataclass(frozen=True)
class _SheetRow:
    title: str
    figures: tuple[Figure, ...]


PLAIN_GRID = SheetGrid()


def write_sheet(folder: Path, report: Report) -> Path:
    """Write `report.png` into `folder`."""
    return write_picture(folder / "report.png", contact_sheet(report), {"kind": "contact sheet"})


def contact_sheet(report: Report, grid: SheetGrid = PLAIN_GRID) -> Image.Image:
    """Return every gallery of the report under its title."""
    rows, width = _rows(report), grid.width
    height = 96 + sum(grid.height(row) for row in rows)
    sheet = Image.new("RGB", (width, height), GROUND)
    pen = ImageDraw.Draw(sheet)
    _write(pen, (MARGIN, 26), report.title, colour=INK, size=28, width=width - 2 * MARGIN)
    facts = " · ".join(f"{name} {value}" for name, value in report.facts)
    _write(pen, (MARGIN, 64), facts, colour=SOFT, size=13, width=width - 2 * MARGIN)
    top = 96
    for row in rows:
        _draw_row(sheet, pen, row, top, grid)
        top += grid.height(row)
    return sheet


def _rows(report: Report) -> list[_SheetRow]:
    return [
        _SheetRow(" · ".join(filter(None, (section.title, part.title))), part.figures)
        for section in report.sections
        for part in section.parts
        if isinstance(part, Gallery) and part.figures
    ]


def _draw_row(sheet: Image.Image, pen: ImageDraw.ImageDraw, row: _SheetRow, top: int, grid: SheetGrid) -> None:
    _write(pen, (MARGIN, top + 4), row.title, colour=INK, size=15, width=sheet.width - 2 * MARGIN)
    side, height = grid.side, grid.cell(row)
    for index, figure in enumerate(row.figures):
        left = MARGIN + (index % grid.columns) * (side + GAP)
        upper = top + 30 + (index // grid.columns) * (height + CAPTION + GAP)
        sheet.paste(_tile(figure.image, side, height), (left, upper))
        words = figure.caption if not figure.badge else f"{figure.badge}: {figure.caption}"
        _write(pen, (left, upper + height + 5), words, colour=TONES[figure.tone], size=12, width=side)
        _write(pen, (left, upper + height + 21), figure.detail, colour=SOFT, size=11, width=side)


def _tile(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Return the whole picture centred in its place."""
    small = picture.convert("RGB")
    factor = min(width / small.width, height / small.height)
    size = max(1, round(small.width * factor)), max(1, round(small.height * factor))
    tile = Image.new("RGB", (width, height), CARD)
    tile.paste(small.resize(size, Image.Resampling.LANCZOS), ((width - size[0]) // 2, (height - size[1]) // 2))
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
