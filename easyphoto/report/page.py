"""A report as one self-contained HTML file: no scripts, no requests, pictures embedded."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

from PIL import Image

from easyphoto.images.pictures import MADE_BY
from easyphoto.report.charts import bars_html, chart_svg
from easyphoto.report.parts import Bars, Chart, Figure, Gallery, Notes, Part, Report, Section, Table
from easyphoto.report.style import STYLE
from easyphoto.storage.files import write_text

MOST_UNFOLDED = 12
"""Pictures of a gallery that are seen at once; the others are behind a fold, so that the page stays short."""


def write_report(folder: Path, report: Report) -> Path:
    """Write `report.html` into `folder` atomically."""
    target = folder / "report.html"
    write_text(target, report_html(report))
    return target


def report_html(report: Report) -> str:
    facts = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in report.facts)
    words = f'<p class="lead">{escape(report.words)}</p>' if report.words else ""
    sections = "\n".join(_section(section) for section in report.sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(report.title)} · EasyPhoto</title>
<style>{STYLE}</style>
</head>
<body>
<header><p class="brand">EasyPhoto</p><h1>{escape(report.title)}</h1>{words}
<div class="facts">{facts}</div></header>
<main>
{sections}
</main>
<footer>{escape(MADE_BY)} · pictures here were made or changed with AI · nothing was sent anywhere</footer>
</body>
</html>
"""


def _section(section: Section) -> str:
    words = f'<p class="words">{escape(section.words)}</p>' if section.words else ""
    return f"<section><h2>{escape(section.title)}</h2>{words}{''.join(_part(part) for part in section.parts)}</section>"


def _part(part: Part) -> str:
    match part:
        case Gallery():
            return _gallery(part)
        case Chart():
            return f'<div class="chart"><h3>{escape(part.title)}</h3>{chart_svg(part)}</div>'
        case Bars():
            return f"<h3>{escape(part.title)}</h3>{bars_html(part)}"
        case Table():
            return _table(part)
        case Notes():
            return '<ul class="notes">' + "".join(f"<li>{escape(line)}</li>" for line in part.lines) + "</ul>"


def _gallery(gallery: Gallery) -> str:
    title = f"<h3>{escape(gallery.title)}</h3>" if gallery.title else ""
    figures = [_figure(figure, 2 * gallery.side) for figure in gallery.figures]
    # A fold for one or two would take as much room as they do.
    most = MOST_UNFOLDED if len(figures) > MOST_UNFOLDED + 2 else len(figures)
    folded = _grid(gallery, figures[most:])
    more = f"<details><summary>{len(figures) - most} more</summary>{folded}</details>" if folded else ""
    return f"{title}{_grid(gallery, figures[:most])}{more}"


def _grid(gallery: Gallery, figures: list[str]) -> str:
    kind = "gallery steps" if gallery.steps else "gallery"
    return f'<div class="{kind}" style="--side:{gallery.side}px">{"".join(figures)}</div>' if figures else ""


def _figure(figure: Figure, longest: int) -> str:
    badge = f'<span class="badge {figure.tone.value}">{escape(figure.badge)}</span>' if figure.badge else ""
    detail = f"<small>{escape(figure.detail)}</small>" if figure.detail else ""
    caption = f"<figcaption>{escape(figure.caption)}{detail}</figcaption>" if figure.caption or detail else ""
    return (
        f'<figure><div class="frame"><img src="{data_uri(figure.image, longest)}" alt="{escape(figure.caption)}">'
        f"{badge}</div>{caption}</figure>"
    )


def _table(table: Table) -> str:
    """Return the table; in a narrow window the style sheet makes each row a list that repeats the headings."""
    title = f"<h3>{escape(table.title)}</h3>" if table.title else ""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in table.headings)
    rows = "".join(f"<tr>{_cells(table, row)}</tr>" for row in table.rows)
    return f'{title}<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cells(table: Table, row: tuple[str, ...]) -> str:
    return "".join(
        f'<td data-heading="{escape(heading)}">{escape(cell)}</td>'
        for heading, cell in zip(table.headings, row, strict=True)
    )


def data_uri(picture: Image.Image, longest: int) -> str:
    """Return the picture as a data: URI of a JPEG, no side longer than `longest` pixels."""
    small = picture.convert("RGB")
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, format="JPEG", quality=90, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
