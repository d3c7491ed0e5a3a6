"""The contact sheet of a run: its test pictures, a row for each checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from easyphoto.images.pictures import built_in_font, read_picture
from easyphoto.training.pictures import Picture, by_step, mean_score
from easyphoto.training.samples import Samples

SHEET_LINE = 16


def contact_sheet(pictures: Sequence[Picture], samples: Samples, *, root: Path) -> Image.Image:
    """An RGB sheet with a column per test picture: what it is compared with on top, then a row per checkpoint."""
    rows, heads, side = by_step(pictures), samples.columns, samples.cell
    height, font = side + round(SHEET_LINE * samples.letters / 10), built_in_font(samples.letters)
    sheet = Image.new("RGB", ((len(heads) + 1) * side, (len(rows) + 1) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for column, head in enumerate(heads, start=1):
        sheet.paste(head.image.resize((side, side)), (column * side, 0))
        draw.text((column * side + 4, side + 2), head.label, "black", font)
    columns = {head.number: column for column, head in enumerate(heads, start=1)}
    for row, (step, of_step) in enumerate(rows.items(), start=1):
        mean, label = mean_score(of_step), f"step {step}"
        draw.text((4, row * height + side // 2), label if mean is None else f"{label}\n{mean:.3f}", "black", font)
        for picture in of_step:
            place = (columns[picture.template] * side, row * height)
            sheet.paste(read_picture(root / picture.path).resize((side, side)), place)
            score = samples.unscored if picture.score is None else f"{picture.score:.3f}"
            draw.text((place[0] + 4, place[1] + side + 2), score, "black", font)
    return sheet
